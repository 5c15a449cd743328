import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { DatabaseLocation } from '../../src/config/config.ts';
import { carriersOf } from '../../src/execute/processes.ts';
import type { Engine } from '../../src/store/driver.ts';
import { packageRoot } from '../../src/store/package-root.ts';
import { at } from './builders.ts';
import { fullUrlOf } from './server-databases.ts';
import { connectOperator, type Operator, openVirtualDatabase, sqliteAt } from './virtual-database.ts';

/** The minute in which the tasks of a process test are created: long ago by any clock. */
export const CREATED_AT = '2024-01-01T00:00:00Z';

/** How a call of the real program ended, and what it printed. */
export type ProgramEnd = {
  /** What a shell would see: 128 and the number of a signal that ended it. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
};

export type RunningProgram = { readonly pid: number; readonly ended: Promise<ProgramEnd> };

/** A folder with a configuration of its own, in which the built program is called as cron would call it. */
export type ProgramWorld = {
  readonly folder: string;
  /** The database that the configuration names. */
  readonly location: DatabaseLocation;
  /** Where the file is, or would be, if the database is one of SQLite. */
  readonly databasePath: string;
  readonly start: (...words: readonly string[]) => RunningProgram;
  /** Runs the program to its end. */
  readonly call: (...words: readonly string[]) => Promise<ProgramEnd>;
  /** Runs a shell line in which `$PROGRAM` stands for the program. */
  readonly shell: (line: string) => Promise<ProgramEnd>;
};

export type ProgramSettings = Readonly<Record<string, unknown>>;

/**
 * A world without a database: a SQLite file that is not there yet, or the database given, whatever is in it. `settings`
 * are keys of the configuration file.
 */
export function openProgramWorld(settings: ProgramSettings = {}, location?: DatabaseLocation): ProgramWorld {
  const folder = newFolder();
  return programWorldIn(folder, location ?? sqliteAt(join(folder, 'tasks.sqlite')), settings);
}

/** A world with a migrated database, and an operator's connection whose triggers believe in {@link CREATED_AT}. */
export async function openStockedWorld(
  settings: ProgramSettings = {},
  engine: Engine = 'sqlite',
): Promise<ProgramWorld & Operator> {
  const database = await openVirtualDatabase(CREATED_AT, engine);
  return { ...database, ...programWorldIn(database.folder, database.location, settings) };
}

/** Another node with the same database: a folder, a configuration and a state directory of its own. */
export function openNodeBeside(
  { location }: Pick<ProgramWorld, 'location'>,
  node: string,
  settings: ProgramSettings = {},
): ProgramWorld {
  return programWorldIn(newFolder(), location, { node, ...settings });
}

/** An operator's connection to the database that the program made. */
export function operatorIn({ location }: Pick<ProgramWorld, 'location'>): Operator {
  return connectOperator(location, { now: at(CREATED_AT) });
}

/** The columns of a task that runs one command once, at the first tick after its creation. */
export function commandColumns(
  argv: readonly string[],
  columns: Readonly<Record<string, string | number>> = {},
) {
  return {
    module: 'command',
    options: JSON.stringify({ argv }),
    schedule_kind: 'manual',
    schedule: '',
    run_immediately: 1,
    ...columns,
  };
}

/** Gives every task of the database one more slot, due now. */
export function armSlot({ sql }: Pick<Operator, 'sql'>, slot: string): void {
  sql
    .prepare("UPDATE periodic_task_state SET epoch = epoch + 1, first_slot = ?, earliest_start = ''")
    .run(new Date(at(slot)).toISOString());
}

/** The processes of the newest run that are alive, wherever they have moved. */
export function processesOfRun({ runRows }: Pick<Operator, 'runRows'>, index = -1): readonly number[] {
  const token = runRows().at(index)?.['token'];
  return typeof token === 'string' ? carriersOf('PERIODIC_CRON_RUN_ID', token) : [];
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'periodic-cron-program-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function programWorldIn(folder: string, location: DatabaseLocation, settings: ProgramSettings): ProgramWorld {
  const configPath = join(folder, 'periodic-cron.json');
  const config = {
    database: location.engine === 'sqlite' ? location.url : fullUrlOf(location),
    node: 'alpha',
    state_directory: join(folder, 'state'),
    ...settings,
  };
  writeFileSync(configPath, JSON.stringify(config));
  const program = join(packageRoot(), 'bin', 'periodic-cron.js');
  const env = {
    PATH: process.env['PATH'],
    HOME: folder,
    TZ: 'UTC',
    PERIODIC_CRON_CONFIG: configPath,
    PROGRAM: `${process.execPath} ${program}`,
  };
  const launch = (file: string, args: readonly string[]) => running(spawn(file, args, { cwd: folder, env }));
  return {
    folder,
    location,
    databasePath: location.engine === 'sqlite' ? location.path : join(folder, 'tasks.sqlite'),
    start: (...words) => launch(process.execPath, [program, ...words]),
    call: (...words) => launch(process.execPath, [program, ...words]).ended,
    shell: (line) => launch('bash', ['-c', line]).ended,
  };
}

function running(child: ChildProcess): RunningProgram {
  let out = '';
  let err = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  child.stdin?.end();
  const ended = new Promise<ProgramEnd>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode, signal) => resolve({ exitCode, signal, out, err }));
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return { pid: child.pid ?? 0, ended };
}
