import { describe, expect, test } from 'vitest';
import type { OneShot, TaskContext } from '../../src/modules/module.ts';
import { runByHand } from '../../src/runner/manual.ts';
import type { Runner } from '../../src/runner/runner.ts';
import { at } from '../support/builders.ts';
import { lifeOf, taskNames } from '../support/one-shots.ts';
import type { Columns, PlainTask } from '../support/virtual-database.ts';
import { createGate } from '../support/virtual-modules.ts';
import { openVirtualWorld, tickOf, type VirtualWorld } from '../support/virtual-runner.ts';

type Work = (context: TaskContext) => unknown;

/** A world whose task `parent`, every 5 minutes from 12:00, does this in each of its runs. */
async function worldWhere(
  work: Work,
  { columns, nodes = ['alpha'] }: { readonly columns?: Columns; readonly nodes?: readonly string[] } = {},
): Promise<VirtualWorld & { readonly said: unknown[] }> {
  const world = await openVirtualWorld();
  const parent: PlainTask = { name: 'parent', nodes, columns: { module: 'call', ...columns } };
  world.addTask(parent);
  const said: unknown[] = [];
  world.script.call = async (task, context) => {
    if (task === 'parent') {
      said.push(await Promise.resolve(work(context)).catch((error: Error) => error.message));
    }
  };
  return { ...world, script: world.script, said };
}

const schedule =
  (oneShot: OneShot): Work =>
  (context) =>
    context.schedule(oneShot);

/** Only the first run of the parent does it. */
function once(work: Work): Work {
  let isDone = false;
  return (context) => {
    const isFirst = !isDone;
    isDone = true;
    return isFirst ? work(context) : undefined;
  };
}

function rowOf({ sql }: VirtualWorld, name: string) {
  const [row] = sql.prepare('SELECT * FROM periodic_task WHERE name = ?').all(name);
  return row as Readonly<Record<string, unknown>> | undefined;
}

describe('after so many ticks', () => {
  test.each([
    [0, '12:06'],
    [1, '12:07'],
    [2, '12:08'],
  ])(
    '%i the task runs at %s, never within the tick that made it, and is gone with that',
    async (after, due) => {
      const world = await worldWhere(once(schedule({ name: ' later ', module: 'succeed', after })));
      await world.tick('12:05');
      expect(world.said).toEqual(['later']);
      expect(world.ledger()).toEqual(['parent 12:05 succeeded']);
      expect(rowOf(world, 'later')).toMatchObject({
        schedule_kind: 'ticks',
        schedule: String(after),
        owner: 'task:parent',
        scope: 'each',
      });
      for (const time of ['12:06', '12:07', '12:08', '12:09']) {
        await world.tick(time);
      }
      expect(world.ledger()).toEqual(['parent 12:05 succeeded', `later ${due} succeeded`]);
      expect(taskNames(world)).toEqual(['parent']);
    },
  );

  test('one that asks for itself again comes every so many ticks, until it does not', async () => {
    const world = await worldWhere(once(schedule({ name: 'again', module: 'call', after: 1 })));
    const work = world.script.call;
    let left = 2;
    world.script.call = async (task, context) => {
      await work(task, context);
      if (task === 'again' && left > 0) {
        left -= 1;
        await context.schedule({ name: 'again', after: 1 });
      }
    };
    for (let minute = 5; minute < 20; minute += 1) {
      await world.tick(`12:${String(minute).padStart(2, '0')}`);
    }
    expect(world.ledger().filter((line) => line.startsWith('again'))).toEqual([
      'again 12:07 succeeded',
      'again 12:09 succeeded',
      'again 12:11 succeeded',
    ]);
    expect(taskNames(world)).toEqual(['parent']);
  });
});

describe('at an instant', () => {
  test('the task runs at the first tick from then on, and is gone', async () => {
    const world = await worldWhere(
      once(schedule({ name: 'then', module: 'succeed', at: new Date(at('12:06:30')) })),
    );
    await world.tick('12:05');
    expect(world.stateRow('then')['next_slot']).toBe(null);
    await world.tick('12:06');
    expect(world.ledger()).toEqual(['parent 12:05 succeeded']);
    await world.tick('12:07');
    expect(world.ledger().at(-1)).toBe('then 12:06:30 succeeded');
    expect(taskNames(world)).toEqual(['parent']);
  });

  test('one that asks for itself again comes at that instant', async () => {
    const world = await worldWhere(
      once(schedule({ name: 'then', module: 'call', at: new Date(at('12:06')) })),
    );
    const work = world.script.call;
    world.script.call = async (task, context) => {
      await work(task, context);
      if (task === 'then' && world.clock.now < at('12:08')) {
        await context.schedule({ name: 'then', at: new Date(at('12:08')) });
      }
    };
    for (const time of ['12:05', '12:06', '12:07', '12:08', '12:09']) {
      await world.tick(time);
    }
    expect(world.ledger()).toEqual([
      'parent 12:05 succeeded',
      'then 12:06 succeeded',
      'then 12:08 succeeded',
    ]);
    expect(taskNames(world)).toEqual(['parent']);
  });
});

