import { expect, test } from 'vitest';
import { definitionSchema } from '../../src/core/task-schema.ts';
import { addTask } from '../../src/store/definitions.ts';
import { resetTask } from '../../src/store/reset.ts';
import { testedEngine } from '../support/engines.ts';
import { openSqlShell, type SqlShell } from './sql-shell.ts';

const CLOCK = '2026-11-21T00:55:00.000Z';
const NOW = Date.UTC(2026, 10, 21, 0, 55);

/** A task that has failed and is terminated on two nodes. */
async function brokenTask(handledSlot: string): Promise<SqlShell> {
  const shell = await openSqlShell(CLOCK);
  const given = { name: 'backup', module: 'command', scheduleKind: 'manual', nodes: ['alpha', 'beta'] };
  await addTask(shell.location, definitionSchema.parse(given), 'ann');
  shell.run(
    `UPDATE periodic_task_state SET epoch = 7, handled_slot = ?, earliest_start = NULL, retry_at = ?, failures = 4,
     first_failure_at = ?, fault = 'x', terminated_at = ?, terminated_reason = 'done', module_state = '{"a":1}',
     anchored_at = '2026-11-21T00:40:00.000Z', current_period_s = 7200, counted_tick = 3, due_tick = 9
     WHERE scope_key IN ('alpha', 'beta')`,
    handledSlot,
    CLOCK,
    CLOCK,
    CLOCK,
  );
  return shell;
}

test('a reset takes back what went wrong, counts from now, and keeps what the module keeps', async () => {
  const { location } = await brokenTask('2026-11-21T00:50:00.000Z');
  const { states } = await resetTask(location, 'backup', { node: undefined, now: NOW, actor: 'bob' });
  expect(states).toHaveLength(2);
  expect(states[0]).toMatchObject({
    scopeKey: 'alpha',
    epoch: 8,
    countedFrom: NOW,
    handledSlot: Date.UTC(2026, 10, 21, 0, 50),
    repeatableUntil: null,
    earliestStart: 'decide-anew',
    retryAt: null,
    failures: 0,
    firstFailureAt: null,
    fault: null,
    terminatedAt: null,
    terminatedReason: null,
    anchoredAt: null,
    currentPeriodSeconds: null,
    countedTick: 0,
    dueTick: null,
    moduleState: { a: 1 },
  });
});

test('a reset of one node leaves the others alone', async () => {
  const { location } = await brokenTask('2026-11-21T00:50:00.000Z');
  const { states } = await resetTask(location, 'backup', { node: 'beta', now: NOW, actor: 'bob' });
  expect(states.map(({ failures }) => failures)).toEqual([4, 0]);
});

test('a reset takes a slot that was handled in the future back to now', async () => {
  const { location } = await brokenTask('2036-11-21T00:50:00.000Z');
  const { states } = await resetTask(location, 'backup', { node: 'alpha', now: NOW, actor: 'bob' });
  expect(states[0]).toMatchObject({
    handledSlot: NOW,
    repeatableUntil: Date.UTC(2036, 10, 21, 0, 50),
  });
});

test('a reset is in the audit, with what was before', async () => {
  const shell = await brokenTask('2026-11-21T00:50:00.000Z');
  await resetTask(shell.location, 'backup', { node: 'beta', now: NOW, actor: 'bob' });
  const [row] = shell.rows("SELECT * FROM periodic_audit WHERE action = 'reset'");
  expect(row).toMatchObject({ actor: 'bob', task_name: 'backup', changed_at: CLOCK });
  expect(JSON.parse(row.before)).toEqual([
    {
      scopeKey: 'beta',
      handledSlot: '2026-11-21T00:50:00.000Z',
      retryAt: CLOCK,
      currentPeriodSeconds: 7_200,
      failures: 4,
      terminatedAt: CLOCK,
      terminatedReason: 'done',
    },
  ]);
  expect(JSON.parse(row.after)).toEqual([{ scopeKey: 'beta', countedFrom: CLOCK }]);
});

test('a reset of a node without a state names the nodes of the task', async () => {
  const { location } = await brokenTask('2026-11-21T00:50:00.000Z');
  await expect(resetTask(location, 'backup', { node: 'gamma', now: NOW, actor: 'bob' })).rejects.toThrow(
    'task "backup" has no state on node "gamma"; its nodes: alpha, beta',
  );
});

