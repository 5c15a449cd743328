import { describe, expect, test } from 'vitest';
import { toText } from '../../src/core/instants.ts';
import {
  attemptsUpTo,
  findRunById,
  listRuns,
  newestFault,
  newestManualRun,
  type RunFilter,
  recordedScopes,
  runsAliveAt,
} from '../../src/store/history.ts';
import { knownTaskNames, lastTaskId, listAudit } from '../../src/store/known-tasks.ts';
import type { Run } from '../../src/store/run-row.ts';
import { at } from '../support/builders.ts';
import { type Columns, openVirtualDatabase, type VirtualDatabase } from '../support/virtual-database.ts';

const STATE = { taskId: 1, scopeKey: 'alpha' };

/** Adds rows to the ledger, of task 1 on node alpha unless they say otherwise; ids count from 1. */
function addRuns({ sql }: VirtualDatabase, ...rows: readonly Columns[]): void {
  for (const [index, columns] of rows.entries()) {
    const row: Columns = {
      token: `token-${index}`,
      task_id: 1,
      task_name: 'backup',
      module: 'command',
      scope_key: 'alpha',
      node: 'alpha',
      trigger_kind: 'schedule',
      status: 'succeeded',
      created_at: toText(at('12:00')),
      ...columns,
    };
    const names = Object.keys(row);
    sql
      .prepare(`INSERT INTO periodic_run (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`)
      .run(...Object.values(row));
  }
}

/** The columns of a run of these slots. */
function slots(first: string, last: string = first, count = 1): Columns {
  return { slot_first: toText(at(first)), slot: toText(at(last)), slot_count: count };
}

/** The columns of a run that was alive from one instant to another, or still is. */
function alive(from: string, to?: string): Columns {
  return {
    created_at: toText(at(from)),
    started_at: toText(at(from)),
    ended_at: to === undefined ? null : toText(at(to)),
  };
}

function idsOf(runs: readonly Run[]): number[] {
  return runs.map(({ id }) => id);
}

describe('a list of runs', () => {
  const ALL: RunFilter = { statuses: [], limit: 100 };

  test.each<[string, Partial<RunFilter>, number[]]>([
    ['without a filter is newest first', {}, [4, 3, 2, 1]],
    ['is cut after the newest', { limit: 2 }, [4, 3]],
    ['may be of one node', { node: 'beta' }, [2]],
    ['may have one of several statuses', { statuses: ['failed', 'lost'] }, [3, 2]],
    ['may begin at an instant', { since: at('12:05') }, [4, 3, 2]],
    ['may end at an instant', { until: at('12:05') }, [2, 1]],
    ['may be of a name that only the ledger remembers', { task: 'gone' }, [4]],
    ['may fail every filter', { node: 'beta', statuses: ['succeeded'] }, []],
  ])('%s', async (_title, filter, ids) => {
    const database = await openVirtualDatabase();
    addRuns(
      database,
      { created_at: toText(at('12:00')) },
      { created_at: toText(at('12:05')), node: 'beta', status: 'failed' },
      { created_at: toText(at('12:10')), status: 'lost' },
      { created_at: toText(at('12:15')), task_id: 9, task_name: 'gone' },
    );
    expect(idsOf(await listRuns(database.location, { ...ALL, ...filter }))).toEqual(ids);
  });

  test('of a task goes on across a change of its name', async () => {
    const database = await openVirtualDatabase();
    const id = database.addTask({ name: 'old name' });
    addRuns(
      database,
      { task_id: id, task_name: 'old name' },
      { task_id: id + 1, task_name: 'other' },
      { task_id: id, task_name: 'new name' },
    );
    database.changeTask('old name', { name: 'new name' });
    expect(idsOf(await listRuns(database.location, { ...ALL, task: 'new name' }))).toEqual([3, 1]);
  });
});

test('the known names are those of the tasks and of the ledger, each once', async () => {
  const database = await openVirtualDatabase();
  database.addTask({ name: 'backup' });
  addRuns(database, { task_name: 'gone' }, { task_name: 'backup' });
  expect(await knownTaskNames(database.location)).toEqual(['backup', 'gone']);
});

test('a run is found with its output, and an unknown one is not', async () => {
  const database = await openVirtualDatabase();
  addRuns(database, { output: 'done\n', output_bytes: 5 }, {});
  expect(await findRunById(database.location, 1)).toMatchObject({
    run: { id: 1, outputBytes: 5 },
    output: 'done\n',
  });
  expect(await findRunById(database.location, 2)).toMatchObject({ run: { id: 2 }, output: '' });
  expect(await findRunById(database.location, 3)).toBeUndefined();
});

describe('the attempts of the newest slot', () => {
  test.each([
    ['before all slots are none', '11:59:59', []],
    ['at a slot are its own, in their order', '12:05', [2, 3]],
    ['between two slots are those of the earlier one', '12:09:59', [2, 3]],
    ['within a range of folded slots are those of the range', '12:20', [4]],
    ['after all are those of the last', '13:00', [4]],
  ])('%s', async (_title, instant, ids) => {
    const database = await openVirtualDatabase();
    addRuns(
      database,
      slots('12:00'),
      { ...slots('12:05'), attempt: 1, status: 'failed' },
      { ...slots('12:05'), attempt: 2 },
      slots('12:10', '12:55', 10),
      { trigger_kind: 'manual' },
      { trigger_kind: 'fault' },
    );
    expect(idsOf(await attemptsUpTo(database.location, STATE, at(instant)))).toEqual(ids);
  });

  test('are of that state alone', async () => {
    const database = await openVirtualDatabase();
    addRuns(
      database,
      slots('12:00'),
      { ...slots('12:05'), scope_key: 'beta' },
      { ...slots('12:10'), task_id: 2 },
    );
    expect(idsOf(await attemptsUpTo(database.location, STATE, at('13:00')))).toEqual([1]);
  });
});

