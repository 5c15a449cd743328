import { DefinitionError } from '../core/errors.ts';
import { floorToMinute, type Instant, toText } from '../core/instants.ts';
import { ALL_NODES, type TaskDefinition } from '../core/task.ts';
import { holdAskingRun } from './asking-run.ts';
import { numberOf, numberOrNull, textOf } from './cells.ts';
import { definitionRow } from './definition-row.ts';
import type { Driver, SqlValue, Statements } from './driver.ts';
import { failpoint } from './failpoint.ts';
import { lockIfToGo } from './remove-done.ts';
import { isDuplicateKey } from './server-errors.ts';
import { NAME_KEY } from './task-lookup.ts';
import { tickNumbers } from './ticks.ts';

/** A one-shot that a run wants, and that was found valid. */
export type NewOneShot = {
  /** Unique for this wish, which its record in the audit is known by. */
  readonly wishId: string;
  /** The run that wants it: one that has been given an end adds nothing any more. */
  readonly token: string;
  readonly taskId: number;
  readonly definition: TaskDefinition;
  /** The key of its only state. */
  readonly scopeKey: string;
  readonly replace: boolean;
  /** This very run has scheduled a task of that name before. */
  readonly isRepeated: boolean;
  readonly now: Instant;
  readonly actor: string;
};

/** `kept`: an earlier attempt of the same slot has scheduled it, and it has started: it is left as it is. */
export type OneShotAdded = 'added' | 'kept';

/**
 * Adds a task that runs once and is removed with that, in one transaction. The task of the run itself comes once more if
 * it is such a one-shot. Its slot counts from the minute of `now`, its ticks from the last one. What an earlier attempt of
 * the same slot has scheduled under that name gives way, unless it has started.
 *
 * @throws DefinitionError when the run is over, and when the name belongs to another task
 */
export async function addOneShot(driver: Driver, oneShot: NewOneShot): Promise<OneShotAdded> {
  let firstMark: number | undefined;
  const confirm = async (statements: Statements): Promise<'added' | undefined> =>
    firstMark !== undefined && (await isRecorded(statements, oneShot, firstMark)) ? 'added' : undefined;
  const add = async (statements: Statements): Promise<OneShotAdded> => {
    const asking = await holdRun(statements, oneShot);
    // The run was held by an unanswered commit, which has come while this waited: nothing stands in its own way.
    const done = await confirm(statements);
    if (done !== undefined) {
      return done;
    }
    const mark = await lastAuditId(statements);
    firstMark ??= mark;
    const taskId = await writeTask(statements, oneShot, asking);
    if (taskId === undefined) {
      return 'kept';
    }
    await countAnew(statements, taskId, oneShot);
    failpoint('one-shot.written');
    await record(statements, taskId, { oneShot, mark });
    return 'added';
  };
  try {
    return await driver.transaction(add, { confirm });
  } catch (error) {
    throw isDuplicateKey(error, NAME_KEY) ? refusal(oneShot, 'another run has just taken it') : error;
  }
}

/** The run that asks, as its row in the ledger has it. */
type Asking = { readonly isScheduled: boolean; readonly slot: string | null };

async function holdRun(statements: Statements, { token, definition }: NewOneShot): Promise<Asking> {
  if (!(await holdAskingRun(statements, token))) {
    throw new DefinitionError(`task ${JSON.stringify(definition.name)}`, [
      { field: 'run', message: 'expected one that goes on, got one that was given up' },
    ]);
  }
  const [row] = await statements.all('SELECT trigger_kind, slot FROM periodic_run WHERE token = ?', [token]);
  return { isScheduled: row?.['trigger_kind'] === 'schedule', slot: textOf(row?.['slot']) };
}

