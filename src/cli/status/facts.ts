import { databaseName } from '../../config/config.ts';
import type { Instant } from '../../core/instants.ts';
import { nameOf } from '../../core/task.ts';
import { listTasks } from '../../store/definitions.ts';
import { findMaintenance, type Hold } from '../../store/hold.ts';
import type { Run } from '../../store/run-row.ts';
import { engineText } from '../../store/server-facts.ts';
import { listAliveRuns } from '../../store/task-runs.ts';
import { listStandings, type NodeStanding, takesTasks } from '../node/standing.ts';
import { isActive, isShared, takersOf } from '../node/tasks-of-node.ts';
import type { Session } from '../session.ts';

/** How an installation stands now. */
export type StatusFacts = {
  readonly now: Instant;
  /** The path of the file, or the URL without a password. */
  readonly database: string;
  /** Name and version of the engine. */
  readonly engine: string;
  readonly schemaVersion: number;
  readonly maintenance: Hold | undefined;
  /** By name. */
  readonly nodes: readonly NodeStanding[];
  readonly runs: readonly LiveRun[];
  /** Active tasks of scope `one` that no node can take now. */
  readonly stranded: readonly string[];
};

export type LiveRun = {
  readonly run: Run;
  /** Until its lease ends; null for a run without one. */
  readonly leaseLeftMs: number | null;
  /** Why it should have ended by now; null where nothing says so. */
  readonly stuck: 'time_limit' | 'lease' | null;
};

/**
 * Looks at everything that `status` tells. Reads only.
 *
 * @throws DatabaseError
 */
export async function readStatus({ store, clock }: Session): Promise<StatusFacts> {
  const now = clock();
  const { driver, database, schema } = store;
  const nodes = await listStandings(driver, now);
  const ready = new Set(nodes.filter(takesTasks).map(({ node: { name } }) => name));
  const tasks = await listTasks(database);
  return {
    now,
    database: databaseName(database),
    engine: await engineText(driver),
    schemaVersion: schema.version,
    maintenance: await findMaintenance(driver, now),
    nodes,
    runs: (await listAliveRuns(driver)).map((run) => liveRunOf(run, now)),
    stranded: tasks
      .filter((task) => isActive(task) && isShared(task) && takersOf(task, ready).length === 0)
      .map(({ record }) => nameOf(record)),
  };
}

function liveRunOf(run: Run, now: Instant): LiveRun {
  const leaseLeftMs = run.leaseUntil === null ? null : run.leaseUntil - now;
  if (run.deadlineAt !== null && run.deadlineAt < now) {
    return { run, leaseLeftMs, stuck: 'time_limit' };
  }
  return { run, leaseLeftMs, stuck: leaseLeftMs !== null && leaseLeftMs <= 0 ? 'lease' : null };
}
