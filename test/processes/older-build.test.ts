import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { newServerDatabase, reachableServers } from '../support/engines.ts';
import { unpackOlderBuild } from '../support/older-build.ts';
import {
  armSlot,
  commandColumns,
  openProgramWorld,
  operatorIn,
  type ProgramEnd,
  type ProgramWorld,
} from '../support/processes.ts';
import type { Operator } from '../support/virtual-database.ts';

const SILENT: ProgramEnd = { exitCode: 0, signal: null, out: '', err: '' };

type Program = (...words: readonly string[]) => Promise<ProgramEnd>;

/** A file that the older build made and the present one has migrated. */
async function openMigratedFile(config: Parameters<typeof openProgramWorld>[0] = {}): Promise<{
  readonly world: ProgramWorld;
  readonly older: Program;
  readonly operator: Operator;
}> {
  const world = openProgramWorld(config);
  mkdirSync(join(world.folder, 'modules'));
  const older = unpackOlderBuild(world);
  expect(await older('run_scheduled', '-c')).toEqual(SILENT);
  const operator = operatorIn(world);
  operator.sql.exec('DELETE FROM periodic_task');
  expect(schemaOf(operator)).toMatchObject({ version: 2 });
  expect(await world.call('run_scheduled', '-c')).toEqual(SILENT);
  expect(schemaOf(operator)).toMatchObject({ version: 6, oldest_version: 2 });
  return { world, older, operator };
}

function schemaOf({ sql }: Operator): unknown {
  return sql.prepare('SELECT version, oldest_version FROM periodic_schema').get();
}

describe('a program of schema version 2, on a file of version 6', () => {
  test('takes turns with the present one: each slot runs once, whoever comes first', async () => {
    const { world, older, operator } = await openMigratedFile();
    for (const name of ['one', 'two', 'three']) {
      operator.addTask({ name, columns: commandColumns(['true']) });
    }
    const slots = ['01', '02', '03', '04'].map((minute) => `2024-01-01T00:${minute}:00Z`);
    for (const [index, slot] of slots.entries()) {
      armSlot(operator, slot);
      const [first, second] = index % 2 === 0 ? [older, world.call] : [world.call, older];
      expect(await first('run_scheduled', '-c')).toEqual(SILENT);
      expect(await second('run_scheduled', '-c')).toEqual(SILENT);
    }
    expect(operator.ledger()).toEqual(
      slots.flatMap((slot) =>
        ['one', 'two', 'three'].map((name) => `${name} ${slot.slice(0, 16)} succeeded`),
      ),
    );
  });

  test('ticks at the same time as the present one: each slot runs once', async () => {
    const { world, older, operator } = await openMigratedFile();
    const names = Array.from({ length: 20 }, (_, index) => `task ${index}`);
    for (const name of names) {
      operator.addTask({ name, columns: commandColumns(['true']) });
    }
    for (const minute of ['01', '02', '03']) {
      armSlot(operator, `2024-01-01T00:${minute}:00Z`);
      const ends = await Promise.all([older, world.call].map((program) => program('run_scheduled', '-c')));
      expect(ends).toEqual([SILENT, SILENT]);
      expect(operator.ledger().slice(-names.length).toSorted()).toEqual(
        names.map((name) => `${name} 2024-01-01T00:${minute} succeeded`).sort(),
      );
    }
    expect(operator.runRows()).toHaveLength(3 * names.length);
  });

  test('adds, lists and runs tasks by hand that the present one knows, and the other way round', async () => {
    const { world, older, operator } = await openMigratedFile();
    const add = (name: string) => ['add', name, '--module', 'command', '--manual', '-o', 'argv=["true"]'];
    expect(await older(...add('of the older'))).toMatchObject({ exitCode: 0 });
    expect(await world.call(...add('of the present'))).toMatchObject({ exitCode: 0 });
    for (const program of [older, world.call]) {
      const { exitCode, out } = await program('list', '--json');
      expect(exitCode).toBe(0);
      for (const name of ['of the older', 'of the present']) {
        expect(out).toContain(`"${name}"`);
        expect(await program('run_manually', '-t', name)).toMatchObject({ exitCode: 0 });
      }
    }
    expect(operator.ledger()).toEqual(
      ['older', 'present', 'older', 'present'].map((name) => `of the ${name} manual succeeded`),
    );
  });

  test('ends with 4, and names the remedy, once the schema is too new for it', async () => {
    const { older, operator } = await openMigratedFile();
    operator.sql.exec('UPDATE periodic_schema SET oldest_version = 3');
    for (const words of [['run_scheduled', '-c'], ['list']]) {
      const { exitCode, out, err } = await older(...words);
      expect({ exitCode, out }).toEqual({ exitCode: 4, out: '' });
      expect(err).toMatch(/needs a program that knows version 3 .*knows version 2: upgrade periodic-cron\n$/);
    }
  });
});

