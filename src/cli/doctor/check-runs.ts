import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../../config/config.ts';
import { type Instant, MINUTE_MS, toShortText } from '../../core/instants.ts';
import { isSameProcess, type ProcessIdentity } from '../../execute/processes.ts';
import type { Spool } from '../../runner/spool.ts';
import type { Run } from '../../store/run-row.ts';
import { type Finding, fail, listed, ok, warn } from './finding.ts';
import type { World } from './world.ts';

/** Ending what a task started takes its time, so a run is not blamed at its time limit. */
const OVERTIME_MS = 10 * MINUTE_MS;

/** Whether the runs that are recorded as alive are. */
export function checkRuns(runs: readonly Run[], identity: ProcessIdentity, now: Instant): readonly Finding[] {
  const findings = runs.flatMap((run) => checkRun(run, identity, now));
  return findings.length === 0 ? [ok('runs', `${runs.length} alive`)] : findings;
}

function checkRun(run: Run, identity: ProcessIdentity, now: Instant): readonly Finding[] {
  const name = `run ${run.id} of task ${JSON.stringify(run.taskName)}`;
  const death = signOfDeath(run, identity);
  if (death !== undefined) {
    const remedy = `the next tick of node ${JSON.stringify(run.node)} records it as lost`;
    return [warn('runs', `${name} counts as alive, but ${death}`, remedy)];
  }
  return run.deadlineAt !== null && run.deadlineAt + OVERTIME_MS < now
    ? [
        fail(
          'runs',
          `${name} is alive, though its time limit passed at ${toShortText(run.deadlineAt)}`,
          `end its runner, process ${run.pid} on node ${JSON.stringify(run.node)}; the next tick ends the rest`,
        ),
      ]
    : [];
}

function signOfDeath(run: Run, identity: ProcessIdentity): string | undefined {
  if (run.machineId !== identity.machineId) {
    return undefined;
  }
  if (run.bootId !== identity.bootId) {
    return 'the machine was booted since it started';
  }
  const isGone =
    run.pidNamespace === identity.pidNamespace && !isSameProcess(run.pid ?? 0, run.pidStarted ?? '');
  return isGone ? `its runner, process ${run.pid}, is gone` : undefined;
}

/** Whether results wait outside the database, or could never be recorded. */
export function checkSpool(spool: Spool, config: Config, world: World): readonly Finding[] {
  const waiting = spool.list();
  const rejected = rejectedFiles(spool, config, world);
  const findings = [
    ...(waiting.length === 0
      ? []
      : [
          warn(
            'spool',
            `results that wait for the database (${waiting.length}): ${listed(waiting.map(({ file }) => file))}`,
            'the next tick records them; if it does not, it says why',
          ),
        ]),
    ...(rejected.length === 0
      ? []
      : [
          warn(
            'spool',
            `results that could not be recorded (${rejected.length}): ${listed(rejected)}`,
            'read them (they are JSON), then delete them',
          ),
        ]),
  ];
  return findings.length === 0 ? [ok('spool', 'empty')] : findings;
}

function rejectedFiles({ databaseId }: Spool, { stateDirectory }: Config, world: World): readonly string[] {
  const uid = process.getuid?.() ?? 0;
  const folders = [join(stateDirectory, 'spool'), join(tmpdir(), `periodic-cron-spool-${uid}`)];
  return folders
    .map((folder) => join(folder, databaseId))
    .flatMap((folder) => world.namesIn(folder).map((name) => join(folder, name)))
    .filter((file) => file.endsWith('.rejected'));
}
