import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Config } from '../config/config.ts';
import { connectionVariables } from '../config/connections.ts';
import { secretVariables } from '../config/database-password.ts';
import { localTimezone } from '../config/local-zone.ts';
import { once } from '../core/once.ts';
import type { ChildPool } from '../execute/child-pool.ts';
import { withhold } from '../execute/environment.ts';
import { processIdentity, processStartTime } from '../execute/processes.ts';
import { useScopes } from '../execute/scope-setting.ts';
import type { Inspector } from '../modules/description.ts';
import type { DescriptionCache } from '../modules/description-cache.ts';
import type { Registry } from '../modules/registry.ts';
import type { Installation } from '../modules/shipped/child-modules.ts';
import type { StatisticsService } from '../modules/shipped/eventcounter.ts';
import type { HistoryService } from '../modules/shipped/prune-history.ts';
import type { Driver } from '../store/driver.ts';
import type { OpenedStore } from '../store/open.ts';
import { packageRoot } from '../store/package-root.ts';
import { type Clock, startClock } from './clock.ts';
import type { Children, Runner } from './runner.ts';
import { openSpool } from './spool.ts';

export type RunnerSettings = {
  readonly config: Config;
  readonly store: OpenedStore;
  readonly clock: Clock;
  /** How far the machine's clock is ahead of that one, in milliseconds; undefined where they are one. */
  readonly clockOffsetMs: number | undefined;
  readonly cancel: AbortSignal;
  readonly onEvent: Runner['onEvent'];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly hostName: string;
  readonly version: string;
  readonly cwd: string;
};

/** How long a foreign file may take to load before it counts as broken. */
const LOAD_LIMIT_MS = 10_000;

/** Builds what a call of the program runs tasks with. Loads nothing that only a due task needs. */
export function openRunner(settings: RunnerSettings): Runner {
  const { config, store, clock, env } = settings;
  withholdSecrets(config);
  useScopes(config.systemdScope);
  const identity = processIdentity();
  return {
    driver: store.driver,
    node: {
      name: config.node,
      hostName: settings.hostName,
      machineId: identity.machineId,
      bootId: identity.bootId,
      version: settings.version,
      timezone: localTimezone(env),
      tzVersion: process.versions['tz'] ?? '',
    },
    identity: { ...identity, pid: process.pid, pidStarted: processStartTime(process.pid) ?? '' },
    settings: config,
    clock,
    clockOffsetMs: settings.clockOffsetMs,
    spool: openSpool(spoolFolders(config.stateDirectory), store.schema.databaseId),
    registry: once(() => openRegistry(config, settings.cwd, clock, lazyInstallation(store.driver, clock))),
    services: {
      history: historyService(store.driver, clock),
      statistics: statisticsService(store.driver, clock),
      http: config.http,
    },
    children: lazyChildren(),
    cancel: settings.cancel,
    onEvent: settings.onEvent,
  };
}

function withholdSecrets({ database, connections }: Config): void {
  withhold([...secretVariables(database), ...connectionVariables(connections)]);
}

function lazyChildren(): Children {
  let pool: Promise<ChildPool> | undefined;
  return {
    take: () => {
      pool ??= import('../execute/child-pool.ts').then(({ openChildPool }) => openChildPool());
      return pool;
    },
    close: async () => (await pool)?.close(),
  };
}

function historyService(driver: Driver, clock: Clock): HistoryService {
  const load = once(() => import('../store/prune.ts'));
  return {
    prune: async (request) => (await load()).pruneHistory(driver, { ...request, now: clock() }),
  };
}

function statisticsService(driver: Driver, clock: Clock): StatisticsService {
  const load = once(() => import('../store/counter-to-stat.ts'));
  return {
    now: clock,
    writeCounter: async (reading) => (await load()).writeCounter(driver, reading),
  };
}

function lazyInstallation(driver: Driver, clock: Clock): Installation {
  return async (names) => (await import('./installation.ts')).numbersOf({ driver, clock }, names);
}

/**
 * The registry of the modules that the configuration names. Only with `installation` can it run tasks that ask for numbers
 * of this installation.
 */
export async function openRegistry(
  config: Config,
  cwd: string,
  clock: Clock = startClock(),
  installation?: Installation,
): Promise<Registry> {
  // A module's file is loaded to be described, long before it runs.
  withholdSecrets(config);
  const [{ createRegistry }, { childModulesOf }] = await Promise.all([
    import('../modules/registry.ts'),
    import('../modules/shipped/child-modules.ts'),
  ]);
  return createRegistry({
    sources: config.modules,
    packageBases: [...(config.file === undefined ? [] : [dirname(config.file)]), cwd, packageRoot()],
    inspector: lazyInspector(config.node),
    cache: lazyCache(config.stateDirectory, clock),
    shippedChildren: childModulesOf(config.connections, installation),
  });
}

// Only foreign modules need these two.

function lazyInspector(node: string): Inspector {
  const load = once(async () =>
    (await import('../execute/inspector.ts')).createInspector({ limitMs: LOAD_LIMIT_MS, node }),
  );
  return {
    describe: async (file) => (await load()).describe(file),
    check: async (file, id, options) => (await load()).check(file, id, options),
  };
}

function lazyCache(stateDirectory: string, clock: Clock): DescriptionCache {
  const load = once(async () =>
    (await import('../modules/description-cache.ts')).createDescriptionCache(stateDirectory, clock),
  );
  return {
    find: async (fileHash) => (await load()).find(fileHash),
    keep: async (fileHash, description) => (await load()).keep(fileHash, description),
    knowsValid: async (fileHash, id, options) => (await load()).knowsValid(fileHash, id, options),
    keepValid: async (fileHash, id, options) => (await load()).keepValid(fileHash, id, options),
  };
}

/** The state directory often lies on the disk of the database; when that is full, the one for temporary files may do. */
function spoolFolders(stateDirectory: string): readonly string[] {
  return [join(stateDirectory, 'spool'), join(tmpdir(), `periodic-cron-spool-${process.getuid?.() ?? 0}`)];
}
