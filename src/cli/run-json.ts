import { toShortText } from '../core/instants.ts';
import type { RunReport } from '../runner/runner.ts';

/** A run as `--json` prints it. */
export function runReportJson({ task, slotAt, missed, attempt, status, ...rest }: RunReport) {
  const { durationMs, error, warning, exitCode, retryAt } = rest;
  return {
    task,
    slotAt: slotAt === null ? null : toShortText(slotAt),
    missed,
    attempt,
    status,
    durationMs,
    error,
    warning,
    exitCode,
    retryAt: retryAt === null ? null : toShortText(retryAt),
  };
}
