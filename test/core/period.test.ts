import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decide } from '../../src/core/due.ts';
import { MAX_DURATION_S } from '../../src/core/durations.ts';
import { floorToMinute, type Instant, MINUTE_MS, SECOND_MS } from '../../src/core/instants.ts';
import {
  countingBase,
  currentPeriod,
  doubledPeriod,
  type PeriodPolicy,
  slotsOfPeriod,
  takenPeriod,
} from '../../src/core/period.ts';
import { afterRun, endPolicyOf } from '../../src/core/run-end.ts';
import { slotsAfter } from '../../src/core/schedule/next-slot.ts';
import type { TaskState } from '../../src/core/state.ts';
import { claimSlots, failurePolicyOf } from '../../src/core/transitions.ts';
import { at, stateWith, taskWith, timetableWith } from '../support/builders.ts';

const FIVE_MINUTES: PeriodPolicy = {
  periodSeconds: 300,
  anchor: 'slot',
  backoff: 'none',
  maxPeriodSeconds: null,
};

function policyWith(changes: Partial<PeriodPolicy>): PeriodPolicy {
  return { ...FIVE_MINUTES, ...changes };
}

function nextOf(policy: Partial<PeriodPolicy>, state: Partial<TaskState>): Instant | undefined {
  const slots = slotsOfPeriod(policyWith(policy), stateWith(state));
  return slots.nextAfter(countingBase(stateWith(state)));
}

test.each([
  [null, '12:00', '12:00'],
  ['12:05', '12:00', '12:05'],
  ['12:05', '12:30', '12:30'],
])('with the slot %s handled and counted from %s, slots count from %s', (handled, from, base) => {
  const handledSlot = handled === null ? null : at(handled);
  expect(countingBase(stateWith({ handledSlot, countedFrom: at(from) }))).toBe(at(base));
});

describe('the period as back-off has left it', () => {
  test.each<readonly [string, Partial<PeriodPolicy>, number | null, number]>([
    ['is the period at first', { backoff: 'on_failure' }, null, 300],
    ['is what the failures have made of it', { backoff: 'on_failure' }, 1_200, 1_200],
    ['is what the runs have made of it', { backoff: 'every_run' }, 1_200, 1_200],
    ['is the period without back-off, whatever was before', {}, 1_200, 300],
    ['is no shorter than a period that was made longer since', { backoff: 'on_failure' }, 200, 300],
    [
      'is no longer than a greatest that was made smaller since',
      { backoff: 'on_failure', maxPeriodSeconds: 900 },
      1_200,
      900,
    ],
    ['stays never', { backoff: 'on_failure', periodSeconds: -1 }, null, -1],
  ])('%s', (_title, policy, currentPeriodSeconds, seconds) => {
    expect(currentPeriod(policyWith(policy), stateWith({ currentPeriodSeconds }))).toBe(seconds);
  });

  test.each([
    [60, 3_600, [120, 240, 480, 960, 1_920, 3_600, 3_600]],
    [30, 100, [60, 100, 100, 100]],
    [300, 300, [300, 300]],
    [100_000_000, null, [200_000_000, MAX_DURATION_S, MAX_DURATION_S]],
  ])('doubles from %d s up to %s: %j', (periodSeconds, maxPeriodSeconds, expected) => {
    const policy = policyWith({ periodSeconds, maxPeriodSeconds, backoff: 'on_failure' });
    let state = stateWith();
    for (const seconds of expected) {
      state = { ...state, currentPeriodSeconds: doubledPeriod(policy, state) };
      expect(state.currentPeriodSeconds).toBe(seconds);
    }
  });
});

