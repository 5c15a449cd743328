import { describe, expect, test } from 'vitest';
import { newState, type TaskState } from '../../../src/core/state.ts';
import type { Task } from '../../../src/core/task.ts';
import { timetableOf } from '../../../src/core/timetable.ts';
import type { SimulatedState, Simulation, SimulationPlan } from '../../../src/runner/simulation/plan.ts';
import { simulate } from '../../../src/runner/simulation/simulate.ts';
import { at, taskWith } from '../../support/builders.ts';

type Case = Partial<Task> & {
  /** What the state has behind it; nothing since noon if absent. */
  readonly state?: Partial<TaskState>;
  readonly durationMs?: number;
};

/** The states of a task on its nodes, or its one for all of them. */
function statesOf({ state, durationMs = 0, ...changes }: Case): readonly SimulatedState[] {
  const task = taskWith(changes);
  const keys = task.scope === 'one' ? ['*'] : task.nodes;
  return keys.map((scopeKey) => ({
    task,
    timetable: timetableOf(task, { scopeKey, nodeTimezone: 'UTC' }),
    state: { ...newState(at('12:00'), { taskId: task.id, scopeKey }), ...state },
    nodes: new Set(task.scope === 'one' ? task.nodes : [scopeKey]),
    durationMs,
  }));
}

/** From noon until one o'clock, a tick every five minutes on alpha, unless the changes say otherwise. */
function played(cases: readonly Case[], changes: Partial<SimulationPlan> = {}): Simulation {
  return simulate({
    nodes: [{ name: 'alpha', lastTick: 0 }],
    states: cases.flatMap(statesOf),
    allTicks: 0,
    beginsAt: at('12:00'),
    tellsFrom: at('12:00'),
    until: at('13:00'),
    everySeconds: 300,
    maxRunning: 4,
    ...changes,
  });
}

function time(instant: number): string {
  return new Date(instant).toISOString().slice(11, 16);
}

/** The runs in words: `12:05 backup`, `12:10 backup (slot 12:07, 3 missed)`, `12:05 backup on beta`. */
function runsOf({ runs }: Simulation): readonly string[] {
  return runs.map(({ task, node, slotAt, startAt, missed }) => {
    const slot = slotAt === startAt ? [] : [`slot ${time(slotAt)}`];
    const notes = [...slot, ...(missed === 0 ? [] : [`${missed} missed`])];
    const where = node === 'alpha' ? '' : ` on ${node}`;
    return `${time(startAt)} ${task}${where}${notes.length === 0 ? '' : ` (${notes.join(', ')})`}`;
  });
}

function skipsOf({ skips }: Simulation): readonly string[] {
  return skips.map(
    ({ at: skippedAt, task, firstSlotAt, slotAt, count, reason }) =>
      `${time(skippedAt)} ${task} ${time(firstSlotAt)}-${time(slotAt)} x${count} ${reason}`,
  );
}