describe('it is refused, and nothing is written', () => {
  test.each<[string, unknown, string]>([
    ['without a time', { name: 'a' }, 'schedule: expected either after or at, got neither'],
    ['with two', { name: 'a', after: 1, at: new Date(0) }, 'schedule: expected either after or at, got both'],
    ['with half a tick', { name: 'a', after: 0.5 }, 'a whole number of ticks from 0 to 1000000, got 0.5'],
    ['with a negative number of them', { name: 'a', after: -1 }, 'from 0 to 1000000, got -1'],
    ['at no date', { name: 'a', at: new Date(Number.NaN) }, 'from 1970 to 9999'],
    [
      'at an instant that has passed',
      { name: 'a', at: new Date(at('12:05')) },
      'at: expected an instant to come, got',
    ],
    ['without a name', { after: 1 }, 'schedule: name: expected text, got nothing'],
    [
      'with options that are no JSON',
      { name: 'a', after: 1, options: { a: () => 1 } },
      'options.a: expected JSON',
    ],
    [
      'with options that its module does not know',
      { name: 'a', module: 'succeed', after: 1, options: { no: 1 } },
      'options.no: ',
    ],
    ['with an unknown module', { name: 'a', module: 'sucseed', after: 1 }, 'module: '],
    ['with a field that nobody knows', { name: 'a', after: 1, nodes: ['b'] }, 'got "nodes"'],
    ['with its own name, which is that of no one-shot', { name: 'parent', after: 1 }, 'which is no one-shot'],
    [
      'with the name of a task of an operator',
      { name: 'other', after: 1, replace: true },
      'an operator made that task',
    ],
  ])('%s', async (_title, oneShot, message) => {
    const world = await worldWhere(once(schedule(oneShot as OneShot)));
    world.addTask({ name: 'other', columns: { schedule: '1d' } });
    await world.tick('12:05');
    expect(world.said).toEqual([expect.stringContaining(message)]);
    expect(taskNames(world)).toEqual(['parent', 'other']);
  });

  test('with the name of one that waits, unless it is to take its place', async () => {
    const world = await worldWhere(async (context) => {
      await context.schedule({ name: 'a', module: 'succeed', after: 5 });
      const refused = await context
        .schedule({ name: 'a', module: 'fail', after: 0 })
        .catch((error) => error.message);
      await context.schedule({ name: 'a', module: 'fail', after: 1, replace: true });
      return refused;
    });
    await world.tick('12:05');
    expect(world.said).toEqual([expect.stringContaining('this task has scheduled it before (replace: true')]);
    expect(rowOf(world, 'a')).toMatchObject({ module: 'fail', schedule: '1' });
    await world.tick('12:06');
    await world.tick('12:07');
    expect(world.ledger().at(-1)).toBe('a 12:07 failed');
    expect(taskNames(world)).toEqual(['parent']);
  });

  test('with the name of one that another task scheduled', async () => {
    const world = await worldWhere(schedule({ name: 'a', module: 'succeed', after: 9, replace: true }));
    world.addTask({ name: 'b', columns: { module: 'succeed', owner: 'task:other', remove_when_done: 1 } });
    world.changeTask('b', { name: 'a' });
    await world.tick('12:05');
    expect(world.said).toEqual([expect.stringContaining('it belongs to task:other')]);
  });

  test('with the name of one that runs', async () => {
    const world = await worldWhere(once(schedule({ name: 'a', module: 'call', after: 0 })));
    await world.tick('12:05');
    const work = world.script.call;
    const refused: string[] = [];
    world.script.call = async (task, context) => {
      await work(task, context);
      if (task === 'a') {
        const runner = world.otherRunner({});
        world.script.call = async (_task, parent) => {
          refused.push(
            await parent.schedule({ name: 'a', after: 0, replace: true }).catch((error) => error.message),
          );
        };
        world.sql
          .prepare("UPDATE periodic_task_state SET earliest_start = '' WHERE scope_key = 'alpha'")
          .run();
        await tickOf(runner, world, '12:10');
      }
    };
    await world.tick('12:06');
    expect(refused).toEqual([expect.stringContaining('it has started already')]);
  });

  test('of two at the same time the second is refused', async () => {
    const results: string[] = [];
    const world = await worldWhere(async (context) => {
      const wishes = [3, 9].map((after) => context.schedule({ name: 'later', module: 'succeed', after }));
      for (const { status } of await Promise.allSettled(wishes)) {
        results.push(status);
      }
    });
    await world.tick('12:05');
    expect(results).toEqual(['fulfilled', 'rejected']);
    expect(rowOf(world, 'later')).toMatchObject({ schedule: '3' });
  });

  test('with its own name for another module, which keeps no place that only the module before had', async () => {
    const world = await worldWhere(once(schedule({ name: 'a', module: 'call', after: 0 })));
    await world.tick('12:05');
    world.script.call = async (_task, context) => {
      world.sql.prepare("UPDATE periodic_task SET memory_limit_bytes = 268435456, run_user = 'me'").run();
      await context.schedule({ name: 'a', module: 'succeed', options: {}, after: 0 });
    };
    await world.tick('12:06');
    expect(rowOf(world, 'a')).toMatchObject({ module: 'succeed', memory_limit_bytes: null, run_user: null });
  });

  test('with its own name, in a run by hand, which moves no slot', async () => {
    const world = await openVirtualWorld();
    const columns = { schedule_kind: 'at', schedule: '2026-03-10T12:30:00.000Z', remove_when_done: 1 };
    const taskId = world.addTask({ name: 'backup', columns: { ...columns, module: 'call' } });
    await world.tick('12:05');
    const before = world.stateRow('backup');
    const refused: string[] = [];
    world.script.call = async (_task, context) => {
      const oneShot = { name: 'backup', at: new Date(at('18:00')) };
      refused.push(await context.schedule(oneShot).catch((error) => error.message));
    };
    world.clock.now = at('12:06');
    await runByHand(world.runner, { taskId, overrides: {}, isOwnNode: true });
    expect(refused).toEqual([expect.stringContaining('whose slot no run by hand moves')]);
    // The claim of a run by hand raises the epoch, and changes nothing else.
    expect(world.stateRow('backup')).toEqual({ ...before, epoch: Number(before['epoch']) + 1 });
    expect(rowOf(world, 'backup')).toMatchObject({ schedule: columns.schedule });
  });

  test('by a run that was given up meanwhile', async () => {
    const world = await worldWhere(async (context) => {
      world.sql.prepare("UPDATE periodic_run SET status = 'lost', live_node = NULL").run();
      await context.schedule({ name: 'a', module: 'succeed', after: 0 });
    });
    await world.tick('12:05');
    expect(world.said).toEqual([
      expect.stringContaining('expected one that goes on, got one that was given up'),
    ]);
    expect(taskNames(world)).toEqual(['parent']);
  });
});