describe('the slots of a period', () => {
  test('with anchor slot follow each other from the handled one', () => {
    const slots = slotsOfPeriod(FIVE_MINUTES, stateWith({ handledSlot: at('12:07') }));
    expect(slotsAfter(slots, at('12:07'), 3)).toEqual([at('12:12'), at('12:17'), at('12:22')]);
    expect(slotsAfter(slots, at('12:31'), 1)).toEqual([at('12:32')]);
  });

  test('with anchor slot are as far from each other as back-off says', () => {
    const state = { handledSlot: at('12:05'), currentPeriodSeconds: 1_200 };
    const slots = slotsOfPeriod(policyWith({ backoff: 'on_failure' }), stateWith(state));
    expect(slotsAfter(slots, at('12:05'), 2)).toEqual([at('12:25'), at('12:45')]);
  });

  test.each(['start', 'finish'] as const)('with anchor %s there is one, and none after it', (anchor) => {
    const state = stateWith({ handledSlot: at('12:05'), anchoredAt: at('12:07') });
    const slots = slotsOfPeriod(policyWith({ anchor }), state);
    expect(slotsAfter(slots, at('12:05'), 5)).toEqual([at('12:12')]);
    expect(slots.nextAfter(at('12:12'))).toBeUndefined();
  });

  test.each<readonly [string, Partial<PeriodPolicy>, Partial<TaskState>, string | undefined]>([
    ['start counts from the definition before its first run', { anchor: 'start' }, {}, '12:05'],
    [
      'start counts from the latest claim',
      { anchor: 'start' },
      { handledSlot: at('12:05'), anchoredAt: at('12:08') },
      '12:13',
    ],
    [
      'start has its next slot while the run goes on',
      { anchor: 'start' },
      { handledSlot: at('12:05'), anchoredAt: at('12:08'), lastStatus: 'running' },
      '12:13',
    ],
    [
      'finish has none while the run goes on',
      { anchor: 'finish' },
      { handledSlot: at('12:05'), anchoredAt: at('12:08'), lastStatus: 'running' },
      undefined,
    ],
    [
      'finish counts from the end',
      { anchor: 'finish' },
      { handledSlot: at('12:05'), anchoredAt: at('12:31'), lastStatus: 'succeeded' },
      '12:36',
    ],
    [
      'a definition that counts anew since leaves the last run out',
      { anchor: 'finish' },
      { handledSlot: at('12:05'), anchoredAt: at('12:06'), countedFrom: at('13:00') },
      '13:05',
    ],
    [
      'a clock that was set back before the end still gives a later slot',
      { anchor: 'finish' },
      { handledSlot: at('12:05'), anchoredAt: at('11:30'), countedFrom: at('11:00') },
      '12:10',
    ],
    ['a negative period never comes', { periodSeconds: -60 }, {}, undefined],
    [
      'a negative period never comes with anchor start',
      { periodSeconds: -60, anchor: 'start' },
      {},
      undefined,
    ],
  ])('%s', (_title, policy, state, next) => {
    expect(nextOf(policy, state)).toBe(next === undefined ? undefined : at(next));
  });
});

describe('taking a slot of a period', () => {
  test.each([
    ['slot', null],
    ['start', at('12:07')],
    ['finish', at('12:07')],
  ] as const)('with anchor %s is anchored at %s', (anchor, anchoredAt) => {
    const state = stateWith({ currentPeriodSeconds: 600 });
    expect(takenPeriod(policyWith({ anchor }), state, at('12:07:59'))).toEqual({
      anchoredAt,
      currentPeriodSeconds: 600,
    });
  });

  test.each([
    ['none', 600],
    ['on_failure', 600],
    ['every_run', 1_200],
  ] as const)('with back-off %s leaves a period of 600 s at %d s', (backoff, seconds) => {
    const state = stateWith({ currentPeriodSeconds: 600 });
    expect(takenPeriod(policyWith({ backoff }), state, at('12:05')).currentPeriodSeconds).toBe(seconds);
  });
});

/** Ticks a task at the rhythm of its period, each tick so much late, and says in which minutes it ran. */
function minutesOfRuns(
  anchor: 'slot' | 'start' | 'finish',
  periodMinutes: number,
  latencies: readonly number[],
): readonly number[] {
  const definition = { anchor, schedule: `${periodMinutes}m` };
  const task = taskWith(definition);
  const timetable = timetableWith(definition);
  let state = stateWith();
  const minutes: number[] = [];
  for (const [index, latency] of latencies.entries()) {
    const now = at('12:00') + (index + 1) * periodMinutes * MINUTE_MS + latency * SECOND_MS;
    const tickAt = floorToMinute(now);
    const decision = decide({
      definition: { kind: 'valid', task, timetable },
      ...{ state, tickAt, now, liveRuns: 0, ticks: { own: index + 1, all: index + 1 } },
    });
    if (decision.kind === 'run') {
      minutes.push((tickAt - at('12:00')) / MINUTE_MS);
      const { slots } = decision;
      const taking = { slots, at: tickAt, failurePolicy: failurePolicyOf(task, timetable) };
      state = { ...state, ...claimSlots(state, timetable, taking) };
      const run = { slot: slots.slot, attempt: 1, status: 'succeeded', byShutdown: false } as const;
      const policy = { ...endPolicyOf(task, timetable), active: true };
      const end = { ...run, message: null, endedAt: now + 5 * SECOND_MS, moduleState: undefined };
      state = { ...state, ...afterRun(state, policy, end).patch };
    }
  }
  return minutes;
}

test('a period as long as the rhythm runs at every tick with each anchor, however late cron starts it', () => {
  const property = fc.property(
    fc.constantFrom('slot' as const, 'start' as const, 'finish' as const),
    fc.constantFrom(1, 5, 60),
    fc.array(fc.double({ min: 0, max: 50, noNaN: true }), { minLength: 1, maxLength: 100 }),
    (anchor, periodMinutes, latencies) => {
      const all = latencies.map((_, index) => (index + 1) * periodMinutes);
      expect(minutesOfRuns(anchor, periodMinutes, latencies)).toEqual(all);
    },
  );
  fc.assert(property, { seed: 20_261_121, numRuns: 100 });
});
