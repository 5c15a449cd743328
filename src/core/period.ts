import { MAX_DURATION_S } from './durations.ts';
import { floorToMinute, type Instant, SECOND_MS } from './instants.ts';
import { NEVER, periodicSlots, singleSlot } from './schedule/every.ts';
import type { Schedule } from './schedule/schedule.ts';
import type { TaskState } from './state.ts';
import type { TaskDefinition } from './task.ts';

/** What decides the slots of a schedule of kind `every`, besides the state. */
export type PeriodPolicy = Pick<TaskDefinition, 'anchor' | 'backoff' | 'maxPeriodSeconds'> & {
  /** Negative is never. */
  readonly periodSeconds: number;
};

/** The instant from which slots count: the handled slot, and never before the definition began to count. */
export function countingBase({ handledSlot, countedFrom }: TaskState): Instant {
  return Math.max(handledSlot ?? Number.NEGATIVE_INFINITY, countedFrom);
}

/** The period as back-off has left it, in seconds. */
export function currentPeriod(policy: PeriodPolicy, { currentPeriodSeconds }: TaskState): number {
  const { periodSeconds, backoff } = policy;
  return backoff === 'none' || currentPeriodSeconds === null
    ? periodSeconds
    : withinLimits(policy, currentPeriodSeconds);
}

function withinLimits({ periodSeconds, maxPeriodSeconds }: PeriodPolicy, seconds: number): number {
  return Math.min(Math.max(seconds, periodSeconds), maxPeriodSeconds ?? MAX_DURATION_S);
}

/** The period twice as long, within its limits. */
export function doubledPeriod(policy: PeriodPolicy, state: TaskState): number {
  return withinLimits(policy, currentPeriod(policy, state) * 2);
}

/**
 * The slots of a period as the state stands. With anchor `slot` they follow each other, and missed ones keep the phase;
 * with `start` and `finish`, as SSSD's FROM_LAST and FROM_NOW, there is one next slot, counted from the latest start or
 * end, and with `finish` none while the task runs.
 */
export function slotsOfPeriod(policy: PeriodPolicy, state: TaskState): Schedule {
  const period = currentPeriod(policy, state);
  if (period < 0) {
    return NEVER;
  }
  if (policy.anchor === 'slot') {
    return periodicSlots(countingBase(state), period);
  }
  const { anchoredAt, countedFrom, handledSlot, lastStatus } = state;
  if (policy.anchor === 'finish' && lastStatus === 'running') {
    return NEVER;
  }
  const base = Math.max(anchoredAt ?? countedFrom, countedFrom);
  const periodMs = period * SECOND_MS;
  // Slots grow, also where the clock was set back before the end of a run: otherwise none would ever come again.
  const isBehind = handledSlot !== null && base + periodMs <= handledSlot;
  return singleSlot((isBehind ? handledSlot : base) + periodMs);
}

/** What changes in a period, and from where it is counted, when slots are taken at the tick. */
export function takenPeriod(
  policy: PeriodPolicy,
  state: TaskState,
  takenAt: Instant,
): Pick<TaskState, 'anchoredAt' | 'currentPeriodSeconds'> {
  return {
    anchoredAt: policy.anchor === 'slot' ? null : floorToMinute(takenAt),
    currentPeriodSeconds:
      policy.backoff === 'every_run' ? doubledPeriod(policy, state) : state.currentPeriodSeconds,
  };
}