describe('a simulation runs', () => {
  test.each<[string, Case, readonly string[]]>([
    ['a period', { schedule: '20m' }, ['12:20 backup', '12:40 backup', '13:00 backup']],
    [
      'a period from the start',
      { schedule: '20m', anchor: 'start', durationMs: 420_000 },
      ['12:20 backup', '12:40 backup', '13:00 backup'],
    ],
    [
      'a period from the end',
      { schedule: '20m', anchor: 'finish', durationMs: 420_000 },
      ['12:20 backup', '12:50 backup (slot 12:47)'],
    ],
    [
      'back-off by runs',
      { schedule: '5m', backoff: 'every_run', anchor: 'start' },
      ['12:05 backup', '12:15 backup', '12:35 backup'],
    ],
    [
      'a period shorter than the rhythm',
      { schedule: '2m' },
      [
        '12:05 backup (slot 12:04, 1 missed)',
        '12:10 backup (2 missed)',
        '12:15 backup (slot 12:14, 1 missed)',
        '12:20 backup (2 missed)',
      ],
    ],
    [
      'cron',
      { scheduleKind: 'cron', schedule: '*/25 * * * *' },
      ['12:25 backup', '12:50 backup', '13:00 backup'],
    ],
    [
      'cron in a zone',
      { scheduleKind: 'cron', schedule: '0 18 * * *', timezone: 'Asia/Kolkata' },
      ['12:30 backup'],
    ],
    ['a window', { scheduleKind: 'window', schedule: '12:10-12:40@20' }, ['12:20 backup', '12:40 backup']],
    ['an instant', { scheduleKind: 'at', schedule: '2026-03-10T12:33Z' }, ['12:35 backup (slot 12:33)']],
    ['ticks', { scheduleKind: 'ticks', schedule: '4 repeat' }, ['12:20 backup', '12:45 backup']],
    ['one tick', { scheduleKind: 'ticks', schedule: '4' }, ['12:20 backup']],
    [
      'the slot of a creation',
      { schedule: '1h', state: { firstSlot: at('12:00') } },
      ['12:00 backup', '13:00 backup'],
    ],
    [
      'what is overdue, for all that was missed',
      { schedule: '1h', state: { countedFrom: at('04:30') } },
      ['12:00 backup (slot 11:30, 6 missed)', '12:30 backup'],
    ],
    [
      'each of what was missed, where the task wants that',
      { schedule: '1h', catchUp: 'each', state: { countedFrom: at('08:30') } },
      ['12:00 backup (slot 09:30)', '12:00 backup (slot 10:30)', '12:00 backup (slot 11:30)', '12:30 backup'],
    ],
    [
      'a pending attempt when its time has come',
      {
        schedule: '1h',
        retryLimit: 1,
        state: { handledSlot: at('12:00'), attempt: 1, retryAt: at('12:13') },
      },
      ['12:15 backup (slot 12:00)', '13:00 backup'],
    ],
    ['nothing that is terminated', { state: { terminatedAt: at('11:00') } }, []],
    ['nothing that never comes', { schedule: '-1s' }, []],
  ])('%s', (_title, task, runs) => {
    expect(runsOf(played([task])).slice(0, 4)).toEqual(runs);
  });

  test('in the order of the tasks, and one after the other', () => {
    const simulation = played(
      [
        { id: 1, name: 'third', ordering: 5, schedule: '1h' },
        { id: 2, name: 'first', ordering: 1, schedule: '1h', durationMs: 120_000 },
        { id: 3, name: 'second', ordering: 1, schedule: '1h', durationMs: 60_000 },
      ],
      { until: at('13:10') },
    );
    expect(runsOf(simulation)).toEqual([
      '13:00 first',
      '13:02 second (slot 13:00)',
      '13:03 third (slot 13:00)',
    ]);
  });

  test('a task of scope one on one of its nodes only', () => {
    const nodes = [
      { name: 'alpha', lastTick: 0 },
      { name: 'beta', lastTick: 0 },
    ];
    const shared: Case = { scope: 'one', nodes: ['alpha', 'beta'], schedule: '30m' };
    expect(runsOf(played([shared], { nodes }))).toEqual(['12:30 backup', '13:00 backup']);
    const each: Case = { nodes: ['alpha', 'beta'], schedule: '1h' };
    expect(runsOf(played([each], { nodes }))).toEqual(['13:00 backup', '13:00 backup on beta']);
  });

  test('ticks as the nodes count them', () => {
    const nodes = [
      { name: 'alpha', lastTick: 7 },
      { name: 'beta', lastTick: 3 },
    ];
    const tasks: readonly Case[] = [
      { id: 1, name: 'own', scheduleKind: 'ticks', schedule: '2', state: { countedTick: 7, dueTick: 10 } },
      {
        ...{ id: 2, name: 'shared', scheduleKind: 'ticks', schedule: '2 repeat' },
        ...{ scope: 'one', nodes: ['alpha', 'beta'], state: { countedTick: 10, dueTick: 13 } },
      },
    ];
    expect(runsOf(played(tasks, { nodes, allTicks: 10, until: at('12:15') }))).toEqual([
      '12:05 shared',
      '12:10 own',
      '12:10 shared on beta',
    ]);
  });
});

describe('a simulation skips', () => {
  test.each<[string, Case, readonly string[]]>([
    [
      'what is too late',
      { schedule: '1h', startDeadlineSeconds: 60, state: { countedFrom: at('10:45') } },
      ['12:00 backup 11:45-11:45 x1 too_late'],
    ],
    [
      'what was missed, where the task wants that',
      { schedule: '10m', catchUp: 'skip', state: { countedFrom: at('11:00') } },
      ['12:00 backup 11:10-11:50 x5 missed'],
    ],
    [
      'what comes when its window has closed',
      { scheduleKind: 'window', schedule: '12:21-12:23' },
      ['12:25 backup 12:21-12:21 x1 window_closed'],
    ],
    [
      'what comes while the run before goes on, where the task wants that',
      { schedule: '20m', overlap: 'skip', durationMs: 1_500_000 },
      ['12:40 backup 12:40-12:40 x1 overlap'],
    ],
  ])('%s', (_title, task, skips) => {
    expect(skipsOf(played([task]))).toEqual(skips);
  });
});

