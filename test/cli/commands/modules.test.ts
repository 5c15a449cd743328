import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type CommandWorld, openWorld } from './command-world.ts';

/** A module file that imports nothing. */
function moduleText(id: string, rest = ''): string {
  return `export default { id: '${id}', description: 'Greets.', ${rest} async run() {} };\n`;
}

/** A world whose configuration names the folder `modules` with these files. */
function worldWithModules(files: Readonly<Record<string, string>>): CommandWorld {
  const world = openWorld('modules:\n  folders: [modules]\n');
  mkdirSync(join(world.folder, 'modules'));
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(world.folder, 'modules', name), text);
  }
  return world;
}

describe('modules', () => {
  test('lists the shipped modules, without a database', async () => {
    const world = openWorld();
    expect(await world.call('--database', 'sqlite:/proc/none/x', 'modules')).toEqual({
      exitCode: 0,
      out: [
        'ID             RUNS IN     FILE     DESCRIPTION',
        'command        a command   shipped  Run a command, and record its output and exit status.',
        'eventcounter   the runner  shipped  Write what a counter holds over all nodes as a statistic, and start it afresh if asked.',
        'http           the runner  shipped  Send a request by HTTP, and expect a status.',
        'prune_history  the runner  shipped  Delete the oldest history, so that it stays within limits of age, count and bytes.',
        'simplestats    a child     shipped  Write numbers of this installation, and numbers from SQL, as statistics.',
        'sql            a child     shipped  Run SQL statements on a database of the configuration.',
        '',
      ].join('\n'),
      err: '',
    });
  });

  test('lists those of a folder with their files, and tells which files hold none', async () => {
    const world = worldWithModules({ 'greet.js': moduleText('greet'), 'torn.js': 'export default {' });
    const { exitCode, out, err } = await world.call('modules');
    expect(exitCode).toBe(0);
    expect(out).toContain(`greet          a child     ${world.folder}/modules/greet.js  Greets.\n`);
    expect(err).toMatch(/^periodic-cron: no module from \S+\/modules\/torn\.js: .+\n$/);
    const { modules, faults } = JSON.parse((await world.call('modules', '--json')).out);
    expect(modules.map(({ id, place }: { id: string; place: string }) => [id, place])).toEqual([
      ['command', 'command'],
      ['eventcounter', 'runner'],
      ['http', 'runner'],
      ['prune_history', 'runner'],
      ['simplestats', 'child'],
      ['sql', 'child'],
      ['greet', 'child'],
    ]);
    expect(faults).toMatchObject([{ file: `${world.folder}/modules/torn.js` }]);
  });

  test('shows both files of an id that is there twice as unusable', async () => {
    const world = worldWithModules({ 'one.js': moduleText('greet'), 'two.js': moduleText('greet') });
    const { modules } = JSON.parse((await world.call('modules', 'show', 'greet', '--json')).out);
    expect(modules).toMatchObject([
      { id: 'greet', file: `${world.folder}/modules/one.js`, fault: expect.stringContaining('two.js') },
      { id: 'greet', file: `${world.folder}/modules/two.js`, fault: expect.stringContaining('one.js') },
    ]);
    expect((await world.call('modules')).out).toContain('unusable: ');
  });

  test('of another word says what may stand there', async () => {
    expect(await openWorld().call('modules', 'shw', 'command')).toEqual({
      exitCode: 2,
      out: '',
      err: 'periodic-cron: modules: expected "show", "sync" or nothing, got "shw" (did you mean show?)\n',
    });
  });
});

describe('modules show', () => {
  test('prints the options of a module', async () => {
    const { exitCode, out, err } = await openWorld().call('modules', 'show', 'prune_history');
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    expect(out.split('\n').slice(0, 9)).toEqual([
      'module       prune_history',
      'description  Delete the oldest history, so that it stays within limits of age, count and bytes.',
      'runs in      the runner',
      'file         shipped with periodic-cron',
      '',
      'OPTION             TYPE            DEFAULT    DESCRIPTION',
      'max_age_days       integer | null  90         delete runs, ticks and audit entries older than this; null keeps them',
      'max_runs           integer | null  100000     keep at most so many of the newest runs; null keeps all',
      'max_bytes          integer | null  268435456  keep at most so many bytes of the newest runs, output included; null keeps all',
    ]);
  });

  test('prints JSON', async () => {
    const { modules } = JSON.parse(
      (await openWorld().call('modules', 'show', 'prune_history', '--json')).out,
    );
    expect(modules).toMatchObject([
      {
        id: 'prune_history',
        place: 'runner',
        file: null,
        fault: null,
        options: [
          { name: 'max_age_days', type: 'integer | null', required: false, default: 90, secret: false },
          { name: 'max_runs' },
          { name: 'max_bytes' },
          { name: 'max_stat_age_days', type: 'integer | null', required: false, default: null },
          { name: 'batch_size', type: 'integer', default: 500 },
        ],
      },
    ]);
  });

  test('of a module without options says so', async () => {
    const { out } = await worldWithModules({ 'greet.js': moduleText('greet') }).call(
      'modules',
      'show',
      'greet',
    );
    expect(out).toContain('runs in      a child\n');
    expect(out).toContain('options      none\n');
  });

  test('of an unknown module names the ones there are', async () => {
    expect(await openWorld().call('modules', 'show', 'comand')).toEqual({
      exitCode: 5,
      out: '',
      err: 'periodic-cron: there is no module "comand" (did you mean command?); there are: command, eventcounter, http, prune_history, simplestats, sql\n',
    });
  });
});