test('a second reset keeps every slot repeatable that the first one made so', async () => {
  const shell = await brokenTask('2026-11-21T02:00:00.000Z');
  const all = { node: undefined, now: NOW, actor: 'bob' };
  await resetTask(shell.location, 'backup', all);
  shell.run("UPDATE periodic_task_state SET handled_slot = '2026-11-21T01:15:00.000Z'");
  const { states } = await resetTask(shell.location, 'backup', all);
  expect(states[0]).toMatchObject({ handledSlot: NOW, repeatableUntil: Date.UTC(2026, 10, 21, 2, 0) });
});

test('a reset in the middle of a minute counts from that minute, and is dated by the instant', async () => {
  const shell = await brokenTask('2026-11-21T00:55:20.000Z');
  const now = Date.UTC(2026, 10, 21, 0, 55, 25, 123);
  const { states } = await resetTask(shell.location, 'backup', { node: 'beta', now, actor: 'bob' });
  expect(states[1]).toMatchObject({ countedFrom: NOW, handledSlot: Date.UTC(2026, 10, 21, 0, 55, 20) });
  expect(shell.rows(`SELECT changed_at, "after" FROM periodic_audit WHERE action = 'reset'`)).toEqual([
    {
      changed_at: '2026-11-21T00:55:25.123Z',
      after: '[{"scopeKey":"beta","countedFrom":"2026-11-21T00:55:00.000Z"}]',
    },
  ]);
  expect(shell.rows("SELECT changed_at FROM periodic_task_state WHERE scope_key = 'beta'")).toEqual([
    { changed_at: '2026-11-21T00:55:25.123Z' },
  ]);
});

test.runIf(testedEngine === 'sqlite')(
  'a reset of a state that moves meanwhile resets what it has become',
  async () => {
    const shell = await brokenTask('2026-11-21T00:50:00.000Z');
    // Stands for a runner that takes a slot of beta between the reading and the writing of the reset.
    shell.run(
      `CREATE TRIGGER runner AFTER UPDATE ON periodic_task_state WHEN NEW.scope_key = 'alpha' BEGIN
       UPDATE periodic_task_state SET epoch = epoch + 1, handled_slot = '2036-11-21T00:00:00.000Z', failures = 5
       WHERE scope_key = 'beta';
     END`,
    );
    const { states } = await resetTask(shell.location, 'backup', { node: undefined, now: NOW, actor: 'bob' });
    expect(states[1]).toMatchObject({
      epoch: 9,
      handledSlot: NOW,
      repeatableUntil: Date.UTC(2036, 10, 21, 0, 0),
      failures: 0,
    });
    const [row] = shell.rows(`SELECT "before" FROM periodic_audit WHERE action = 'reset'`);
    expect(JSON.parse(row.before)).toMatchObject([
      { scopeKey: 'alpha', handledSlot: '2026-11-21T00:50:00.000Z', failures: 4 },
      { scopeKey: 'beta', handledSlot: '2036-11-21T00:00:00.000Z', failures: 5 },
    ]);
  },
);

test('a reset counts ticks from the last one of the node', async () => {
  const shell = await brokenTask('2026-11-21T00:50:00.000Z');
  shell.run("INSERT INTO periodic_node (name, tick_no) VALUES ('alpha', 41), ('gamma', 100)");
  const { states } = await resetTask(shell.location, 'backup', { node: undefined, now: NOW, actor: 'bob' });
  expect(states.map(({ scopeKey, countedTick }) => [scopeKey, countedTick])).toEqual([
    ['alpha', 41],
    ['beta', 0],
  ]);
});

test('a reset of what nodes share counts from the last tick of them all', async () => {
  const shell = await brokenTask('2026-11-21T00:50:00.000Z');
  shell.run("INSERT INTO periodic_node (name, tick_no) VALUES ('alpha', 41), ('gamma', 100)");
  shell.run("UPDATE periodic_task SET scope = 'one' WHERE name = 'backup'");
  shell.run("UPDATE periodic_task_state SET counted_tick = 3, due_tick = 9 WHERE scope_key = '*'");
  await resetTask(shell.location, 'backup', { node: undefined, now: NOW, actor: 'bob' });
  expect(
    shell.rows(
      `SELECT counted_tick, due_tick FROM periodic_task_state s JOIN periodic_task t ON t.id = s.task_id
       WHERE t.name = 'backup' AND s.scope_key = '*'`,
    ),
  ).toEqual([{ counted_tick: 141, due_tick: null }]);
});
