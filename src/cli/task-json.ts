import { type Instant, toShortText } from '../core/instants.ts';
import type { Run } from '../store/run-row.ts';
import { warningOf } from './run-view.ts';
import { scheduleRemarks } from './schedule-remarks.ts';
import type { StateView } from './state-view.ts';
import type { TaskView } from './task-view.ts';

/** A task as `--json` prints it: its definition, what is wrong with it, its states and its last run. */
export function taskJson(view: TaskView) {
  const { record, faults, states, nextAt, lastRun } = view;
  return {
    id: record.id,
    ...record.fields,
    createdAt: toShortText(record.createdAt),
    updatedAt: toShortText(record.updatedAt),
    faults,
    nextAt: instantJson(nextAt),
    remarks: scheduleRemarks(view),
    states: states.map(stateJson),
    lastRun: lastRun === undefined ? null : runJson(lastRun),
  };
}

function stateJson(view: StateView) {
  const { state, liveRuns, marks, nextAt, isDue, tickWait, backedOff } = view;
  return {
    scopeKey: state.scopeKey,
    countedFrom: toShortText(state.countedFrom),
    firstSlot: instantJson(state.firstSlot),
    handledSlot: instantJson(state.handledSlot),
    anchoredAt: instantJson(state.anchoredAt),
    nextAt: instantJson(nextAt),
    nextInTicks: tickWait?.ticksLeft ?? null,
    nextTickAboutAt: instantJson(tickWait?.aboutAt ?? null),
    backedOffPeriodSeconds: backedOff?.periodSeconds ?? null,
    isDue,
    marks,
    liveRuns,
    attempt: state.attempt,
    retryAt: instantJson(state.retryAt),
    failures: state.failures,
    firstFailureAt: instantJson(state.firstFailureAt),
    fault: state.fault,
    blockedReason: state.blockedReason,
    blockage: view.blockage,
    resting: view.resting,
    skipReason: view.skipReason,
    offlineDisabledAt: instantJson(state.offlineDisabledAt),
    lastStatus: state.lastStatus,
    lastStartedAt: instantJson(state.lastStartedAt),
    lastEndedAt: instantJson(state.lastEndedAt),
    terminatedAt: instantJson(state.terminatedAt),
    terminatedReason: state.terminatedReason,
  };
}

function runJson(run: Run) {
  return {
    run: run.id,
    node: run.node,
    trigger: run.trigger,
    slotAt: instantJson(run.slot),
    missed: Math.max(0, run.slotCount - 1),
    attempt: run.attempt,
    status: run.status,
    reason: run.reason,
    message: run.message,
    startedAt: instantJson(run.startedAt),
    endedAt: instantJson(run.endedAt),
    durationMs: run.durationMs,
    exitCode: run.exitCode,
    warning: warningOf(run),
    progress: run.progress,
  };
}

function instantJson(instant: Instant | null): string | null {
  return instant === null ? null : toShortText(instant);
}