describe('another attempt of the same slot', () => {
  /** Each attempt of the slot 12:05 schedules `a` and, but for the last, fails. */
  async function retriedWorld(oneShot: OneShot, attempts = 2) {
    const world = await openVirtualWorld();
    const columns = { module: 'call', schedule: '1h', first_delay_s: 300, retry_limit: 3, retry_delay_s: 60 };
    world.addTask({ name: 'parent', columns });
    let made = 0;
    world.script.call = async (task, { schedule }) => {
      if (task !== 'a') {
        made += 1;
        await schedule(oneShot);
        if (made < attempts) {
          throw new Error('boom');
        }
      }
    };
    await world.tick('12:05');
    return world;
  }

  test('takes the place of what the earlier one scheduled, and so counts from then', async () => {
    const world = await retriedWorld({ name: 'a', module: 'succeed', after: 3 });
    const before = rowOf(world, 'a');
    expect(before).toMatchObject({ scheduled_slot: '2026-03-10T12:05:00.000Z' });
    world.changeTask('parent', { name: 'renamed' });
    for (const time of ['12:06', '12:07', '12:08', '12:09']) {
      await world.tick(time);
    }
    expect(world.ledger()).toEqual(['parent 12:05 failed (retry)', 'renamed 12:05 #2 succeeded']);
    expect(rowOf(world, 'a')?.['id']).not.toBe(before?.['id']);
    await world.tick('12:10');
    expect(world.ledger().at(-1)).toBe('a 12:10 succeeded');
    expect(lifeOf(world, 'a').filter((event) => event === 'created')).toHaveLength(2);
  });

  test('leaves it as it is once it has started, and is content with that', async () => {
    const gate = createGate();
    const world = await retriedWorld({ name: 'a', module: 'call', after: 0, replace: true });
    const parent = world.script.call;
    world.script.call = (task, context) => (task === 'a' ? gate.wait() : parent(task, context));
    world.changeTask('parent', { ordering: 1 });
    const tick = tickOf(world.otherRunner({}), world, '12:06');
    await gate.reached;
    await world.tick('12:06');
    expect(world.ledger()).toEqual([
      'parent 12:05 failed (retry)',
      'a 12:06 running',
      'parent 12:05 #2 succeeded',
    ]);
    gate.open();
    await tick;
    expect(taskNames(world)).toEqual(['parent']);
    expect(lifeOf(world, 'a').filter((event) => event === 'created')).toHaveLength(1);
  });

  test('adds it anew when it is done and gone', async () => {
    const world = await retriedWorld({ name: 'a', module: 'succeed', after: 0 });
    world.changeTask('parent', { ordering: 1 });
    await world.tick('12:06');
    await world.tick('12:07');
    expect(world.ledger()).toEqual([
      'parent 12:05 failed (retry)',
      'a 12:06 succeeded',
      'parent 12:05 #2 succeeded',
      'a 12:07 succeeded',
    ]);
  });

  test('is refused what another slot scheduled, or another node', async () => {
    const world = await worldWhere(schedule({ name: 'a', module: 'succeed', after: 50 }), {
      nodes: ['alpha', 'beta'],
    });
    await world.tick('12:05');
    await tickOf(world.otherRunner({ node: { ...world.runner.node, name: 'beta' } }), world, '12:05');
    await world.tick('12:10');
    const refused = expect.stringContaining('this task has scheduled it before');
    expect(world.said).toEqual(['a', refused, refused]);
  });
});

