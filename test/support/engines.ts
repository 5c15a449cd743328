import { onTestFinished } from 'vitest';
import type { Engine } from '../../src/store/driver.ts';
import { createMigratedDatabase, createServerDatabase, type ServerDatabase } from './server-databases.ts';
import { findUnreachable, SERVER_ENGINES, type ServerEngine } from './servers.ts';

const unreachable = await findUnreachable();

/** The engine on which this run of a test file of the store or of the tick takes place. */
export const testedEngine: Engine = engineNamed(process.env['TEST_PERIODIC_CRON_ENGINE'] ?? 'sqlite');

/** The engines on which a test of processes can take place: SQLite, and the servers that can be reached. */
export function reachableEngines(): readonly Engine[] {
  return ['sqlite', ...reachableServers()];
}

/** The engines of the servers that can be reached. */
export function reachableServers(): readonly ServerEngine[] {
  return SERVER_ENGINES.filter((engine) => unreachable[engine] === undefined);
}

/** A database of the test's own on a server, without a schema unless it is asked for; dropped with the test. */
export async function newServerDatabase(
  engine: ServerEngine,
  { migrated = false } = {},
): Promise<ServerDatabase> {
  const database = migrated ? await createMigratedDatabase(engine) : createServerDatabase(engine);
  onTestFinished(database.drop);
  return database;
}

function engineNamed(name: string): Engine {
  if (name !== 'sqlite' && name !== 'postgres' && name !== 'mariadb') {
    throw new Error(`expected TEST_PERIODIC_CRON_ENGINE to be sqlite, postgres or mariadb, got ${name}`);
  }
  return name;
}