test('the newest run by hand in a span counts its ends in', async () => {
  const database = await openVirtualDatabase();
  const byHand = { trigger_kind: 'manual' };
  addRuns(
    database,
    { ...alive('12:00'), ...byHand },
    { ...alive('12:05'), ...byHand },
    { ...alive('12:10'), ...byHand },
    { ...alive('12:05'), ...slots('12:05') },
  );
  const newest = (from: string, to: string) =>
    newestManualRun(database.location, STATE, { from: at(from), to: at(to) });
  expect((await newest('12:00', '12:05'))?.id).toBe(2);
  expect((await newest('12:10', '12:20'))?.id).toBe(3);
  expect(await newest('12:11', '12:20')).toBeUndefined();
});

test('the newest fault is the last one up to the instant', async () => {
  const database = await openVirtualDatabase();
  const fault = { trigger_kind: 'fault', status: 'failed' };
  addRuns(
    database,
    { ...fault, created_at: toText(at('12:00')) },
    { ...fault, created_at: toText(at('12:30')) },
  );
  expect((await newestFault(database.location, STATE, at('12:29')))?.id).toBe(1);
  expect((await newestFault(database.location, STATE, at('12:30')))?.id).toBe(2);
  expect(await newestFault(database.location, STATE, at('11:59'))).toBeUndefined();
});

describe('the runs that were alive at an instant', () => {
  test.each([
    ['include the one that starts then', '12:00', [1]],
    ['leave the one out that has just ended', '12:10', [2]],
    ['include those that have no end yet', '13:00', [3]],
  ])('%s', async (_title, instant, ids) => {
    const database = await openVirtualDatabase();
    addRuns(database, alive('12:00', '12:10'), alive('12:05', '12:20'), {
      ...alive('12:30'),
      status: 'running',
    });
    expect(idsOf(await runsAliveAt(database.location, at(instant), { node: 'alpha' }))).toEqual(ids);
  });

  test('are of the node, of the state, or of both', async () => {
    const database = await openVirtualDatabase();
    addRuns(database, alive('12:00'), { ...alive('12:00'), task_id: 2 }, { ...alive('12:00'), node: 'beta' });
    const ids = async (whose: Parameters<typeof runsAliveAt>[2]) =>
      idsOf(await runsAliveAt(database.location, at('12:00'), whose));
    expect(await ids({ node: 'alpha' })).toEqual([1, 2]);
    expect(await ids({ state: STATE })).toEqual([1, 3]);
    expect(await ids({ node: 'alpha', state: STATE })).toEqual([1]);
  });
});

test('a removed task is known by its changes and its runs, with the scopes that it had', async () => {
  const database = await openVirtualDatabase();
  const id = database.addTask({ name: 'backup' });
  addRuns(database, { task_id: id }, { task_id: id, scope_key: 'beta', node: 'beta' }, { task_id: id });
  expect(await lastTaskId(database.location, 'backup')).toBe(id);
  database.sql.exec("DELETE FROM periodic_task WHERE name = 'backup'");
  expect(await lastTaskId(database.location, 'backup')).toBe(id);
  expect(await recordedScopes(database.location, id)).toEqual(['alpha', 'beta']);
  database.sql.exec('DELETE FROM periodic_audit');
  expect(await lastTaskId(database.location, 'backup')).toBe(id);
  database.sql.exec('DELETE FROM periodic_run');
  expect(await lastTaskId(database.location, 'backup')).toBeUndefined();
});

test('a name that was given again stands for the task that has it now', async () => {
  const database = await openVirtualDatabase();
  database.addTask({ name: 'backup' });
  database.sql.exec("DELETE FROM periodic_task WHERE name = 'backup'");
  const id = database.addTask({ name: 'backup' });
  expect(await lastTaskId(database.location, 'backup')).toBe(id);
});

test('the changes of a task come oldest first, and one that cannot be read hides no other', async () => {
  const database = await openVirtualDatabase();
  const id = database.addTask({ name: 'backup' });
  database.sql.exec(
    `INSERT INTO periodic_audit (changed_at, actor, action, task_id, task_name, "before")
     VALUES ('2026-03-10T12:30:00.000Z', 'ann', 'changed', ${id}, 'backup', '{broken')`,
  );
  database.clock.now = at('12:40');
  database.changeTask('backup', { active: 0 });
  const audit = await listAudit(database.location, id);
  expect(audit.map(({ changedAt, actor, action }) => [toText(changedAt), actor, action])).toEqual([
    ['2026-03-10T12:00:00.000Z', 'outside', 'created'],
    ['2026-03-10T12:00:00.000Z', 'outside', 'node added'],
    ['2026-03-10T12:30:00.000Z', 'ann', 'changed'],
    ['2026-03-10T12:40:00.000Z', 'outside', 'disabled'],
  ]);
  expect(audit.map(({ after }) => after)).toMatchObject([
    { name: 'backup', schedule: '5m', active: expect.toBeOneOf([1, true]) },
    { node: 'alpha' },
    null,
    { active: expect.toBeOneOf([0, false]) },
  ]);
  expect(audit[2]?.before).toBeNull();
});
