import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { TaskContext } from '../../src/modules/module.ts';
import { at, taskWith } from '../support/builders.ts';
import type { Columns } from '../support/virtual-database.ts';
import { createGate } from '../support/virtual-modules.ts';
import { openVirtualWorld, tickOf, type VirtualWorld } from '../support/virtual-runner.ts';
import { claimSlot } from '../support/virtual-runs.ts';

type Case = { readonly name: string; readonly setup: unknown; readonly expect: unknown };

/** Cases of other systems in which a task acts on another one, played with whole ticks. */
const CASES: readonly Case[] = JSON.parse(
  readFileSync(new URL('../core/cases/periodic_task_apis.json', import.meta.url), 'utf8'),
);

function caseOf(name: string): Case {
  const found = CASES.find((one) => one.name === name);
  if (found === undefined) {
    throw new Error(`expected a case ${name}`);
  }
  return found;
}

type Work = (context: TaskContext) => unknown;

/** A world with the task `asks`, every 5 minutes from 12:00, that does this once. */
async function worldWhere(
  work: Work,
  columns: Columns = {},
): Promise<VirtualWorld & { readonly said: unknown[] }> {
  const world = await openVirtualWorld();
  world.addTask({ name: 'asks', columns: { module: 'call', ...columns } });
  const said: unknown[] = [];
  world.script.call = async (task, context) => {
    if (task === 'asks' && said.length === 0) {
      said.push(await Promise.resolve(work(context)).catch((error: Error) => error.message));
    }
  };
  return { ...world, script: world.script, said };
}

describe('a task that postpones another', () => {
  test('as in the case full_done_postpones_smart moves its next slot a whole period away', async () => {
    expect(caseOf('full_done_postpones_smart').expect).toEqual({ smart_next: 't1 + smart period' });
    const world = await worldWhere(({ postpone }) => postpone('smart'));
    world.addTask({ name: 'smart', columns: { schedule: '12m', anchor: 'start' } });
    await world.tick('12:05');
    expect(world.stateRow('smart')).toMatchObject({ next_slot: '2026-03-10T12:17:00.000Z' });
    await world.tick('12:12');
    expect(world.ledger().filter((line) => line.startsWith('smart'))).toEqual([]);
    await world.tick('12:17');
    expect(world.ledger()).toContain('smart 12:17 succeeded');
    const [audit] = world.sql.prepare("SELECT actor FROM periodic_audit WHERE action = 'postponed'").all();
    expect(audit).toEqual({ actor: 'task asks' });
  });

  test('as in the case postpone takes the first delay back', async () => {
    const { setup } = caseOf('postpone') as { setup: { period: number; first_delay: number } };
    const world = await worldWhere(({ postpone }) => postpone('put_off'));
    const columns = { schedule: `${setup.period}m`, first_delay_s: setup.first_delay * 60 };
    world.addTask({ name: 'put_off', columns });
    await world.tick('12:05');
    expect(world.stateRow('put_off')).toMatchObject({
      next_slot: '2026-03-10T12:35:00.000Z',
      first_slot: null,
    });
  });

  test('as in the case postpone_cancels_running asks its live run to end', async () => {
    expect(caseOf('postpone_cancels_running').expect).toMatchObject({ running: false });
    const gate = createGate();
    const world = await worldWhere(async (context) => {
      const before = await context.isRunning('long');
      await context.postpone('long');
      return before;
    });
    world.addTask({ name: 'long', columns: { module: 'call', schedule: '1m' } });
    const work = world.script.call;
    world.script.call = (task, context) => (task === 'long' ? gate.wait() : work(task, context));
    const long = tickOf(world.otherRunner({}), world, '12:01');
    await gate.reached;
    await world.tick('12:05');
    expect(world.said).toEqual([true]);
    const [run] = world.sql
      .prepare("SELECT cancel_requested FROM periodic_run WHERE task_name = 'long' ORDER BY id")
      .all();
    expect(run).toEqual({ cancel_requested: 'postponed' });
    gate.open();
    await long;
  });

  test('is told of a name that no task has, and of a task that has no period', async () => {
    const refusals = async ({ postpone, isRunning }: TaskContext) => [
      await postpone('smrat').catch((error) => error.message),
      await isRunning('smrat').catch((error) => error.message),
      await postpone('byhand').catch((error) => error.message),
      await postpone('elsewhere').catch((error) => error.message),
    ];
    const world = await worldWhere(refusals);
    world.addTask({ name: 'smart' });
    world.addTask({ name: 'byhand', columns: { schedule_kind: 'manual', schedule: '' } });
    world.addTask({ name: 'elsewhere', nodes: ['beta'] });
    await world.tick('12:05');
    expect(world.said).toEqual([
      [
        'there is no task "smrat" (did you mean smart?)',
        'there is no task "smrat" (did you mean smart?)',
        expect.stringContaining('expected a task with a period, got "byhand"'),
        'task "elsewhere" has no state on node "alpha"',
      ],
    ]);
  });
});

