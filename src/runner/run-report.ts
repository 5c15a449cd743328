import { WARNING } from '../core/outcome.ts';
import type { Run } from '../store/run-row.ts';
import type { RunReport } from './runner.ts';

/** Reports a run of the ledger; `told` is what this call knows better. */
export function reportOfRun(run: Run, told: Partial<RunReport>): RunReport {
  return {
    task: run.taskName,
    scope: run.scopeKey,
    slotAt: run.slot,
    missed: Math.max(0, run.slotCount - 1),
    attempt: run.attempt,
    status: run.status,
    durationMs: run.durationMs,
    error: run.message,
    warning: run.reason === WARNING ? run.message : null,
    exitCode: run.exitCode,
    retryAt: null,
    nextSlotAt: null,
    terminated: null,
    spooled: false,
    output: '',
    ...told,
  };
}
