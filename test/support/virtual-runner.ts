import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { DEFAULT_SETTINGS } from '../../src/config/config.ts';
import { processIdentity, processStartTime } from '../../src/execute/processes.ts';
import { createRegistry } from '../../src/modules/registry.ts';
import type { Runner, RunnerEvent } from '../../src/runner/runner.ts';
import { openSpool } from '../../src/runner/spool.ts';
import { runTick, type TickOptions, type TickReport } from '../../src/runner/tick.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { at } from './builders.ts';
import { openVirtualDatabase, type VirtualDatabase } from './virtual-database.ts';
import { type Script, scriptedModules } from './virtual-modules.ts';

/** A runner over a real SQLite file of its own, with a clock that stands still and modules that do as they are told. */
export type VirtualWorld = VirtualDatabase & {
  readonly runner: Runner;
  readonly script: Script;
  readonly events: readonly RunnerEvent[];
  /** What an operator would be told whatever the verbosity. */
  readonly warnings: () => readonly string[];
  /** One tick of the node, begun at this instant; cron's latency is 0 unless `processAgeMs` says otherwise. */
  readonly tick: (instant: string, options?: Partial<TickOptions>) => Promise<TickReport>;
  /** Another runner over the same file: another node, host, process or limit. */
  readonly otherRunner: (changes: Partial<Runner>) => Runner;
  readonly spoolFolder: string;
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
  const driver = await openSqlite(database.path, { create: false, busyLimitMs });
  onTestFinished(() => driver.close());
  const script: Script = { clock: database.clock, started: [], call: () => undefined };
  const events: RunnerEvent[] = [];
  const spoolFolder = join(database.folder, 'spool');
  const runner = runnerOver({ database, script, events, spoolFolder, driver });
  return {
    ...database,
    runner,
    script,
    events,
    spoolFolder: join(spoolFolder, DATABASE_ID),
    warnings: () => events.flatMap((event) => (event.kind === 'warning' ? [event.message] : [])),
    otherRunner: (changes) => ({ ...runner, ...changes }),
    tick: (instant, options) => tickOf(runner, database, instant, options),
  };
}

/** One tick of any runner over the world's file. */
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
