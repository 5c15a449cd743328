import { describe, expect, test } from 'vitest';
import { DefinitionError } from '../../src/core/errors.ts';
import { nameOf, type TaskDefinition } from '../../src/core/task.ts';
import {
  readSyncedTasks,
  type StoredForSync,
  type TaskChanges,
  writeSyncedTasks,
} from '../../src/store/synced-tasks.ts';
import { taskWith } from '../support/builders.ts';
import { testedEngine } from '../support/engines.ts';
import { openVirtualDatabase, type VirtualDatabase } from '../support/virtual-database.ts';

const NOTHING: TaskChanges = { added: [], changed: [] };
const ACTOR = { names: [] as readonly string[], actor: 'ann' };

function definitionWith(changes: Partial<TaskDefinition>): TaskDefinition {
  const { id: _, ...definition } = taskWith({ owner: 'modules:/a.mjs', ...changes });
  return definition;
}

/** A database with a task of an operator, one of a file, and one of another task. */
async function databaseWithTasks(): Promise<VirtualDatabase> {
  const database = await openVirtualDatabase();
  database.addTask({ name: 'own' });
  database.addTask({ name: 'of_file', columns: { owner: 'modules:/a.mjs' } });
  database.addTask({ name: 'of_task', columns: { owner: 'task:own' } });
  return database;
}

function rows({ sql }: VirtualDatabase) {
  return sql.prepare('SELECT name, schedule, owner FROM periodic_task ORDER BY id').all();
}

describe('the tasks of files', () => {
  test('are read with those of the names that are asked for, whoever owns them', async () => {
    const { location } = await databaseWithTasks();
    const read = async (names: readonly string[]) =>
      (await readSyncedTasks(location, names)).records.map(nameOf);
    expect(await read([])).toEqual(['of_file']);
    expect(await read(['own', 'nosuch', 'of_file'])).toEqual(['own', 'of_file']);
  });

  test('are changed and added together, which counts and is signed like any change', async () => {
    const database = await databaseWithTasks();
    const added = [
      definitionWith({ name: 'new', schedule: '9m', runImmediately: true, nodes: ['alpha', 'beta'] }),
    ];
    await writeSyncedTasks(database.location, ACTOR, ({ records }) => ({
      added,
      changed: records.map((record) => ({ record, fields: { schedule: '7m', nodes: ['alpha', 'beta'] } })),
    }));
    expect(rows(database)).toEqual([
      { name: 'own', schedule: '5m', owner: null },
      { name: 'of_file', schedule: '7m', owner: 'modules:/a.mjs' },
      { name: 'of_task', schedule: '5m', owner: 'task:own' },
      { name: 'new', schedule: '9m', owner: 'modules:/a.mjs' },
    ]);
    expect(database.stateRow('of_file', 'beta')['earliest_start']).toBe('');
    expect(database.stateRow('new', 'beta')['first_slot']).not.toBe(null);
    const actors = database.sql
      .prepare("SELECT DISTINCT actor FROM periodic_audit WHERE task_name = 'new' OR action = 'changed'")
      .pluck()
      .all();
    expect(actors).toEqual(['ann']);
  });

  test('stay as they are when what is to be done cannot be', async () => {
    const database = await databaseWithTasks();
    const before = rows(database);
    const refuse = (): TaskChanges => {
      throw new DefinitionError('modules sync', []);
    };
    await expect(writeSyncedTasks(database.location, ACTOR, refuse)).rejects.toThrow(DefinitionError);
    const taken = ({ records }: StoredForSync): TaskChanges => ({
      added: [definitionWith({ name: 'fine' }), definitionWith({ name: 'own' })],
      changed: records.map((record) => ({ record, fields: { schedule: '7m' } })),
    });
    await expect(writeSyncedTasks(database.location, ACTOR, taken)).rejects.toThrow('expected a new name');
    expect(rows(database)).toEqual(before);
  });

  // A single process cannot wait for the lock of a SQLite file that it holds itself.
  test.runIf(testedEngine !== 'sqlite')(
    'are added once by several who add them at the same time, and the others decide anew',
    async () => {
      const { location, sql } = await openVirtualDatabase();
      const wanted = ['one', 'two', 'three'].map((name) => definitionWith({ name }));
      const names = wanted.map(({ name }) => name);
      const sync = () =>
        writeSyncedTasks(location, { names, actor: 'ann' }, ({ records }) => {
          const there = records.map(nameOf);
          return { added: wanted.filter(({ name }) => !there.includes(name)), changed: [] };
        });
      const done = await Promise.all([sync(), sync(), sync(), sync()]);
      expect(done.map(({ added }) => added.length).sort()).toEqual([0, 0, 0, 3]);
      expect(sql.prepare('SELECT name FROM periodic_task ORDER BY id').pluck().all()).toEqual(names);
    },
  );

  test('come with the nodes that are known', async () => {
    const { location, sql } = await openVirtualDatabase();
    sql.prepare("INSERT INTO periodic_node (name) VALUES ('beta'), ('alpha')").run();
    expect((await readSyncedTasks(location, [])).nodes.toSorted()).toEqual(['alpha', 'beta']);
  });

  test('are left alone where there is nothing to do', async () => {
    const database = await databaseWithTasks();
    const epoch = database.stateRow('of_file')['epoch'];
    await writeSyncedTasks(database.location, ACTOR, () => NOTHING);
    expect(database.stateRow('of_file')['epoch']).toEqual(epoch);
  });
});