test('a one-shot that an older program added is known by its owner', async () => {
  const world = await worldWhere(schedule({ name: 'a', module: 'succeed', after: 9, replace: true }));
  const columns = { schedule_kind: 'ticks', schedule: '9', remove_when_done: 1, owner: 'task:parent' };
  world.addTask({ name: 'a', columns });
  await world.tick('12:05');
  expect(world.said).toEqual(['a']);
  expect(rowOf(world, 'a')).toMatchObject({ scheduled_slot: '2026-03-10T12:05:00.000Z' });
});

test('a fault of its definition is no start: such a one-shot may be replaced', async () => {
  const world = await worldWhere(schedule({ name: 'a', module: 'succeed', after: 50, replace: true }));
  await world.tick('12:05');
  world.changeTask('a', { options: '{"no": 1}' });
  await world.tick('12:06');
  expect(world.ledger().at(-1)).toBe('a fault failed (invalid)');
  await world.tick('12:10');
  expect(world.said).toEqual(['a', 'a']);
  expect(rowOf(world, 'a')).toMatchObject({ options: '{}' });
});

describe('a commit that went unanswered', () => {
  type Transaction = VirtualWorld['runner']['driver']['transaction'];

  /** The world's runner, whose first transaction that adds a one-shot is cut off at its commit. */
  function cutOff(
    world: VirtualWorld,
    atCommit: (...args: Parameters<Transaction>) => Promise<unknown>,
  ): Runner {
    const { driver } = world.runner;
    let isWhole = true;
    const transaction = async (...args: Parameters<Transaction>) => {
      let adds = false;
      const watched: Parameters<Transaction>[0] = (statements) =>
        args[0]({
          ...statements,
          run: (sql, params) => {
            adds ||= /INSERT INTO periodic_task /.test(sql);
            return statements.run(sql, params);
          },
        });
      const rolledBack = new Error('rolled back');
      if (isWhole && args[1]?.confirm !== undefined) {
        await driver
          .transaction(async (statements) => {
            await watched(statements);
            throw rolledBack;
          })
          .catch((error: unknown) => {
            if (error !== rolledBack) {
              throw error;
            }
          });
      }
      if (!adds || !isWhole) {
        return driver.transaction(...args);
      }
      isWhole = false;
      return atCommit(...args);
    };
    return world.otherRunner({ driver: { ...driver, transaction: transaction as Transaction } });
  }

  const again: (world: VirtualWorld, ...args: Parameters<Transaction>) => Promise<unknown> = (
    { runner: { driver } },
    work,
    options,
  ) =>
    driver.transaction(async (statements) => {
      const before = await options?.confirm?.(statements, 'before');
      return before ?? work(statements);
    });

  test('and never came is done again, although the same one waits already', async () => {
    const world = await worldWhere(schedule({ name: 'a', module: 'succeed', after: 3, replace: true }));
    await world.tick('12:05');
    await world.tick('12:06');
    const [first] = [rowOf(world, 'a')?.['id']];
    await tickOf(
      cutOff(world, (...args) => again(world, ...args)),
      world,
      '12:10',
    );
    expect(world.said).toEqual(['a', 'a']);
    expect(rowOf(world, 'a')?.['id']).not.toBe(first);
    expect(world.stateRow('a')).toMatchObject({ counted_from: '2026-03-10T12:10:00.000Z' });
  });

  test('and came is not done again, although the task has run elsewhere and is gone', async () => {
    const world = await worldWhere(once(schedule({ name: 'a', module: 'succeed', after: 0 })), {
      columns: { scope: 'one' },
      nodes: ['alpha', 'beta'],
    });
    const beta = world.otherRunner({ node: { ...world.runner.node, name: 'beta' } });
    const runner = cutOff(world, async (work, options) => {
      await world.runner.driver.transaction(work);
      await tickOf(beta, world, '12:06');
      return again(world, work, options);
    });
    await tickOf(runner, world, '12:05');
    await world.tick('12:07');
    expect(world.said).toEqual(['a']);
    expect(world.ledger()).toEqual(['parent 12:05 succeeded', 'a 12:06 succeeded']);
    expect(taskNames(world)).toEqual(['parent']);
  });

  test('and came while the work was done again counts alone', async () => {
    const world = await worldWhere(once(schedule({ name: 'a', module: 'succeed', after: 9 })));
    let ids: unknown[] = [];
    const runner = cutOff(world, async (work) => {
      await world.runner.driver.transaction(work);
      ids = [rowOf(world, 'a')?.['id']];
      return world.runner.driver.transaction(work);
    });
    await tickOf(runner, world, '12:05');
    expect(world.said).toEqual(['a']);
    expect([rowOf(world, 'a')?.['id']]).toEqual(ids);
  });
});

