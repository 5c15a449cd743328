import { DefinitionError } from '../core/errors.ts';
import { floorToMinute, type Instant, toText } from '../core/instants.ts';
import { ALL_NODES, type TaskDefinition } from '../core/task.ts';
import { numberOf, textOf } from './cells.ts';
import { definitionRow } from './definition-row.ts';
import type { Driver, Row, Statements } from './driver.ts';
import { failpoint } from './failpoint.ts';
import { isDuplicateKey } from './server-errors.ts';
import { NAME_KEY } from './task-lookup.ts';
import { tickNumbers } from './ticks.ts';

/** A one-shot that a run wants, and that was found valid. */
export type NewOneShot = {
  /** The run that wants it: one that has been given an end adds nothing any more. */
  readonly token: string;
  readonly taskId: number;
  readonly definition: TaskDefinition;
  /** The key of its only state. */
  readonly scopeKey: string;
  readonly replace: boolean;
  readonly now: Instant;
  readonly actor: string;
};

/**
 * Adds a task that runs once and is removed with that, in one transaction. The task of the run itself comes once more if
 * it is such a one-shot. Its slot counts from the minute of `now`, its ticks from the last one.
 *
 * @throws DefinitionError when the run is over, and when the name belongs to another task
 */
export async function addOneShot(driver: Driver, oneShot: NewOneShot): Promise<void> {
  const add = async (statements: Statements): Promise<true> => {
    await holdRun(statements, oneShot);
    const auditMark = await lastAuditId(statements);
    const taskId = await writeTask(statements, oneShot);
    await countAnew(statements, taskId, oneShot);
    failpoint('one-shot.written');
    await statements.run(
      "UPDATE periodic_audit SET actor = ? WHERE task_id = ? AND actor = 'outside' AND id > ?",
      [oneShot.actor, taskId, auditMark],
    );
    return true;
  };
  try {
    await driver.transaction(add, { confirm: (statements) => isAdded(statements, oneShot) });
  } catch (error) {
    throw isDuplicateKey(error, NAME_KEY) ? refusal(oneShot, 'another run has just taken it') : error;
  }
}

/** Also keeps the run from being given an end until this is written. */
async function holdRun({ run }: Statements, { token, definition }: NewOneShot): Promise<void> {
  const held = await run(
    "UPDATE periodic_run SET live_node = live_node WHERE token = ? AND status = 'running'",
    [token],
  );
  if (held !== 1) {
    throw new DefinitionError(`task ${JSON.stringify(definition.name)}`, [
      { field: 'run', message: 'expected one that goes on, got one that was given up' },
    ]);
  }
}

/** Returns the id. */
async function writeTask(statements: Statements, oneShot: NewOneShot): Promise<number> {
  const { definition, taskId } = oneShot;
  const known = await findNamed(statements, definition.name);
  if (known?.id === taskId) {
    return rewriteOwn(statements, oneShot, known);
  }
  if (known !== undefined) {
    await removeOlder(statements, oneShot, known);
  }
  const row = definitionRow(definition);
  const columns = Object.keys(row);
  await statements.run(
    `INSERT INTO periodic_task (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
    Object.values(row),
  );
  const added = await findNamed(statements, definition.name);
  const id = added?.id ?? 0;
  for (const node of definition.nodes) {
    await statements.run('INSERT INTO periodic_task_node (task_id, node) VALUES (?, ?)', [id, node]);
  }
  return id;
}

type Named = { readonly id: number; readonly owner: string | null; readonly removeWhenDone: boolean };

async function findNamed({ all }: Statements, name: string): Promise<Named | undefined> {
  const [row] = await all('SELECT id, owner, remove_when_done FROM periodic_task WHERE name = ?', [name]);
  return row === undefined
    ? undefined
    : {
        id: numberOf(row['id']),
        owner: textOf(row['owner'] ?? null),
        removeWhenDone: Boolean(row['remove_when_done']),
      };
}

/** A one-shot that runs gets another slot: it is over with this run only if it does not ask for that. */
async function rewriteOwn({ run }: Statements, oneShot: NewOneShot, known: Named): Promise<number> {
  if (!known.removeWhenDone) {
    throw refusal(oneShot, 'it is that of the task that runs, which is no one-shot');
  }
  const { module, options, scheduleKind, schedule, timezone } = oneShot.definition;
  const row = definitionRow({ module, options, scheduleKind, schedule, timezone });
  const assignments = Object.keys(row).map((column) => `${column} = ?`);
  await run(`UPDATE periodic_task SET ${assignments.join(', ')} WHERE id = ?`, [
    ...Object.values(row),
    known.id,
  ]);
  return known.id;
}

async function removeOlder(statements: Statements, oneShot: NewOneShot, known: Named): Promise<void> {
  const { definition, replace } = oneShot;
  if (!known.removeWhenDone || known.owner !== definition.owner) {
    throw refusal(
      oneShot,
      known.owner === null ? 'an operator made that task' : `it belongs to ${known.owner}`,
    );
  }
  if (!replace) {
    throw refusal(oneShot, 'this task has scheduled it before (replace: true takes its place)');
  }
  // A claim moves the state first: whoever comes second waits for the other, and then finds it started or gone.
  await statements.run('UPDATE periodic_task_state SET epoch = epoch + 1 WHERE task_id = ?', [known.id]);
  const started = await statements.all('SELECT id FROM periodic_run WHERE task_id = ? LIMIT 1', [known.id]);
  if (started.length > 0) {
    throw refusal(oneShot, 'it has started already');
  }
  await statements.run('DELETE FROM periodic_task WHERE id = ?', [known.id]);
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

/** What an unanswered commit left is told by all that was asked for: another run of the task would ask for the same. */
async function isAdded({ all }: Statements, { definition }: NewOneShot): Promise<true | undefined> {
  const wanted = definitionRow(definition);
  const [row]: readonly Row[] = await all(
    'SELECT module, options, schedule_kind, schedule, owner FROM periodic_task WHERE name = ?',
    [definition.name],
  );
  const isSame = row !== undefined && Object.keys(row).every((column) => row[column] === wanted[column]);
  return isSame ? true : undefined;
}