test('a task that postpones itself is not ended by that, and comes a period later', async () => {
  const world = await worldWhere(
    async (context) => {
      world.clock.now = at('12:06:30');
      await context.postpone('asks');
      return context.isRunning('asks');
    },
    { schedule: '5m' },
  );
  await world.tick('12:05');
  expect(world.said).toEqual([true]);
  expect(world.runRows()).toMatchObject([{ status: 'succeeded', cancel_requested: null }]);
  expect(world.stateRow('asks')).toMatchObject({ next_slot: '2026-03-10T12:11:00.000Z' });
});

test('a one-shot that is done does not run, and one that was removed may still', async () => {
  const said: unknown[] = [];
  const world = await openVirtualWorld();
  world.addTask({ name: 'asks', columns: { module: 'call', schedule: '1m' } });
  world.script.call = async (task, { schedule, isRunning }) => {
    if (task === 'asks') {
      said.push(await isRunning('later').catch((error) => error.message));
      if (said.length === 1) {
        await schedule({ name: 'later', module: 'call', after: 0 });
      }
      if (said.length === 2) {
        await claimSlot(world.runner.driver, world.addTask({ name: 'gone' }), '12:00', { taskName: 'gone' });
        world.sql.exec("DELETE FROM periodic_task WHERE name = 'gone'");
        said.push(await isRunning('gone'));
      }
    }
  };
  await world.tick('12:01');
  await world.tick('12:02');
  expect(world.ledger()).toContain('later 12:02 succeeded');
  await world.tick('12:03');
  expect(said).toEqual(['there is no task "later"', false, true, false]);
});

test.each([
  ['its own task, whose slot another attempt has taken', 'asks'],
  ['a task with due slots', 'other'],
])('a run that was given up postpones nothing: not %s', async (_title, name) => {
  const world = await worldWhere(async (context) => {
    world.sql.prepare("UPDATE periodic_run SET status = 'lost', live_node = NULL").run();
    await claimSlot(world.runner.driver, context.task.id, '12:05', { attempt: 2 });
    world.clock.now = at('12:08');
    await context.postpone(name);
  });
  world.addTask({ name: 'other', columns: { schedule: '8m' } });
  await world.tick('12:05');
  expect(world.said).toEqual(['expected a run that goes on, got one that was given up']);
  expect(world.runRows()).toMatchObject([
    { status: 'lost' },
    { status: 'running', attempt: 2, cancel_requested: null },
  ]);
  expect(world.sql.prepare("SELECT id FROM periodic_audit WHERE action = 'postponed'").all()).toEqual([]);
});

test('a task runs while a run of it is alive on any node, by hand or not', async () => {
  const gate = createGate();
  const world = await worldWhere((context) => context.isRunning('full'));
  world.addTask({ name: 'full', nodes: ['beta'], columns: { module: 'call', schedule: '1m' } });
  const work = world.script.call;
  world.script.call = (task, context) => (task === 'full' ? gate.wait() : work(task, context));
  const full = tickOf(world.otherRunner({ node: { ...world.runner.node, name: 'beta' } }), world, '12:01');
  await gate.reached;
  await world.tick('12:05');
  gate.open();
  await full;
  expect(world.said).toEqual([true]);
});

