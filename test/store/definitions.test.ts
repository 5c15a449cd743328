import { describe, expect, test } from 'vitest';
import type { TaskDefinition } from '../../src/core/task.ts';
import { definitionSchema } from '../../src/core/task-schema.ts';
import { addTask, changeTask, findTask, listTasks, removeTask } from '../../src/store/definitions.ts';
import { testedEngine } from '../support/engines.ts';
import { openSqlShell, type SqlShell } from './sql-shell.ts';

const CLOCK = '2026-11-21T00:55:00.000Z';

function definition(changes: Partial<TaskDefinition> = {}): TaskDefinition {
  const given = { name: 'backup', module: 'command', scheduleKind: 'manual', nodes: ['alpha'], ...changes };
  return definitionSchema.parse(given);
}

/** What the audit says since the shell was opened, without the definitions themselves. */
function audit(shell: SqlShell) {
  return shell.rows(
    "SELECT actor, action, task_name FROM periodic_audit WHERE actor <> 'migration' ORDER BY id",
  );
}

function countedFrom(shell: SqlShell): unknown {
  return shell.rows("SELECT counted_from FROM periodic_task_state WHERE scope_key = 'alpha'")[0]
    ?.counted_from;
}

describe('an added task', () => {
  test('comes back as it was given', async () => {
    const { location } = await openSqlShell(CLOCK);
    const given = definition({
      options: { command: 'true', env: { A: 'ä' } },
      scheduleKind: 'every',
      schedule: '15m',
      timezone: 'Europe/Berlin',
      scope: 'each',
      ordering: -3,
      runImmediately: true,
      startDeadlineSeconds: 60,
      timeoutSeconds: 0,
      killGraceSeconds: 1,
      retryLimit: 2,
      retryDelaySeconds: 5,
      retryMaxDelaySeconds: 50,
      retryOn: ['lost', 'shutdown'],
      retryPastNext: true,
      overlap: 'allow',
      maxParallel: 3,
      nodes: ['alpha', 'beta'],
      tags: ['a', 'b'],
    });
    const stored = await addTask(location, given, 'ann');
    expect(stored.record.fields).toEqual(given);
    expect(stored.states.map(({ scopeKey }) => scopeKey)).toEqual(['alpha', 'beta']);
    expect((await findTask(location, 'backup')).record).toEqual(stored.record);
  });

  test('is signed in the audit by who added it, with its nodes and tags', async () => {
    const shell = await openSqlShell(CLOCK);
    await addTask(shell.location, definition({ tags: ['nightly'] }), 'ann');
    expect(audit(shell)).toEqual([
      { actor: 'ann', action: 'created', task_name: 'backup' },
      { actor: 'ann', action: 'node added', task_name: 'backup' },
      { actor: 'ann', action: 'tag added', task_name: 'backup' },
    ]);
  });

  test('is refused when its name is taken, and changes nothing', async () => {
    const shell = await openSqlShell(CLOCK);
    await addTask(shell.location, definition(), 'ann');
    const before = shell.rows('SELECT * FROM periodic_audit');
    await expect(addTask(shell.location, definition({ module: 'other' }), 'bob')).rejects.toThrow(
      'task "backup": name: expected a new name, got that of a task that exists (use "set" to change it)',
    );
    expect(shell.rows('SELECT * FROM periodic_audit')).toEqual(before);
    expect((await findTask(shell.location, 'backup')).record.fields.module).toBe('command');
  });
});

describe('tasks', () => {
  test('are listed ascending by order, then by id', async () => {
    const { location } = await openSqlShell(CLOCK);
    await addTask(location, definition({ name: 'late', ordering: 5 }), 'ann');
    await addTask(location, definition({ name: 'second' }), 'ann');
    await addTask(location, definition({ name: 'third' }), 'ann');
    await addTask(location, definition({ name: 'first', ordering: -5 }), 'ann');
    expect((await listTasks(location)).map(({ record }) => record.fields.name)).toEqual([
      'first',
      'second',
      'third',
      'late',
      'prune_history',
    ]);
  });

  test('may be asked for by name', async () => {
    const { location } = await openSqlShell(CLOCK);
    await addTask(location, definition({ name: 'a', tags: ['x'] }), 'ann');
    await addTask(location, definition({ name: 'b', tags: ['y'] }), 'ann');
    const found = await listTasks(location, ['b', 'none']);
    expect(found.map(({ record, states }) => [record.fields.tags, states.length])).toEqual([[['y'], 1]]);
  });

  test('that do not exist are answered with the one that was most likely meant', async () => {
    const { location } = await openSqlShell(CLOCK);
    await addTask(location, definition(), 'ann');
    await expect(findTask(location, 'bakup')).rejects.toThrow(
      /^there is no task "bakup" \(did you mean backup\?\)$/,
    );
    await expect(findTask(location, 'unlike')).rejects.toThrow(
      'there is no task "unlike"; there are: backup, prune_history',
    );
  });
});

