import { toText } from '../core/instants.ts';
import type { RunFacts } from './execution.ts';
import type { SystemUser } from './users.ts';

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

/** Variables and their values; one without a value is absent. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What a process inherits from this one: everything but what is withheld. */
export function inheritedEnvironment(): Environment {
  return { ...process.env, ...Object.fromEntries([...withheld].map((name) => [name, undefined])) };
}

/**
 * What a process that runs as another user begins with: its language and time zone from this process, HOME, USER,
 * LOGNAME and SHELL of the user, and the system's own folders as PATH. Nothing else is inherited.
 */
export function environmentOfUser({ name, uid, home, shell }: SystemUser): Environment {
  const kept = Object.entries(process.env).filter(([key]) => /^(?:LANG|TZ|LC_\w+)$/.test(key));
  const login = name ?? String(uid);
  return {
    ...Object.fromEntries(kept),
    HOME: home,
    USER: login,
    LOGNAME: login,
    SHELL: shell,
    PATH: uid === 0 ? ROOT_PATH : USER_PATH,
  };
}

const USER_PATH = '/usr/local/bin:/usr/bin:/bin';
const ROOT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * The environment of a run's process: what it begins with (as a rule what this process hands on), with `added`, and with
 * `PERIODIC_CRON_RUN_ID`, `_TASK` (its name), `_NODE`, `_SLOT` (UTC, empty for a run by hand), `_ATTEMPT` and `_EPOCH`.
 */
export function environmentOfRun(
  run: RunFacts,
  added: Environment,
  base: Environment = inheritedEnvironment(),
): Environment {
  return {
    ...base,
    ...added,
    [RUN_ID_VARIABLE]: run.runId,
    PERIODIC_CRON_TASK: run.task.name,
    PERIODIC_CRON_NODE: run.node,
    PERIODIC_CRON_SLOT: run.slotAt === null ? '' : toText(run.slotAt),
    PERIODIC_CRON_ATTEMPT: String(run.attempt),
    PERIODIC_CRON_EPOCH: String(run.epoch),
  };
}
