import { formatDuration } from '../core/durations.ts';
import { type Instant, MINUTE_MS, SECOND_MS, toShortText } from '../core/instants.ts';
import { WARNING } from '../core/outcome.ts';
import { COUNT_LIMIT } from '../core/schedule/next-slot.ts';
import type { RunStatus } from '../core/state.ts';
import type { Run } from '../store/run-row.ts';
import type { Color } from './terminal.ts';
import { instantText } from './times.ts';

/** A row of the ledger as `--json` prints it, without its output. */
export function runJson(run: Run) {
  return {
    id: run.id,
    task: run.taskName,
    module: run.module,
    node: run.node,
    trigger: run.trigger,
    slot: textOrNull(run.slot),
    slotFirst: textOrNull(run.slotFirst),
    slotCount: run.slotCount,
    attempt: run.attempt,
    status: run.status,
    reason: run.reason,
    message: run.message,
    createdAt: toShortText(run.createdAt),
    startedAt: textOrNull(run.startedAt),
    endedAt: textOrNull(run.endedAt),
    durationMs: run.durationMs,
    exitCode: run.exitCode,
    signal: run.signal,
    result: run.result,
    lateResult: run.lateResult,
    outputBytes: run.outputBytes,
    warning: warningOf(run),
    progress: run.progress,
    cancelRequested: run.status === 'running' ? run.cancelRequested : null,
  };
}

/** What is to be looked at although the run succeeded; null if nothing is. */
export function warningOf({ reason, message }: Run): string | null {
  return reason === WARNING ? message : null;
}

/** How a run stands: its status, and of a live one how far it is, `running 45 %`. */
export function statusText({ status, progress }: Run): string {
  return status === 'running' && progress !== null ? `${status} ${percentText(progress)}` : status;
}

/** How far a run is: `45 %`. */
export function percentText(progress: Progress): string {
  return `${Math.floor(100 * shareOf(progress))} %`;
}

/** From 0 to 1, whatever the task says. */
export function shareOf({ done, total }: Progress): number {
  const share = total > 0 ? done / total : 0;
  return Math.min(1, Math.max(0, Number.isFinite(share) ? share : 0));
}

type Progress = NonNullable<Run['progress']>;

function textOrNull(instant: Instant | null): string | null {
  return instant === null ? null : toShortText(instant);
}

/** What a row of the ledger stands for: a slot, a range of them with their number, or that it has none. */
export function slotText({ trigger, slot, slotFirst, slotCount }: Run): string {
  if (slot === null) {
    return trigger === 'manual' ? 'by hand' : '-';
  }
  const last = instantText(slot);
  if (slotCount <= 1 || slotFirst === null) {
    return trigger === 'manual' ? `${last} by hand` : last;
  }
  if (instantText(slotFirst) === last) {
    // Where ticks are counted, the slots of one tick are its instant.
    return `${last} ${countText(slotCount)}`;
  }
  const first = instantText(slotFirst).slice(0, -1);
  const sameDay = first.slice(0, 10) === last.slice(0, 10);
  return `${first}…${sameDay ? last.slice(11) : last} ${countText(slotCount)}`;
}

function countText(count: number): string {
  return count >= COUNT_LIMIT ? `×${count}+` : `×${count}`;
}

/** A length of time as tables show it: `350 ms`, `1.2 s`, `3m5s`. */
export function elapsedText(ms: number): string {
  if (ms < SECOND_MS) {
    return `${ms} ms`;
  }
  return ms < MINUTE_MS
    ? `${(Math.floor(ms / 100) / 10).toFixed(1)} s`
    : formatDuration(Math.floor(ms / SECOND_MS));
}

const COLORS: Readonly<Record<RunStatus, Color | undefined>> = {
  running: 'yellow',
  succeeded: 'green',
  failed: 'red',
  timed_out: 'red',
  lost: 'red',
  cancelled: 'yellow',
  stopped: 'yellow',
  skipped: 'dim',
};

/** The colour of a run: that of its status, or of its warning. */
export function runColor(run: Run): Color | undefined {
  return warningOf(run) === null ? COLORS[run.status] : 'yellow';
}