test('a task is found by a name with spaces around it, and by its exact name where only that is stored', async () => {
  const shell = await openSqlShell(CLOCK);
  await addTask(shell.location, definition(), 'ann');
  expect((await findTask(shell.location, ' backup ')).record.fields.name).toBe('backup');
  shell.run("UPDATE periodic_task SET name = ' backup ' WHERE name = 'backup'");
  expect((await findTask(shell.location, ' backup ')).record.fields.name).toBe(' backup ');
  expect((await listTasks(shell.location, [' backup '])).map(({ record }) => record.fields.name)).toEqual([
    ' backup ',
  ]);
  await expect(findTask(shell.location, 'backup')).rejects.toThrow('there is no task "backup"');
});

describe('a changed task', () => {
  test('takes the fields that are given, and its states are marked', async () => {
    const shell = await openSqlShell(CLOCK);
    await addTask(shell.location, definition(), 'ann');
    const stored = await changeTask(shell.location, 'backup', 'bob', () => ({
      name: 'archive',
      retryLimit: 3,
    }));
    expect(stored.record.fields).toEqual({ ...definition(), name: 'archive', retryLimit: 3 });
    expect(stored.states[0]).toMatchObject({ earliestStart: 'decide-anew' });
    expect(audit(shell).at(-1)).toEqual({ actor: 'bob', action: 'changed', task_name: 'archive' });
  });

  test('keeps the states of the nodes that stay', async () => {
    const shell = await openSqlShell(CLOCK);
    await addTask(shell.location, definition(), 'ann');
    shell.run("UPDATE periodic_task_state SET counted_from = '2020-01-01T00:00:00.000Z'");
    await changeTask(shell.location, 'backup', 'ann', () => ({ nodes: ['alpha', 'beta'], tags: ['new'] }));
    expect(countedFrom(shell)).toBe('2020-01-01T00:00:00.000Z');
  });

  test('by nothing leaves no trace', async () => {
    const shell = await openSqlShell(CLOCK);
    await addTask(shell.location, definition(), 'ann');
    const before = shell.rows('SELECT * FROM periodic_task_state');
    await changeTask(shell.location, 'backup', 'bob', () => ({}));
    expect(audit(shell).filter(({ actor }) => actor === 'bob')).toEqual([]);
    expect(shell.rows('SELECT * FROM periodic_task_state')).toEqual(before);
  });

  test('whose change is refused stays as it was', async () => {
    const shell = await openSqlShell(CLOCK);
    await addTask(shell.location, definition(), 'ann');
    const refused = changeTask(shell.location, 'backup', 'bob', () => Promise.reject(new Error('not so')));
    await expect(refused).rejects.toThrow('not so');
    expect((await findTask(shell.location, 'backup')).record.fields).toEqual(definition());
  });

  test('may not take the name of another', async () => {
    const shell = await openSqlShell(CLOCK);
    await addTask(shell.location, definition(), 'ann');
    const refused = changeTask(shell.location, 'backup', 'bob', () => ({ name: 'prune_history' }));
    await expect(refused).rejects.toThrow('name: expected a new name');
  });

  test('is decided again when somebody else changes it meanwhile', async () => {
    const shell = await openSqlShell(CLOCK);
    await addTask(shell.location, definition(), 'ann');
    const seen: unknown[] = [];
    const stored = await changeTask(shell.location, 'backup', 'bob', ({ record }) => {
      seen.push(record.fields.ordering);
      if (seen.length === 1) {
        shell.run("UPDATE periodic_task SET ordering = 7 WHERE name = 'backup'");
      }
      return { retryLimit: Number(record.fields.ordering) };
    });
    expect(seen).toEqual([0, 7]);
    expect(stored.record.fields).toMatchObject({ ordering: 7, retryLimit: 7 });
  });
});