describe('a program of schema version 2', () => {
  test.each(['--confirmation', '--run-user nobody', '--memory-limit 64MiB'])(
    'is turned away once a task has %s, which it would not heed',
    async (policy) => {
      const { world, older, operator } = await openMigratedFile({ modules: { folders: ['modules'] } });
      const folder = join(world.folder, 'modules');
      writeFileSync(
        join(folder, 'greet.mjs'),
        "export const greet = { id: 'greet', description: 'Greet.', run: () => undefined };",
      );
      const add = ['add', 'careful', '--module', 'greet', '--cron', '@daily', ...policy.split(' ')];
      expect(await world.call(...add)).toMatchObject({ exitCode: 0 });
      expect(schemaOf(operator)).toMatchObject({ version: 6, oldest_version: 4 });
      expect(await older('run_scheduled', '-c')).toMatchObject({
        exitCode: 4,
        err: expect.stringMatching(/needs a program that knows version 4 .*: upgrade periodic-cron\n$/),
      });
      expect(await world.call('run_scheduled', '-c')).toEqual(SILENT);
    },
  );
});

describe.each(reachableServers())('on %s, the present program', (engine) => {
  /** A database as a later program may have left it: with a column, a table and a migration more. */
  async function openLaterSchema(): Promise<{ readonly world: ProgramWorld; readonly operator: Operator }> {
    const { location } = await newServerDatabase(engine, { migrated: true });
    const world = openProgramWorld({}, location);
    const operator = operatorIn(world);
    operator.sql.exec('DELETE FROM periodic_task');
    operator.sql.exec("ALTER TABLE periodic_task ADD COLUMN colour varchar(20) DEFAULT 'blue'");
    operator.sql.exec('ALTER TABLE periodic_run ADD COLUMN weight integer NOT NULL DEFAULT 1');
    operator.sql.exec('CREATE TABLE periodic_colour (name varchar(20) NOT NULL PRIMARY KEY)');
    operator.sql.exec("INSERT INTO periodic_migration (name, batch) VALUES ('0099_add_colours', 2)");
    operator.sql.exec('UPDATE periodic_schema SET version = 99, oldest_version = 3');
    return { world, operator };
  }

  test('works with a later schema that allows it', async () => {
    const { world, operator } = await openLaterSchema();
    const add = ['add', 'backup', '--module', 'command', '--manual', '-o', 'argv=["true"]'];
    expect(await world.call(...add)).toMatchObject({ exitCode: 0 });
    operator.addTask({ name: 'report', columns: commandColumns(['true']) });
    expect(await world.call('run_scheduled', '-c')).toEqual(SILENT);
    expect(await world.call('run_manually', '-t', 'backup')).toMatchObject({ exitCode: 0 });
    expect(await world.call('set', 'backup', '--tag', 'nightly')).toMatchObject({ exitCode: 0 });
    expect(await world.call('list')).toMatchObject({ exitCode: 0, out: expect.stringContaining('backup') });
    expect(operator.runRows()).toMatchObject([
      { task_name: 'report', trigger_kind: 'schedule', status: 'succeeded' },
      { task_name: 'backup', trigger_kind: 'manual', status: 'succeeded' },
    ]);
    // There is nothing to bring, and nothing that this program could take back.
    expect(await world.call('migrate')).toMatchObject({ exitCode: 0 });
    const down = await world.call('migrate', '--down');
    expect(down.exitCode).toBe(4);
    expect(down.err).toContain('does not know 0099_add_colours');
  });

  test('ends with 4, and changes nothing, where a later schema does not', async () => {
    const { world, operator } = await openLaterSchema();
    operator.sql.exec('UPDATE periodic_schema SET oldest_version = 98');
    for (const words of [
      ['run_scheduled', '-c'],
      ['list'],
      ['add', 'x', '--module', 'command', '--manual', '-o', 'argv=["true"]'],
    ]) {
      const { exitCode, out, err } = await world.call(...words);
      expect({ exitCode, out }).toEqual({ exitCode: 4, out: '' });
      expect(err).toMatch(
        /needs a program that knows version 98 .*knows version 6: upgrade periodic-cron\n$/,
      );
    }
    expect(operator.sql.prepare('SELECT count(*) FROM periodic_node').pluck().get()).toBe(0);
    expect(operator.sql.prepare('SELECT count(*) FROM periodic_task').pluck().get()).toBe(0);
  });
});