test('a task of scope one stays one: any of its nodes runs the one-shot, by the ticks of all', async () => {
  const world = await worldWhere(once(schedule({ name: 'later', module: 'succeed', after: 1 })), {
    columns: { scope: 'one' },
    nodes: ['alpha', 'beta'],
  });
  await world.tick('12:05');
  const beta = world.otherRunner({ node: { ...world.runner.node, name: 'beta' } });
  await tickOf(beta, world, '12:06');
  await tickOf(beta, world, '12:07');
  expect(world.ledger()).toEqual(['parent 12:05 succeeded', 'later 12:07 succeeded']);
  expect(taskNames(world)).toEqual(['parent']);
});

test('the one-shot has the conditions of its task, and no more of it than that', async () => {
  const world = await worldWhere(schedule({ name: 'later', after: 9 }), {
    columns: {
      options: '{"times": 2}',
      ordering: 3,
      retry_limit: 1,
      offline_resource: 'back',
      offline: 'skip',
    },
  });
  world.sql
    .prepare(
      "INSERT INTO periodic_resource (name, probe, target, created_at) VALUES ('back', 'none', '{}', '2026-03-10T12:00:00.000Z')",
    )
    .run();
  await world.tick('12:05');
  expect(world.said).toEqual(['later']);
  expect(rowOf(world, 'later')).toMatchObject({
    module: 'call',
    options: '{"times":2}',
    offline_resource: 'back',
    offline: 'skip',
    ordering: 0,
    retry_limit: 0,
  });
});

test('whoever made it, and that it went, stands in the audit; its life is told', async () => {
  const world = await worldWhere(once(schedule({ name: 'later', module: 'succeed', after: 0 })));
  await world.tick('12:05');
  await world.tick('12:06');
  const audit = world.sql
    .prepare(
      "SELECT action, actor FROM periodic_audit WHERE task_name = 'later' AND action IN ('created', 'removed') ORDER BY id",
    )
    .all();
  expect(audit).toEqual([
    { action: 'created', actor: 'task parent' },
    { action: 'removed', actor: 'periodic-cron' },
  ]);
  expect(lifeOf(world, 'later')).toEqual([
    'created',
    'claimed',
    'started',
    'finished',
    'terminated',
    'removed',
  ]);
});