describe('a removed task', () => {
  test('is gone with its states, and its runs stay', async () => {
    const shell = await openSqlShell(CLOCK);
    const { record } = await addTask(shell.location, definition(), 'ann');
    shell.run(
      `INSERT INTO periodic_run (token, task_id, task_name, module, scope_key, node, trigger_kind, status, created_at)
       VALUES ('t', ?, 'backup', 'command', 'alpha', 'alpha', 'manual', 'succeeded', ?)`,
      record.id,
      CLOCK,
    );
    await removeTask(shell.location, 'backup', 'bob');
    expect(shell.rows('SELECT * FROM periodic_task_state WHERE task_id = ?', record.id)).toEqual([]);
    expect(shell.rows('SELECT task_name FROM periodic_run')).toEqual([{ task_name: 'backup' }]);
    expect(audit(shell).at(-1)).toEqual({ actor: 'bob', action: 'removed', task_name: 'backup' });
    await expect(removeTask(shell.location, 'backup', 'bob')).rejects.toThrow('there is no task "backup"');
  });
});

/** What several calls came to that began together: what each returned, or the error that it threw. */
async function outcomes(calls: readonly Promise<unknown>[]): Promise<readonly string[]> {
  const ends = await Promise.allSettled(calls);
  return ends.map((end) => (end.status === 'fulfilled' ? 'done' : String(end.reason))).toSorted();
}

function taken(name: string): string {
  return `PeriodicCronError: task "${name}": name: expected a new name, got that of a task that exists (use "set" to change it)`;
}

// A file has one writer from the start of its transaction, and makes the whole process wait for it.
describe.runIf(testedEngine !== 'sqlite')('calls that meet on a server', () => {
  test('to add a task of one name: one of them does, the others are told that it is taken', async () => {
    const { location, rows } = await openSqlShell(CLOCK);
    const calls = ['ann', 'bob', 'eve'].map((actor) => addTask(location, definition(), actor));
    expect(await outcomes(calls)).toEqual([taken('backup'), taken('backup'), 'done']);
    expect(rows("SELECT name FROM periodic_task WHERE name = 'backup'")).toHaveLength(1);
  });

  test('to give a name that is just being taken are told so, without what the task holds', async () => {
    const shell = await openSqlShell(CLOCK);
    await addTask(shell.location, definition({ name: 'first' }), 'ann');
    await addTask(shell.location, definition({ name: 'second' }), 'ann');
    const rename = (name: string) => changeTask(shell.location, name, 'bob', () => ({ name: 'archive' }));
    expect(await outcomes([rename('first'), rename('second')])).toEqual([taken('archive'), 'done']);
  });

  test('find out by the key of the name, where that is taken after they looked', async () => {
    const shell = await openSqlShell(CLOCK);
    await addTask(shell.location, definition({ name: 'first' }), 'ann');
    shell.run('BEGIN');
    shell.run(INSERT_TASK, 'late');
    shell.run(INSERT_TASK, 'later');
    const added = addTask(shell.location, definition({ name: 'late' }), 'bob');
    const renamed = changeTask(shell.location, 'first', 'bob', () => ({ name: 'later' }));
    const both = outcomes([added, renamed]);
    await waitingSessions(shell, 2);
    shell.run('COMMIT');
    expect(await both).toEqual([taken('late'), taken('later')]);
  });

  test('to remove a task: what is removed is what another one has just made of it', async () => {
    const shell = await openSqlShell(CLOCK);
    await addTask(shell.location, definition(), 'ann');
    shell.run('BEGIN');
    shell.run("UPDATE periodic_task SET ordering = 7 WHERE name = 'backup'");
    const removed = removeTask(shell.location, 'backup', 'bob');
    await waitingSessions(shell, 1);
    shell.run('COMMIT');
    expect((await removed).record.fields.ordering).toBe(7);
    expect(audit(shell).map(({ actor, action }) => [actor, action])).toEqual([
      ['ann', 'created'],
      ['ann', 'node added'],
      ['outside', 'changed'],
      ['bob', 'removed'],
    ]);
  });
});

const INSERT_TASK =
  "INSERT INTO periodic_task (name, module, schedule_kind, schedule) VALUES (?, 'command', 'manual', '')";

/** Until so many sessions wait for one that the shell's transaction holds up. */
async function waitingSessions({ engine, rows }: SqlShell, count: number): Promise<void> {
  const query =
    engine === 'postgres'
      ? 'SELECT count(*) AS waiting FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))'
      : `SELECT count(*) AS waiting FROM information_schema.innodb_lock_waits w
         JOIN information_schema.innodb_trx x ON x.trx_id = w.blocking_trx_id
         WHERE x.trx_mysql_thread_id = connection_id()`;
  // MariaDB answers anew only to who has not asked for a tenth of a second.
  const patience = { timeout: 10_000, interval: 250 };
  await expect.poll(() => Number(rows(query)[0]?.waiting), patience).toBe(count);
}