describe('a simulation counts', () => {
  test('for each task its runs, what they stand for, what was skipped, and what comes next', () => {
    const { tasks, isCut } = played([
      { id: 1, name: 'often', schedule: '2m' },
      { id: 2, name: 'late', schedule: '30m', startDeadlineSeconds: 60, state: { countedFrom: at('11:07') } },
      { id: 3, name: 'slow', schedule: '20m', durationMs: 300_000 },
      { id: 4, name: 'once', scheduleKind: 'at', schedule: '2026-03-10T12:30Z' },
    ]);
    expect(
      tasks.map(({ nextSlotAt, ...rest }) => ({ ...rest, next: nextSlotAt && time(nextSlotAt) })),
    ).toEqual([
      { task: 'often', runs: 12, missed: 18, skipped: 0, busyMs: 0, next: '13:02' },
      { task: 'late', runs: 0, missed: 0, skipped: 3, busyMs: 0, next: '13:07' },
      // The third of its runs begins with the end of the span.
      { task: 'slow', runs: 3, missed: 0, skipped: 0, busyMs: 600_000, next: '13:20' },
      { task: 'once', runs: 1, missed: 0, skipped: 0, busyMs: 0, next: null },
    ]);
    expect(isCut).toBe(false);
  });

  test('how busy a node is, within the span', () => {
    const long: Case = { id: 1, name: 'long', schedule: '50m', durationMs: 1_800_000 };
    const { nodes } = played([long, { id: 2, name: 'short', schedule: '30m', durationMs: 60_000 }]);
    // From 12:50 the long one runs for ten minutes of the span.
    expect(nodes).toEqual([
      { node: 'alpha', ticks: 13, busyTicks: 3, busyMs: 660_000, mostAtOnce: 2, heldBack: 0 },
    ]);
  });

  test('the ticks that may start nothing more', () => {
    const tasks = [1, 2].map((id) => ({ id, name: `slow ${id}`, schedule: '10m', durationMs: 900_000 }));
    const simulation = played(tasks, { maxRunning: 1, until: at('12:26') });
    expect(runsOf(simulation)).toEqual(['12:10 slow 1', '12:25 slow 2 (slot 12:10)']);
    expect(simulation.nodes[0]).toMatchObject({ mostAtOnce: 1 });
    expect(simulation.nodes[0]?.heldBack).toBeGreaterThan(0);
  });

  test('from the instant on from which it is told, though it plays what is before', () => {
    const task: Case = { schedule: '20m', anchor: 'start', durationMs: 600_000 };
    const simulation = played([task], { tellsFrom: at('12:25'), until: at('12:50') });
    expect(runsOf(simulation)).toEqual(['12:40 backup']);
    // Five minutes of the run of 12:20, and the ten of the one of 12:40.
    expect(simulation.tasks).toMatchObject([{ runs: 1, busyMs: 900_000 }]);
    expect(simulation.nodes).toMatchObject([{ ticks: 6, busyTicks: 1 }]);
  });

  test('on, when the lists are cut', () => {
    const simulation = played([{ schedule: '1m' }], {
      everySeconds: 60,
      until: at('12:00') + 100_001 * 60_000,
    });
    expect(simulation).toMatchObject({ isCut: true, tasks: [{ runs: 100_001 }] });
    expect(simulation.runs).toHaveLength(100_000);
  });
});

test('a simulation leaves the states as they were', () => {
  const [known] = statesOf({ schedule: '5m', durationMs: 1_000 });
  if (known === undefined) {
    throw new Error('expected a state');
  }
  const before = structuredClone(known.state);
  const plan = { nodes: [{ name: 'alpha', lastTick: 0 }], states: [known], allTicks: 0, maxRunning: 4 };
  const span = { beginsAt: at('12:00'), tellsFrom: at('12:00'), until: at('13:00'), everySeconds: 300 };
  expect(simulate({ ...plan, ...span }).runs).toHaveLength(12);
  expect(known.state).toEqual(before);
});

test('nothing starts after the end of the span, whatever waits', () => {
  const tasks = [1, 2, 3].map((id) => ({ id, name: `slow ${id}`, schedule: '1h', durationMs: 600_000 }));
  expect(runsOf(played(tasks))).toEqual(['13:00 slow 1']);
});