/** Returns the id; undefined where one is there already that is to stay. */
async function writeTask(
  statements: Statements,
  oneShot: NewOneShot,
  asking: Asking,
): Promise<number | undefined> {
  const { definition, taskId, scopeKey } = oneShot;
  const known = await findNamed(statements, definition.name, scopeKey);
  if (known?.id === taskId) {
    return rewriteOwn(statements, oneShot, { known, asking });
  }
  if (known !== undefined && !(await removeOlder(statements, oneShot, { known, asking }))) {
    return undefined;
  }
  const row: Record<string, SqlValue> = {
    ...definitionRow(definition),
    scheduled_by: taskId,
    scheduled_slot: asking.slot,
  };
  const columns = Object.keys(row);
  await statements.run(
    `INSERT INTO periodic_task (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
    Object.values(row),
  );
  const added = await findNamed(statements, definition.name, scopeKey);
  const id = added?.id ?? 0;
  for (const node of definition.nodes) {
    await statements.run('INSERT INTO periodic_task_node (task_id, node) VALUES (?, ?)', [id, node]);
  }
  return id;
}

type Named = {
  readonly id: number;
  readonly owner: string | null;
  readonly isActive: boolean;
  readonly removeWhenDone: boolean;
  readonly scheduledBy: number | null;
  readonly scheduledSlot: string | null;
  /** It has a state of the key of the new one. */
  readonly isOfScope: boolean;
};

async function findNamed({ all }: Statements, name: string, scopeKey: string): Promise<Named | undefined> {
  const [row] = await all(
    `SELECT id, owner, active, remove_when_done, scheduled_slot,
       (SELECT p.id FROM periodic_task p WHERE p.id = t.scheduled_by) AS scheduled_by,
       CASE WHEN EXISTS (SELECT 1 FROM periodic_task_state s WHERE s.task_id = t.id AND s.scope_key = ?)
         THEN 1 ELSE 0 END AS is_of_scope
     FROM periodic_task t WHERE name = ?`,
    [scopeKey, name],
  );
  return row === undefined
    ? undefined
    : {
        id: numberOf(row['id']),
        owner: textOf(row['owner']),
        isActive: Boolean(row['active']),
        removeWhenDone: Boolean(row['remove_when_done']),
        scheduledBy: numberOrNull(row['scheduled_by']),
        scheduledSlot: textOf(row['scheduled_slot']),
        isOfScope: Boolean(row['is_of_scope']),
      };
}

type Found = { readonly known: Named; readonly asking: Asking };

/** A one-shot that runs gets another slot: it is over with this run only if it does not ask for that. */
async function rewriteOwn(
  { run }: Statements,
  oneShot: NewOneShot,
  { known, asking }: Found,
): Promise<number> {
  if (!known.removeWhenDone) {
    throw refusal(oneShot, 'it is that of the task that runs, which is no one-shot');
  }
  if (!asking.isScheduled) {
    throw refusal(oneShot, 'it is that of the task that runs, whose slot no run by hand moves');
  }
  const { module, options, scheduleKind, schedule, timezone, runUser, memoryLimitBytes } = oneShot.definition;
  const place = { runUser, memoryLimitBytes };
  const row = definitionRow({ module, options, scheduleKind, schedule, timezone, ...place });
  const assignments = Object.keys(row).map((column) => `${column} = ?`);
  await run(`UPDATE periodic_task SET ${assignments.join(', ')} WHERE id = ?`, [
    ...Object.values(row),
    known.id,
  ]);
  return known.id;
}

/** False where an earlier attempt of the same slot has scheduled it and it has started: then it stays. */
async function removeOlder(
  statements: Statements,
  oneShot: NewOneShot,
  { known, asking }: Found,
): Promise<boolean> {
  if (!isOwn(oneShot, known)) {
    throw refusal(oneShot, whoseItIs(oneShot, known));
  }
  const isSameWish =
    !oneShot.isRepeated && asking.slot !== null && known.scheduledSlot === asking.slot && known.isOfScope;
  if (!oneShot.replace && !isSameWish) {
    throw refusal(oneShot, 'this task has scheduled it before (replace: true takes its place)');
  }
  if (!oneShot.replace && !known.isActive) {
    // Somebody has switched it off since the earlier attempt, and another one does not take that back.
    return false;
  }
  // The task before its states, as everybody locks them. A claim moves the state first: whoever comes second waits for
  // the other, and then finds it started or gone.
  await lockIfToGo(statements, known.id);
  await statements.run('UPDATE periodic_task_state SET epoch = epoch + 1 WHERE task_id = ?', [known.id]);
  const started = await statements.all(
    'SELECT id FROM periodic_run WHERE task_id = ? AND started_at IS NOT NULL LIMIT 1',
    [known.id],
  );
  if (started.length > 0 && !isSameWish) {
    throw refusal(oneShot, 'it has started already');
  }
  if (started.length === 0) {
    await statements.run('DELETE FROM periodic_task WHERE id = ?', [known.id]);
    await statements.run(
      "UPDATE periodic_audit SET actor = ? WHERE task_id = ? AND action = 'removed' AND actor = 'outside'",
      [oneShot.actor, known.id],
    );
  }
  return started.length === 0;
}

/**
 * By the id of the task, which a new name does not change. Where no such task is there any more, a one-shot of before, or
 * none is known, by the name of the owner.
 */
function isOwn({ taskId, definition }: NewOneShot, known: Named): boolean {
  const { removeWhenDone, scheduledBy, owner } = known;
  return removeWhenDone && (scheduledBy === null ? owner === definition.owner : scheduledBy === taskId);
}

function whoseItIs({ definition }: NewOneShot, { owner }: Named): string {
  if (owner === null) {
    return 'an operator made that task';
  }
  return owner === definition.owner
    ? 'another task scheduled it, which had the name of this one'
    : `it belongs to ${owner}`;
}

function refusal({ definition }: NewOneShot, why: string): DefinitionError {
  return new DefinitionError(`task ${JSON.stringify(definition.name)}`, [
    { field: 'name', message: `expected a new name, got that of a task that exists: ${why}` },
  ]);
}

/** The triggers count from the database's own clock and leave a state alone that has an end: here both are known. */
async function countAnew(
  statements: Statements,
  taskId: number,
  { scopeKey, now }: NewOneShot,
): Promise<void> {
  const ticks = await tickNumbers(statements, scopeKey);
  await statements.run(
    `UPDATE periodic_task_state SET epoch = epoch + 1, counted_from = ?, first_slot = NULL, earliest_start = '',
       changed_at = ?, retry_at = NULL, due_tick = NULL, counted_tick = ?, terminated_at = NULL, terminated_reason = NULL
     WHERE task_id = ? AND scope_key = ?`,
    [
      toText(floorToMinute(now)),
      toText(now),
      scopeKey === ALL_NODES ? ticks.all : ticks.own,
      taskId,
      scopeKey,
    ],
  );
}

async function lastAuditId({ all }: Statements): Promise<number> {
  const [row] = await all('SELECT max(id) AS id FROM periodic_audit');
  return numberOf(row?.['id']);
}

/** The audit names who asked, and in which run. It outlives the task, so an unanswered commit is known by it. */
async function record(
  { run }: Statements,
  taskId: number,
  { oneShot, mark }: { readonly oneShot: NewOneShot; readonly mark: number },
): Promise<void> {
  const { now, actor, definition } = oneShot;
  await run("UPDATE periodic_audit SET actor = ? WHERE task_id = ? AND actor = 'outside' AND id > ?", [
    actor,
    taskId,
    mark,
  ]);
  await run(
    `INSERT INTO periodic_audit (changed_at, actor, action, task_id, task_name, "after")
     VALUES (?, ?, 'scheduled', ?, ?, ?)`,
    [toText(now), actor, taskId, definition.name, recordText(oneShot)],
  );
}

function recordText({ token, wishId }: NewOneShot): string {
  return JSON.stringify({ run: token, wish: wishId });
}

async function isRecorded({ all }: Statements, oneShot: NewOneShot, mark: number): Promise<boolean> {
  const rows = await all(
    `SELECT id FROM periodic_audit WHERE task_name = ? AND id > ? AND action = 'scheduled' AND "after" = ?`,
    [oneShot.definition.name, mark, recordText(oneShot)],
  );
  return rows.length > 0;
}
