import { formatDuration } from '../core/durations.ts';
import { type Instant, MINUTE_MS, SECOND_MS, toShortText } from '../core/instants.ts';
import { COUNT_LIMIT } from '../core/schedule/next-slot.ts';
import type { RunStatus } from '../core/state.ts';
import type { Run } from '../store/rows.ts';
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
  };
}

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
    return last;
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

/** The colour of a status. */
export function statusColor(status: RunStatus): Color | undefined {
  return COLORS[status];
}
