import { randomUUID } from 'node:crypto';
import { type EndPolicy, NO_FOLLOW_UP } from '../../src/core/run-end.ts';
import type { SlotRange } from '../../src/core/slots.ts';
import type { TaskState } from '../../src/core/state.ts';
import { claimRun, type NewRun } from '../../src/store/claim.ts';
import type { Driver } from '../../src/store/driver.ts';
import type { RunEnd } from '../../src/store/run-end-rows.ts';
import { loadCandidate } from '../../src/store/tick-statements.ts';
import { at } from './builders.ts';

/** The one slot of that time, as a range. */
export function slotOf(time: string): SlotRange {
  return { first: at(time), slot: at(time), count: 1 };
}

/** A scheduled run for the slot 12:05 of the state, on node alpha; what a test is about stands in `changes`. */
export function newRunOf(state: TaskState, changes: Partial<NewRun> = {}): NewRun {
  return {
    token: randomUUID(),
    taskId: state.taskId,
    taskName: 'backup',
    module: 'succeed',
    scopeKey: state.scopeKey,
    node: 'alpha',
    trigger: 'schedule',
    slots: slotOf('12:05'),
    attempt: 1,
    reason: null,
    message: null,
    startedAt: at('12:05:01'),
    deadlineAt: null,
    isLeased: false,
    runner: { machineId: 'machine', bootId: 'boot', pidNamespace: 'pid:[1]', pid: 100, pidStarted: '1' },
    ...changes,
  };
}

/** Reads the state of a task, on node alpha unless told otherwise, as a runner does before it decides. */
export async function readState(driver: Driver, taskId: number, scopeKey = 'alpha'): Promise<TaskState> {
  const candidate = await loadCandidate(driver, { taskId, scopeKey, ordering: 0 });
  if (candidate === undefined) {
    throw new Error(`expected a state of task ${taskId} on node ${scopeKey}, got none`);
  }
  return candidate.state;
}

/** Claims a slot of the task as a runner does, and returns the token of the run. */
export async function claimSlot(
  driver: Driver,
  taskId: number,
  time: string,
  changes: Partial<NewRun> = {},
): Promise<string> {
  const state = await readState(driver, taskId, changes.scopeKey);
  const run = newRunOf(state, { slots: slotOf(time), startedAt: at(time), ...changes });
  const patch = {
    handledSlot: at(time),
    attempt: run.attempt,
    nextSlot: at(time) + 300_000,
    earliestStart: at(time) + 300_000,
    retryAt: null,
  };
  const result = await claimRun(driver, { state, patch, run, maxRunning: 4 });
  if (result.kind !== 'won') {
    throw new Error(`expected to win the claim, got ${result.kind}`);
  }
  return run.token;
}

/** How a run ended: well, at 12:06, unless `changes` say otherwise. */
export function endWith(changes: Partial<RunEnd> = {}): RunEnd {
  return {
    status: 'succeeded',
    reason: null,
    message: null,
    byShutdown: false,
    exitCode: null,
    signal: null,
    result: null,
    output: { text: '', bytes: 0 },
    endedAt: at('12:06'),
    durationMs: 60_000,
    ...changes,
  };
}

/** The policy of a task as the virtual database adds it: every 5 minutes, without retries. */
export const NO_RETRY: EndPolicy = {
  ...NO_FOLLOW_UP,
  period: { periodSeconds: 300, anchor: 'slot', backoff: 'none', maxPeriodSeconds: null },
  retryDelaySeconds: 60,
  retryMaxDelaySeconds: 3_600,
  retryOn: ['failed', 'timed_out'],
};
