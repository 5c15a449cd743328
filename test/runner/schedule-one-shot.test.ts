import { describe, expect, test } from 'vitest';
import type { OneShot, TaskContext } from '../../src/modules/module.ts';
import { at } from '../support/builders.ts';
import type { Columns, PlainTask } from '../support/virtual-database.ts';
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

function taskNames({ sql }: VirtualWorld): readonly unknown[] {
  return sql.prepare('SELECT name FROM periodic_task ORDER BY id').pluck().all();
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
  const told = world.events.flatMap((event) =>
    event.kind === 'life' && event.life.task === 'later' ? [event.life.event] : [],
  );
  expect(told).toEqual(['created', 'claimed', 'started', 'finished', 'terminated', 'removed']);
});

describe('a task that is to go when it is done', () => {
  const COLUMNS = { schedule_kind: 'ticks', schedule: '0', remove_when_done: 1 } as const;

  test.each([
    ['succeeds', 'succeed', 'succeeded'],
    ['fails', 'fail', 'failed'],
    ['stops', 'stop', 'stopped'],
  ])('goes when it %s', async (_title, module, status) => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'backup', columns: { ...COLUMNS, module } });
    await world.tick('12:05');
    expect(world.ledger()).toEqual([`backup 12:05 ${status}`]);
    expect(taskNames(world)).toEqual([]);
  });

  test('stays while an attempt is pending', async () => {
    const world = await openVirtualWorld();
    const columns = { module: 'fail_at_first', options: '{"times": 1}', retry_limit: 1 };
    world.addTask({ name: 'backup', columns: { ...COLUMNS, ...columns } });
    await world.tick('12:05');
    expect(taskNames(world)).toEqual(['backup']);
    await world.tick('12:06');
    expect(world.ledger()).toEqual(['backup 12:05 failed (retry)', 'backup 12:05 #2 succeeded']);
    expect(taskNames(world)).toEqual([]);
  });

  test('goes when its only slot is skipped', async () => {
    const world = await openVirtualWorld();
    const columns = { schedule_kind: 'at', schedule: '2026-03-10T12:05Z', start_deadline_s: 60 };
    world.addTask({ name: 'backup', columns: { ...COLUMNS, ...columns } });
    await world.tick('12:30');
    expect(world.ledger()).toEqual(['backup 12:05 skipped (too_late)']);
    expect(taskNames(world)).toEqual([]);
  });

  test('goes when a result that waited in the spool is recorded', async () => {
    const world = await openVirtualWorld({ busyLimitMs: 50 });
    world.addTask({ name: 'backup', columns: { ...COLUMNS, module: 'call' } });
    world.script.call = () => world.lockWrites();
    await world.tick('12:05');
    world.unlockWrites();
    expect(taskNames(world)).toEqual(['backup']);
    await world.tick('12:06');
    expect(world.ledger()).toEqual(['backup 12:05 succeeded']);
    expect(taskNames(world)).toEqual([]);
  });

  test('goes with the last of its nodes', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'backup', nodes: ['alpha', 'beta'], columns: COLUMNS });
    await world.tick('12:05');
    expect(taskNames(world)).toEqual(['backup']);
    await tickOf(world.otherRunner({ node: { ...world.runner.node, name: 'beta' } }), world, '12:06');
    expect(taskNames(world)).toEqual([]);
    expect(world.ledger()).toEqual(['backup 12:05 succeeded', 'backup 12:06 succeeded']);
  });
});
