import { DatabaseError, messageOf } from '../core/errors.ts';
import { WARNING } from '../core/outcome.ts';
import { failpoint } from '../store/failpoint.ts';
import { type LateResult, recordLateEnd } from '../store/late-end.ts';
import { endedEvents, subjectOfRun, tellLife } from './events.ts';
import { comingOf } from './record-end.ts';
import type { Runner, RunReport } from './runner.ts';
import type { SpoolFile } from './spool.ts';
import type { SpooledEnd } from './spooled-end.ts';

/**
 * Records the results that earlier ticks could not write. Several ticks may do so at once: recording is idempotent, and
 * a file is removed only after its result is in the database. Trouble with one file is a warning; the others go on.
 *
 * @throws DatabaseError when the database cannot be used
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
  const { token, task, end } = file.spooled;
  const late = await recordSpooled(runner, file.spooled);
  if (late.kind === 'refused' || late.kind === 'unknown') {
    const why = late.kind === 'refused' ? late.message : `the ledger has no run ${token}`;
    rejectFile(runner, file.file, why);
    return undefined;
  }
  failpoint('replay.committed');
  dropFile(runner, file.file);
  failpoint('replay.dropped');
  if (late.kind === 'kept-as-late') {
    const message = `a late result of run ${late.run.id} of task ${JSON.stringify(task)} (${end.status}) is kept beside its recorded end (${late.run.status})`;
    runner.onEvent({ kind: 'warning', message });
  }
  if (late.kind !== 'recorded') {
    return undefined;
  }
  const coming = comingOf(late);
  tellLife(runner, ...endedEvents(subjectOfRun(late.run, coming.nextSlotAt), { ...end, ...coming }));
  return {
    task,
    scope: late.run.scopeKey,
    slotAt: late.run.slot,
    missed: Math.max(0, late.run.slotCount - 1),
    attempt: late.run.attempt,
    status: end.status,
    durationMs: end.durationMs,
    error: end.status === 'succeeded' ? null : end.message,
    warning: end.reason === WARNING ? end.message : null,
    exitCode: end.exitCode,
    ...coming,
    spooled: false,
    output: end.output.text,
  };
}

type Recorded = LateResult | { readonly kind: 'refused'; readonly message: string };

async function recordSpooled(runner: Runner, { token, end, policy }: SpooledEnd): Promise<Recorded> {
  try {
    return await recordLateEnd(runner.driver, token, end, policy);
  } catch (error) {
    if (error instanceof DatabaseError) {
      throw error;
    }
    return { kind: 'refused', message: messageOf(error) };
  }
}

function dropFile(runner: Runner, file: string): void {
  try {
    runner.spool.drop(file);
  } catch (error) {
    const message = `a spooled result is recorded, but its file cannot be removed: remove ${file} (${messageOf(error)})`;
    runner.onEvent({ kind: 'warning', message });
  }
}

function rejectFile(runner: Runner, file: string, why: string): void {
  const message = `a spooled result cannot be recorded (${why}): ${putAside(runner, file)}`;
  runner.onEvent({ kind: 'warning', message });
}

function putAside(runner: Runner, file: string): string {
  try {
    return `it was put aside as ${runner.spool.reject(file)}`;
  } catch (error) {
    return `it cannot be put aside either, so remove ${file} (${messageOf(error)})`;
  }
}
