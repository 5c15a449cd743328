import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SCHEMA_VERSION } from '../../src/store/migrations.ts';
import { openProgramWorld } from '../support/processes.ts';
import { type CommandWorld, openWorld } from './commands/command-world.ts';

/** A command of each way to the database: a tick, a look, a change, the upkeep. */
const COMMANDS: ReadonlyArray<readonly [string, readonly string[]]> = [
  ['run_scheduled', ['run_scheduled', '-c']],
  ['list', ['list']],
  ['next', ['next', 'backup']],
  ['add', ['add', 'backup', '--module', 'command', '-o', 'command=true', '--every', '5m']],
  ['run_manually', ['run_manually', '-t', 'backup']],
  ['migrate', ['migrate']],
  ['prune', ['prune']],
];

/** A call for a database elsewhere than the world's own. */
function callFor(world: CommandWorld, path: string, words: readonly string[]) {
  return world.call('--database', `sqlite:${path}`, ...words);
}

describe.each(COMMANDS)('%s', (_name, words) => {
  test('in a folder that does not exist names the folder, and creates nothing', async () => {
    const world = openWorld();
    const path = join(world.folder, 'none', 'tasks.sqlite');
    expect(await callFor(world, path, words)).toEqual({
      exitCode: 3,
      out: '',
      err: `periodic-cron: the folder of database ${path} does not exist: create ${world.folder}/none, or correct the path\n`,
    });
    expect(existsSync(join(world.folder, 'none'))).toBe(false);
  });

  test('below a file names the path', async () => {
    const world = openWorld();
    writeFileSync(join(world.folder, 'notes.txt'), 'mine');
    const path = join(world.folder, 'notes.txt', 'tasks.sqlite');
    expect(await callFor(world, path, words)).toEqual({
      exitCode: 3,
      out: '',
      err: `periodic-cron: database ${path} cannot be reached (ENOTDIR: not a directory, stat '${path}'): check the path and the rights on its folders\n`,
    });
  });

  test('on a directory says how to name a file', async () => {
    const world = openWorld();
    const path = join(world.folder, 'state');
    mkdirSync(path);
    expect(await callFor(world, path, words)).toEqual({
      exitCode: 3,
      out: '',
      err: `periodic-cron: database ${path} is a directory: name a file in it, for example --database sqlite:${path}/periodic-cron.sqlite\n`,
    });
  });

  test('on a text file leaves it as it was', async () => {
    const world = openWorld();
    const path = join(world.folder, 'notes.txt');
    writeFileSync(path, 'dear diary\n');
    expect(await callFor(world, path, words)).toEqual({
      exitCode: 3,
      out: '',
      err: `periodic-cron: ${path} is not a SQLite database: name another file with --database sqlite:PATH, or move this one away\n`,
    });
    expect(readFileSync(path, 'utf8')).toBe('dear diary\n');
  });

  test('on a newer schema says to upgrade, with an exit status of its own', async () => {
    const world = openWorld();
    await world.call('migrate');
    world.sql('UPDATE periodic_schema SET version = 99, oldest_version = 99');
    expect(await world.call(...words)).toEqual({
      exitCode: 4,
      out: '',
      err: `periodic-cron: database ${world.database} has schema version 99, which needs a program that knows version 99 or later; this one knows version ${SCHEMA_VERSION}: upgrade periodic-cron\n`,
    });
    expect(world.sql('SELECT name FROM periodic_task')).toEqual([{ name: 'prune_history' }]);
  });
});

test.skipIf(!existsSync('/proc/self'))(
  'a database in a folder that takes no file names folder and reason',
  async () => {
    const world = openWorld();
    const { exitCode, out, err } = await callFor(world, '/proc/tasks.sqlite', ['run_scheduled', '-c']);
    expect({ exitCode, out }).toEqual({ exitCode: 3, out: '' });
    expect(err).toMatch(
      /^periodic-cron: database \/proc\/tasks\.sqlite cannot be created \(E.*\): check that this user may write to \/proc\n$/,
    );
  },
);

test('the fault that main returns is the exit status of the program', async () => {
  const world = openProgramWorld();
  const path = join(world.folder, 'none', 'tasks.sqlite');
  const calls = ['run_scheduled', 'list'].map((command) =>
    world.call(command, '--database', `sqlite:${path}`),
  );
  for (const end of await Promise.all(calls)) {
    expect(end).toEqual({
      exitCode: 3,
      signal: null,
      out: '',
      err: `periodic-cron: the folder of database ${path} does not exist: create ${world.folder}/none, or correct the path\n`,
    });
  }
});

describe('a command line that is wrong', () => {
  const task = ['add', 'backup', '--module', 'command', '-o', 'command=true'];
  test.each([
    ['an unknown command', ['lst'], "unknown command 'lst' (did you mean list?)"],
    ['an unknown flag', ['list', '--du'], "unknown option '--du' (did you mean --due?)"],
    ['a flag without its value', ['next', '--cron'], "option '--cron <text>' argument missing"],
    [
      'a bad duration',
      ['next', '--every', '5 min'],
      'next: --every: expected a duration such as 90s, 15m, 1h30m or 2d (units s, m, h, d, w, each once), got "5 min" (at character 1)',
    ],
    [
      'several faults of a definition, all of them told',
      [...task, '--cron', '61 * * * *', '--timezone', 'Mars/Base', '--retry-limit', 'x'],
      'task "backup": timezone: expected an IANA time zone such as Europe/Berlin, got "Mars/Base"; retry_limit: expected a whole number from 0 to 1000, got "x"; schedule: minute: expected 0-59, got "61" (at character 1)',
    ],
  ])('%s is one line and exit status 2, and stores nothing', async (_title, words, message) => {
    const world = openWorld();
    await world.call('migrate');
    expect(await world.call(...words)).toEqual({
      exitCode: 2,
      out: '',
      err: `periodic-cron: ${message}\n`,
    });
    expect(world.sql('SELECT name FROM periodic_task')).toEqual([{ name: 'prune_history' }]);
  });
});
