import type { Config } from '../config/config.ts';
import { type Clock, startClock } from '../runner/clock.ts';
import { openRunner } from '../runner/open-runner.ts';
import type { Runner } from '../runner/runner.ts';
import { type OpenedStore, openStore, readDatabaseClock } from '../store/open.ts';
import type { Context } from './context.ts';
import { programVersion } from './version.ts';

/** A configuration and the open database that it names, for the length of one command. */
export type Session = {
  readonly config: Config;
  readonly store: OpenedStore;
  /** The database's clock; a SQLite database has the machine's. */
  readonly clock: Clock;
  /** How far the machine's clock is ahead of that one, in milliseconds; undefined where they are one. */
  readonly clockOffsetMs: number | undefined;
  /** What is to be ended when the command is done, before the database is closed. */
  readonly atEnd?: (end: () => Promise<void>) => void;
};

export type SessionOptions = {
  /** As which node the command acts. */
  readonly node?: string | undefined;
  /** Refuse every write, and create nothing. */
  readonly readOnly?: boolean;
  /** Say nothing when the database had to be created. */
  readonly quiet?: boolean;
};

/**
 * Opens the configured database, creating and migrating it where it is the embedded one, runs `work` with it, and closes
 * it whatever happens.
 *
 * @throws ConfigError, DatabaseError, SchemaError
 */
export async function withSession<T>(
  context: Context,
  options: SessionOptions,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const config = await context.loadConfig({ node: options.node });
  const readOnly = options.readOnly === true;
  const store = await openStore(config.database, {
    node: config.node,
    create: !readOnly,
    createFolder: config.database.origin === 'default',
    readOnly,
    migrate: !readOnly,
    onCreated: (path) => {
      if (options.quiet !== true) {
        context.output.note(`created the database ${path}`);
      }
    },
  });
  const ends: Array<() => Promise<void>> = [];
  const atEnd = (end: () => Promise<void>): number => ends.push(end);
  try {
    return await work({ config, store, atEnd, ...(await readClock(store, context)) });
  } finally {
    await Promise.allSettled(ends.map((end) => end()));
    await store.driver.close();
  }
}

/** A shared database tells the time to all; a file has that of its machine. */
export async function readClock(
  { driver }: Pick<OpenedStore, 'driver'>,
  { io }: Pick<Context, 'io'>,
): Promise<Pick<Session, 'clock' | 'clockOffsetMs'>> {
  if (driver.engine === 'sqlite') {
    return { clock: startClock(io.now()), clockOffsetMs: undefined };
  }
  const databaseNow = await readDatabaseClock(driver);
  return { clock: startClock(databaseNow), clockOffsetMs: io.now() - databaseNow };
}

/** The runner of a session. `cancel` is aborted when the process is told to end. */
export function runnerOf(
  { io }: Context,
  session: Session,
  { cancel, onEvent }: Pick<Runner, 'cancel' | 'onEvent'>,
): Runner {
  const { config, store, clock, clockOffsetMs } = session;
  const runner = openRunner({
    config,
    store,
    clock,
    clockOffsetMs,
    cancel,
    onEvent,
    env: io.env,
    cwd: io.cwd,
    hostName: io.hostName,
    version: programVersion(),
  });
  session.atEnd?.(async () => runner.children?.close());
  return runner;
}
