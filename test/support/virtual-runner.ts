import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { DEFAULT_SETTINGS } from '../../src/config/config.ts';
import { DatabaseError } from '../../src/core/errors.ts';
import { processIdentity, processStartTime } from '../../src/execute/processes.ts';
import { createRegistry } from '../../src/modules/registry.ts';
import type { Runner, RunnerEvent } from '../../src/runner/runner.ts';
import { openSpool } from '../../src/runner/spool.ts';
import { runTick, type TickOptions, type TickReport } from '../../src/runner/tick.ts';
import { connectTo } from '../../src/store/connect.ts';
import type { Driver } from '../../src/store/driver.ts';
import { at } from './builders.ts';
import { openVirtualDatabase, type VirtualDatabase } from './virtual-database.ts';
import { type Script, scriptedModules } from './virtual-modules.ts';

/** A runner over a real database of its own, with a clock that stands still and modules that do as they are told. */
export type VirtualWorld = VirtualDatabase & {
  readonly runner: Runner;
  readonly script: Script;
  readonly events: readonly RunnerEvent[];
  /** What an operator would be told whatever the verbosity. */
  readonly warnings: () => readonly string[];
  /** One tick of the node, begun at this instant; cron's latency is 0 unless `processAgeMs` says otherwise. */
  readonly tick: (instant: string, options?: Partial<TickOptions>) => Promise<TickReport>;
  /** Another runner over the same database: another node, host, process or limit. */
  readonly otherRunner: (changes: Partial<Runner>) => Runner;
  readonly spoolFolder: string;
  /** Lets nobody but this test write, for longer than a runner waits. */
  readonly lockWrites: () => void;
  readonly unlockWrites: () => void;
};

export type WorldOptions = {
  readonly start?: string;
  /** How long a locked database is tried again. */
  readonly busyLimitMs?: number;
};

const DATABASE_ID = '11111111-2222-4333-8444-555555555555';

/** Opens a world whose node is `alpha`, at 12:00; it is closed with the test. */
export async function openVirtualWorld({
  start,
  busyLimitMs = 10_000,
}: WorldOptions = {}): Promise<VirtualWorld> {
  const database = await openVirtualDatabase(start);
  const connected = await connectTo(database.location, { create: false, busyLimitMs });
  onTestFinished(() => connected.close());
  const { driver, ...lock } = withLock(connected, database);
  const script: Script = { clock: database.clock, started: [], call: () => undefined };
  const events: RunnerEvent[] = [];
  const spoolFolder = join(database.folder, 'spool');
  const runner = runnerOver({ database, script, events, spoolFolder, driver });
  return {
    ...database,
    ...lock,
    runner,
    script,
    events,
    spoolFolder: join(spoolFolder, DATABASE_ID),
    warnings: () => events.flatMap((event) => (event.kind === 'warning' ? [event.message] : [])),
    otherRunner: (changes) => ({ ...runner, ...changes }),
    tick: (instant, options) => tickOf(runner, database, instant, options),
  };
}

type Locked = Pick<VirtualWorld, 'lockWrites' | 'unlockWrites'> & { readonly driver: Driver };

/** On SQLite the lock is a real one. A server makes its clients wait for seconds, so there its last word comes at once. */
function withLock(driver: Driver, { engine, location, sql }: VirtualDatabase): Locked {
  if (engine === 'sqlite') {
    const run = (statement: string) => () => {
      sql.exec(statement);
    };
    return { driver, lockWrites: run('BEGIN IMMEDIATE'), unlockWrites: run('ROLLBACK') };
  }
  let isLocked = false;
  const unlessLocked = <T>(write: () => Promise<T>): Promise<T> =>
    isLocked
      ? Promise.reject(
          new DatabaseError(`database ${location.url}: another session holds a lock for too long`),
        )
      : write();
  return {
    driver: {
      ...driver,
      run: (statement, params) => unlessLocked(() => driver.run(statement, params)),
      transaction: (work, options) => unlessLocked(() => driver.transaction(work, options)),
    },
    lockWrites: () => {
      isLocked = true;
    },
    unlockWrites: () => {
      isLocked = false;
    },
  };
}

/** One tick of any runner over the world's database. */
export function tickOf(
  runner: Runner,
  { clock }: Pick<VirtualDatabase, 'clock'>,
  instant: string,
  options: Partial<TickOptions> = {},
): Promise<TickReport> {
  clock.now = at(instant);
  return runTick(runner, {
    parallel: 1,
    failFast: false,
    noStartAfter: undefined,
    processAgeMs: 0,
    ...options,
  });
}

type Parts = {
  readonly database: VirtualDatabase;
  readonly script: Script;
  readonly events: RunnerEvent[];
  readonly spoolFolder: string;
  readonly driver: Runner['driver'];
};

function runnerOver({ database, script, events, spoolFolder, driver }: Parts): Runner {
  const identity = processIdentity();
  const nothing = () => Promise.reject(new Error('there are no foreign modules here'));
  const registry = createRegistry({
    sources: { folders: [], packages: [] },
    packageBases: [],
    inspector: { describe: nothing, check: nothing },
    cache: { find: nothing, keep: nothing, knowsValid: nothing, keepValid: nothing },
    shipped: scriptedModules(script),
  });
  return {
    driver,
    node: {
      name: 'alpha',
      hostName: 'alpha.example',
      machineId: identity.machineId,
      bootId: identity.bootId,
      version: '0.0.0',
      timezone: 'UTC',
      tzVersion: '2026a',
    },
    identity: { ...identity, pid: process.pid, pidStarted: processStartTime(process.pid) ?? '' },
    settings: DEFAULT_SETTINGS,
    clock: () => database.clock.now,
    spool: openSpool([spoolFolder], DATABASE_ID),
    registry: () => Promise.resolve(registry),
    services: {},
    cancel: new AbortController().signal,
    onEvent: (event) => events.push(event),
  };
}
