import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { ServerLocation } from '../../src/config/config.ts';
import type { PrivateServer } from './private-servers.ts';
import { openNodeBeside, openProgramWorld, type ProgramSettings, type ProgramWorld } from './processes.ts';

/** A node on a database of a private server, in which it runs tasks that a test holds on to. */
export type ServerWorld = ProgramWorld & {
  /** The same database, as the server itself is asked, one line for each run: status, reason, exit status, message. */
  readonly runs: () => readonly string[];
  /** Adds a task that is due at once and goes on until it is let go; then it prints a line and exits with 3. */
  readonly addHeldTask: (name: string, ...flags: readonly string[]) => Promise<HeldTask>;
};

export type HeldTask = {
  /** Resolves when its command runs. */
  readonly started: () => Promise<void>;
  readonly letGo: () => void;
};

const DATABASE = 'tasks';
const BOUND = { timeout: 30_000 };

export type WayTo = {
  readonly settings?: ProgramSettings;
  /** Leads to the server; else it is asked directly. */
  readonly way?: (direct: ServerLocation) => ServerLocation;
  /** Of something in front of the server. */
  readonly port?: number;
};

/** Creates the database on the server and brings its schema up to date. */
export async function openServerWorld(
  server: PrivateServer,
  { settings = {}, way, port = server.port }: WayTo = {},
): Promise<ServerWorld> {
  server.sql(`CREATE DATABASE ${DATABASE}`);
  const direct = server.locationOf(DATABASE, { port });
  const migrated = await openProgramWorld({}, direct).call('migrate');
  expect(migrated).toMatchObject({ exitCode: 0, err: '' });
  const database = way === undefined ? {} : { database: way(direct).url };
  return withTasks(server, openProgramWorld({ ...database, ...settings }, direct));
}

/** Another node with the same database, by the same way. */
export function openServerWorldBeside(server: PrivateServer, world: ProgramWorld, node: string): ServerWorld {
  return withTasks(server, openNodeBeside(world, node));
}

function withTasks(server: PrivateServer, world: ProgramWorld): ServerWorld {
  return {
    ...world,
    runs: () => server.sql(RUNS, DATABASE),
    addHeldTask: async (name, ...flags) => {
      const [begun, go] = [join(world.folder, `${name} begun`), join(world.folder, `${name} go`)];
      const script = `touch '${begun}'; while [ ! -e '${go}' ]; do sleep 0.05; done; echo done; exit 3`;
      const argv = JSON.stringify(['sh', '-c', script]);
      const when = ['--every', '1d', '--run-immediately'];
      const added = await world.call(
        'add',
        name,
        '--module',
        'command',
        ...when,
        '-o',
        `argv=${argv}`,
        ...flags,
      );
      expect(added).toMatchObject({ exitCode: 0 });
      return {
        started: () => expect.poll(() => existsSync(begun), BOUND).toBe(true),
        letGo: () => writeFileSync(go, ''),
      };
    },
  };
}

const RUNS = `SELECT concat_ws('|', status, coalesce(reason, '-'), coalesce(exit_code, -1), message)
  FROM periodic_run WHERE task_name <> 'simplestats' ORDER BY id`;
