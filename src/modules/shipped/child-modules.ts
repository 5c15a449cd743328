import { join } from 'node:path';
import type { $ZodType } from 'zod/v4/core';
import type { Connections, DatabaseLocation } from '../../config/config.ts';
import { type Fault, faultText } from '../../core/errors.ts';
import type { Instant } from '../../core/instants.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { packageRoot } from '../../store/package-root.ts';
import type { InstallationNumber } from './simplestats-options.ts';

/** A shipped module that runs in a child process. Its code is a bundle of its own, which the runner never loads. */
export type ChildModule = {
  readonly file: string;
  /** What of it the runner needs: enough to check and to show its options. */
  readonly load: () => Promise<{
    readonly id: string;
    readonly description: string;
    readonly options: $ZodType;
  }>;
  /** What is wrong with options, valid by themselves, on this machine. */
  readonly checkHere: (options: JsonValue) => Promise<readonly Fault[]>;
  /** See `ResolvedModule`. */
  readonly lend: (options: JsonValue) => Promise<JsonValue>;
};

export type ChildModules = { readonly [id: string]: ChildModule };

/** Looks up numbers of this installation, all as of the instant that it names. Only a runner can. */
export type Installation = (names: readonly InstallationNumber[]) => Promise<{
  readonly at: Instant;
  readonly numbers: Readonly<Record<string, number>>;
}>;

/** The shipped modules that run in a child process, with what the configuration and the runner have for them. */
export function childModulesOf(connections: Connections, installation?: Installation): ChildModules {
  return {
    simplestats: {
      file: join(packageRoot(), 'dist', 'simplestats.js'),
      load: async () => {
        const { SIMPLESTATS_ID, SIMPLESTATS_DESCRIPTION, simplestatsOptions } =
          await loadSimplestatsOptions();
        return { id: SIMPLESTATS_ID, description: SIMPLESTATS_DESCRIPTION, options: simplestatsOptions };
      },
      checkHere: async (options) => {
        const { faultsOfQueries } = await loadSimplestatsOptions();
        return faultsOfQueries(options, Object.keys(connections));
      },
      lend: (options) => lendNumbers({ connections, installation }, options),
    },
    sql: {
      file: join(packageRoot(), 'dist', 'sql.js'),
      load: async () => {
        const { SQL_ID: id, SQL_DESCRIPTION: description, sqlOptions: options } = await loadSqlOptions();
        return { id, description, options };
      },
      checkHere: async (options) => {
        const { connectionNamed, faultsOfConnection } = await loadSqlOptions();
        const name = connectionNamed(options);
        return name === undefined ? [] : faultsOfConnection(name, Object.keys(connections));
      },
      lend: (options) => lendConnection(connections, options),
    },
  };
}

const loadSqlOptions = () => import('./sql-options.ts');
const loadSimplestatsOptions = () => import('./simplestats-options.ts');

type Lenders = { readonly connections: Connections; readonly installation: Installation | undefined };

/** The numbers of this installation that the options ask for, and the databases that their queries name. */
async function lendNumbers({ connections, installation }: Lenders, options: JsonValue): Promise<JsonObject> {
  const { connectionsOfQueries, wantedNumbers } = await loadSimplestatsOptions();
  if (installation === undefined) {
    throw new Error('expected a runner, which alone knows the numbers of this installation, got none');
  }
  const named = [...new Set(connectionsOfQueries(options).values())];
  const locations = await Promise.all(
    named.map(async (name) => [name, await lendConnection(connections, { connection: name })] as const),
  );
  const { at, numbers } = await installation(isJsonObject(options) ? wantedNumbers(options) : []);
  return { at, numbers, locations: Object.fromEntries(locations) };
}

/** Where the database is that the options name, with its password, which was named by reference only. */
async function lendConnection(connections: Connections, options: JsonValue): Promise<JsonObject> {
  const { connectionNamed, faultsOfConnection } = await loadSqlOptions();
  const name = connectionNamed(options) ?? '';
  const location = Object.hasOwn(connections, name) ? connections[name] : undefined;
  if (location === undefined) {
    throw new Error(faultText(faultsOfConnection(name, Object.keys(connections))));
  }
  return JSON.parse(JSON.stringify(await withPassword(location)));
}

async function withPassword(location: DatabaseLocation): Promise<DatabaseLocation> {
  if (location.engine === 'sqlite') {
    return location;
  }
  const { passwordOf } = await import('../../store/password.ts');
  const text = await passwordOf(location);
  return text === undefined ? location : { ...location, password: { kind: 'literal', text } };
}
