import { expect, test } from 'vitest';
import { checkMissingStates } from '../../../src/cli/doctor/check-definitions.ts';
import { definitionSchema } from '../../../src/core/task-schema.ts';
import { addTask, listTasks } from '../../../src/store/definitions.ts';
import { openSqlShell, type SqlShell } from '../../store/sql-shell.ts';
import { problems } from './doctor-world.ts';

const KNOWN = ['alpha', 'beta'];

/** A task of scope each, on nodes of which alpha and beta have ticked, without the states of some of them. */
async function openWithout(keys: readonly string[], nodes: readonly string[]): Promise<SqlShell> {
  const shell = await openSqlShell('2026-11-21T00:55:00.000Z');
  for (const name of KNOWN) {
    shell.run('INSERT INTO periodic_node (name) VALUES (?)', name);
  }
  const given = { name: 'backup', module: 'command', scheduleKind: 'manual', scope: 'each', nodes };
  await addTask(shell.location, definitionSchema.parse(given), 'ann');
  for (const key of keys) {
    shell.run('DELETE FROM periodic_task_state WHERE scope_key = ?', key);
  }
  return shell;
}

async function check({ location }: SqlShell): Promise<readonly string[]> {
  return problems(checkMissingStates(await listTasks(location), new Set(KNOWN)));
}

test.each([
  [['alpha', 'gamma'], ['alpha'], 'the node "alpha"'],
  [['alpha', 'gamma'], ['alpha', 'gamma'], 'the nodes "alpha", "gamma"'],
  [['*'], ['beta'], 'the node "beta"'],
])('a task of the nodes %j without the states of %j is told', async (nodes, keys, shown) => {
  expect(await check(await openWithout(keys, nodes))).toEqual([
    `fail states: task "backup" has no state for ${shown}: it does not run there`,
  ]);
});

test.each([[['alpha', 'gamma']], [['*']]])(
  'a task of the nodes %j that has its states is all right',
  async (nodes) => {
    expect(await check(await openWithout([], nodes))).toEqual([]);
  },
);

test.each(['active = FALSE', "scope = 'one'"])('a task with %s needs none of each node', async (change) => {
  const shell = await openWithout([], ['*']);
  shell.run(`UPDATE periodic_task SET ${change}`);
  shell.run("DELETE FROM periodic_task_state WHERE scope_key <> '*'");
  expect(await check(shell)).toEqual([]);
});
