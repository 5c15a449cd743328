import * as z from 'zod';
import type { Fault } from '../../core/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { faultOfName, normalizeName } from '../../core/names.ts';
import { connectionNamed, faultsOfConnection } from './sql-options.ts';

export const SIMPLESTATS_ID = 'simplestats';
export const SIMPLESTATS_DESCRIPTION =
  'Write numbers of this installation, and numbers from SQL, as statistics.';

/** The numbers of this installation, by the name of the option that asks for each. */
export const INSTALLATION_NUMBERS = {
  tasks: 'how many tasks there are',
  active_tasks: 'tasks that are switched on',
  terminated_tasks: 'tasks that are terminated on some node',
  failed_tasks: 'tasks whose last run failed, timed out or was lost on some node',
  runs_total: 'runs that the ledger holds, live ones too',
  runs_last_day: 'runs that were started within the last 24 hours',
  failed_runs_last_day: 'of those, the ones that failed, timed out or were lost',
  live_runs: 'runs that go on now',
  nodes: 'how many nodes there are',
  late_nodes: 'nodes that have not ticked for three of their rhythms',
  database_bytes: 'how large the database is',
} as const;

export type InstallationNumber = keyof typeof INSTALLATION_NUMBERS;

export const INSTALLATION_NUMBER_NAMES = Object.keys(INSTALLATION_NUMBERS) as readonly InstallationNumber[];

const MOST_QUERIES = 100;

const query = z.strictObject({
  connection: z.string().describe('name of a database among the connections of the configuration'),
  statement: z
    .string()
    .refine((text) => text.trim() !== '', 'expected an SQL statement, got none')
    .describe('one statement that gives one row with one number'),
});

/** What tasks of the module `simplestats` may say. */
export const simplestatsOptions = z
  .strictObject({
    ...numberOptions(),
    stats_prefix: z.string().default('').describe('put before the name of each statistic'),
    queries: z
      .record(z.string(), query)
      .default({})
      .describe('numbers from SQL: a connection and a statement, by the name of the statistic'),
  })
  .check((context) => {
    for (const { path, message } of faultsAcross(context.value)) {
      context.issues.push({ code: 'custom', message, path: [...path], input: undefined });
    }
  });

function numberOptions() {
  const option = (text: string) => z.boolean().default(false).describe(text);
  const options = Object.entries(INSTALLATION_NUMBERS).map(([name, text]) => [name, option(text)] as const);
  return Object.fromEntries(options) as Readonly<Record<InstallationNumber, ReturnType<typeof option>>>;
}

export type SimplestatsOptions = z.output<typeof simplestatsOptions>;

/** The numbers of this installation that options ask for. */
export function wantedNumbers(options: JsonObject): readonly InstallationNumber[] {
  return INSTALLATION_NUMBER_NAMES.filter((name) => options[name] === true);
}

/** The name of the statistic that a number gets. */
export function statKey(prefix: string, name: string): string {
  return normalizeName(`${prefix}${name}`);
}

type FaultAt = { readonly path: readonly string[]; readonly message: string };

function faultsAcross(options: SimplestatsOptions): readonly FaultAt[] {
  const { stats_prefix: prefix, queries } = options;
  const numbers = wantedNumbers(options);
  const names = Object.keys(queries);
  if (numbers.length + names.length === 0) {
    return [{ path: [], message: 'expected at least one number that is true, or a query, got none' }];
  }
  if (names.length > MOST_QUERIES) {
    return [{ path: ['queries'], message: `expected at most ${MOST_QUERIES}, got ${names.length}` }];
  }
  const taken = new Set(numbers.map((name) => statKey(prefix, name)));
  return [
    ...numbers.flatMap((name) => faultAt([name], faultOfName(statKey(prefix, name)))),
    ...names.flatMap((name) => {
      const key = statKey(prefix, name);
      const isTwice = taken.has(key);
      taken.add(key);
      const twice = `expected each statistic once, got ${JSON.stringify(key)} twice`;
      return faultAt(['queries', name], faultOfName(key) ?? (isTwice ? twice : undefined));
    }),
  ];
}

function faultAt(path: readonly string[], message: string | undefined): readonly FaultAt[] {
  return message === undefined ? [] : [{ path, message }];
}

/** The connections that the queries of options name, by the name of the query; whatever else is wrong with those. */
export function connectionsOfQueries(options: JsonValue): ReadonlyMap<string, string> {
  const queries = isJsonObject(options) ? options['queries'] : undefined;
  const entries = isJsonObject(queries) ? Object.entries(queries) : [];
  return new Map(
    entries.flatMap(([name, value]) => {
      const connection = connectionNamed(value);
      return connection === undefined ? [] : [[name, connection] as const];
    }),
  );
}

/** What is wrong with the connections that queries name; `known` are those of the configuration. */
export function faultsOfQueries(options: JsonValue, known: readonly string[]): readonly Fault[] {
  return [...connectionsOfQueries(options)].flatMap(([name, connection]) =>
    faultsOfConnection(connection, known).map(({ message }) => ({
      field: `options.queries.${name}.connection`,
      message,
    })),
  );
}
