import { recordLateEnd } from '../store/finish.ts';
import type { Runner, RunReport } from './runner.ts';
import type { SpoolFile } from './spool.ts';

/**
 * Records the results that earlier ticks could not write. Several ticks may do so at once: recording is idempotent, and
 * a file is removed only after its result is in the database.
 */
export async function replaySpool(runner: Runner): Promise<readonly RunReport[]> {
  const reports: RunReport[] = [];
  for (const file of runner.spool.list()) {
    const report = await replayFile(runner, file);
    if (report !== undefined) {
      reports.push(report);
      runner.onEvent({ kind: 'ended', run: report });
    }
  }
  return reports;
}

async function replayFile(runner: Runner, file: SpoolFile): Promise<RunReport | undefined> {
  if (file.kind === 'unreadable') {
    rejectFile(runner, file.file, file.message);
    return undefined;
  }
  const { token, task, end, policy } = file.spooled;
  const late = await recordLateEnd(runner.driver, token, end, policy);
  if (late.kind === 'unknown') {
    rejectFile(runner, file.file, `the ledger has no run ${token}`);
    return undefined;
  }
  runner.spool.drop(file.file);
  if (late.kind === 'kept-as-late') {
    const message = `a late result of run ${late.run.id} of task ${JSON.stringify(task)} (${end.status}) is kept beside its recorded end (${late.run.status})`;
    runner.onEvent({ kind: 'warning', message });
  }
  if (late.kind !== 'recorded') {
    return undefined;
  }
  return {
    task,
    slotAt: late.run.slot,
    missed: Math.max(0, late.run.slotCount - 1),
    attempt: late.run.attempt,
    status: end.status,
    durationMs: end.durationMs,
    error: end.status === 'succeeded' ? null : end.message,
    exitCode: end.exitCode,
    retryAt: late.retryAt,
    spooled: false,
    output: end.output.text,
  };
}

function rejectFile(runner: Runner, file: string, why: string): void {
  const aside = runner.spool.reject(file);
  runner.onEvent({
    kind: 'warning',
    message: `a spooled result cannot be recorded (${why}): it was put aside as ${aside}`,
  });
}