test.each([
  ['nloops_zero_next_pass_once', [0]],
  ['nloops_two_third_pass', [2]],
  ['same_callback_twice', [0, 0]],
])('the case %s holds for one-shots that a task schedules', async (name, counts) => {
  const { cumulative_calls: calls } = caseOf(name).expect as { cumulative_calls: readonly number[] };
  const world = await worldWhere(async ({ schedule }) => {
    for (const [index, after] of counts.entries()) {
      await schedule({ name: `c${index}`, module: 'succeed', after });
    }
  });
  await world.tick('12:05');
  const seen: number[] = [];
  for (const [index] of calls.entries()) {
    await world.tick(`12:0${6 + index}`);
    seen.push(world.ledger().filter((line) => line.startsWith('c')).length);
  }
  expect(seen).toEqual(calls);
});

describe('a run of another user', () => {
  test('that is a command hands on where it runs, and says what it runs alone', async () => {
    const { scheduleOneShot } = await import('../../src/runner/schedule-one-shot.ts');
    const world = await openVirtualWorld();
    const options = { argv: ['true'], user: 'nobody', cwd: '/srv', umask: '027', secrets: { A: 'env:A' } };
    const id = world.addTask({
      name: 'asks',
      columns: { module: 'command', options: JSON.stringify(options) },
    });
    const token = await claimSlot(world.runner.driver, id, '12:05');
    const asking = { token, task: taskWith({ id, name: 'asks', module: 'command', options }), options };
    await scheduleOneShot(world.runner, asking, {
      name: 'later',
      module: undefined,
      options: { argv: ['id'], user: 'nobody', stdin: 'x' },
      when: { kind: 'ticks', after: 0 },
      replace: false,
    });
    const [row] = world.sql.prepare("SELECT options FROM periodic_task WHERE name = 'later'").all();
    const written: unknown = JSON.parse(String((row as { options: unknown }).options));
    expect(written).toEqual({ argv: ['id'], user: 'nobody', cwd: '/srv', umask: '027', stdin: 'x' });
  });

  const asNobody = { module: 'call', run_user: 'nobody' };

  test('gets nothing run or put off with the rights of the runner', async () => {
    const { otherUserOf } = await import('../../src/runner/place-of-run.ts');
    const { postponeFromRun } = await import('../../src/runner/postpone-from-run.ts');
    const { scheduleOneShot } = await import('../../src/runner/schedule-one-shot.ts');
    const world = await openVirtualWorld();
    const id = world.addTask({ name: 'asks', columns: asNobody });
    world.addTask({ name: 'other' });
    const asking = {
      token: 't',
      task: taskWith({ id, name: 'asks', module: 'call', runUser: 'nobody' }),
      options: {},
    };
    expect(otherUserOf(asking.task)).toBeDefined();
    const wish = {
      name: 'a',
      options: undefined,
      when: { kind: 'ticks', after: 0 },
      replace: false,
    } as const;
    await expect(scheduleOneShot(world.runner, asking, { ...wish, module: 'succeed' })).rejects.toThrow(
      'expected that of this task, "call", since it runs as another user than the runner, got "succeed"',
    );
    await expect(postponeFromRun(world.runner, asking, 'other')).rejects.toThrow(
      'expected a task that runs as the same user as this one, got "other"',
    );
    const options = { argv: ['true'], user: 'nobody' };
    const command = { token: 't', task: taskWith({ id, module: 'command', options }), options };
    const given = (more: object) => ({ ...wish, module: undefined, options: { argv: ['id'], ...more } });
    for (const [more, message] of [
      [{ user: 'root' }, 'options.user: expected the user and group of this task, got others'],
      [{ secrets: { A: 'file:/etc/shadow' } }, 'options.secrets: expected one of command, argv'],
      [{ environment_file: '/etc/shadow' }, 'options.environment_file: expected one of'],
      [{ limits: { nproc: 'unlimited' } }, 'options.limits: expected one of'],
      [{ cwd: '/root' }, 'options.cwd: expected one of'],
      [{ on_error: 'true' }, 'options.on_error: expected one of'],
    ] as const) {
      await expect(scheduleOneShot(world.runner, command, given(more))).rejects.toThrow(message);
    }
  });
});
