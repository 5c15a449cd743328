import { toText } from '../core/instants.ts';
import type { RunFacts } from './execution.ts';

/** Every process of a run carries the run's id under this name: it is how they are found again. */
export const RUN_ID_VARIABLE = 'PERIODIC_CRON_RUN_ID';

// They may hold the password of the database, which is no business of a task.
const withheld = new Set(['PERIODIC_CRON_DATABASE_URL', 'PERIODIC_CRON_DATABASE_PASSWORD']);

/** Keeps further variables of this process from every process that it starts for a task. */
export function withhold(names: readonly string[]): void {
  for (const name of names) {
    withheld.add(name);
  }
}

/**
 * The environment of a run's process: what the runner inherited, without its secrets, with `added`, and with
 * `PERIODIC_CRON_RUN_ID`, `_TASK` (its name), `_NODE`, `_SLOT` (UTC, empty for a run by hand), `_ATTEMPT` and `_EPOCH`.
 */
export function environmentOfRun(
  run: RunFacts,
  added: Readonly<Record<string, string>>,
): Readonly<Record<string, string | undefined>> {
  return {
    ...process.env,
    ...Object.fromEntries([...withheld].map((name) => [name, undefined])),
    ...added,
    [RUN_ID_VARIABLE]: run.runId,
    PERIODIC_CRON_TASK: run.task.name,
    PERIODIC_CRON_NODE: run.node,
    PERIODIC_CRON_SLOT: run.slotAt === null ? '' : toText(run.slotAt),
    PERIODIC_CRON_ATTEMPT: String(run.attempt),
    PERIODIC_CRON_EPOCH: String(run.epoch),
  };
}
