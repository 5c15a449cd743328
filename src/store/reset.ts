import type { Knex } from 'knex';
import type { DatabaseLocation } from '../config/config.ts';
import { NotFoundError } from '../core/errors.ts';
import { floorToMinute, type Instant, toText } from '../core/instants.ts';
import type { TaskState } from '../core/state.ts';
import { ALL_NODES, nameOf, type TaskRecord } from '../core/task.ts';
import { instantText, numberOf } from './cells.ts';
import type { Row } from './driver.ts';
import { writeWithKnex } from './knex.ts';
import { stateOf } from './state-row.ts';
import { readTask, type StoredTask } from './task-rows.ts';

/** Which states are reset, of one node or all, by whom and when: `now` is the instant itself, not its minute. */
export type Reset = { readonly node: string | undefined; readonly now: Instant; readonly actor: string };

/**
 * Resets the states of a task, all of them or those of one node: clears terminated, failures, back-off and a
 * pending attempt, and counts from the minute of `now`, ticks from the last one. A handled slot that lies in the
 * future, the trace of a clock that was wrong, is taken back to that minute; the next attempts of such slots get
 * numbers of their own. Running tasks go on.
 *
 * @throws NotFoundError when there is no such task, or it has no state on the node
 */
export function resetTask(database: DatabaseLocation, name: string, reset: Reset): Promise<StoredTask> {
  return writeWithKnex(database, async (knex) => {
    const { record, states } = await readTask(knex, name);
    const chosen = states.filter(
      ({ scopeKey }) => reset.node === undefined || [reset.node, ALL_NODES].includes(scopeKey),
    );
    if (chosen.length === 0) {
      throw noState(record, reset.node);
    }
    const before: TaskState[] = [];
    for (const state of chosen) {
      before.push(...(await resetState(knex, state, reset.now)));
    }
    await auditReset(knex, record, before, reset);
    return readTask(knex, name);
  });
}

function noState(record: TaskRecord, node: string | undefined): NotFoundError {
  const { nodes } = record.fields;
  const known = Array.isArray(nodes) && nodes.length > 0 ? nodes.join(', ') : 'none';
  const where = node === undefined ? ' yet' : ` on node ${JSON.stringify(node)}`;
  return new NotFoundError(
    `task ${JSON.stringify(nameOf(record))} has no state${where}; its nodes: ${known}`,
  );
}

/** Returns the state as it was when it was reset, or nothing if it is gone. Where a runner was first, it is read again. */
async function resetState(knex: Knex, read: TaskState, now: Instant): Promise<readonly TaskState[]> {
  let state: TaskState | undefined = read;
  while (state !== undefined && !(await writeReset(knex, state, now))) {
    state = await readState(knex, state);
  }
  return state === undefined ? [] : [state];
}

async function writeReset(knex: Knex, state: TaskState, now: Instant): Promise<boolean> {
  const minute = floorToMinute(now);
  const changed: number = await knex('periodic_task_state')
    .where({ task_id: state.taskId, scope_key: state.scopeKey, epoch: state.epoch })
    .update({
      epoch: state.epoch + 1,
      counted_from: toText(minute),
      first_slot: null,
      earliest_start: '',
      changed_at: toText(now),
      retry_at: null,
      anchored_at: null,
      current_period_s: null,
      due_tick: null,
      counted_tick: await lastTick(knex, state.scopeKey),
      failures: 0,
      first_failure_at: null,
      fault: null,
      terminated_at: null,
      terminated_reason: null,
      ...takenBack(state, now, minute),
    });
  return changed === 1;
}

/** The number of the last tick that the state counts: of its node, or of all together. */
async function lastTick(knex: Knex, scopeKey: string): Promise<number> {
  const [row]: readonly Row[] = await knex('periodic_node')
    .where(scopeKey === ALL_NODES ? {} : { name: scopeKey })
    .sum({ number: 'tick_no' });
  return numberOf(row?.['number']);
}

/** Slots that an earlier reset made repeatable stay so, although the handled slot has not come as far since. */
function takenBack({ handledSlot, repeatableUntil }: TaskState, now: Instant, minute: Instant) {
  return handledSlot === null || handledSlot <= now
    ? {}
    : {
        handled_slot: toText(minute),
        repeatable_until: toText(Math.max(handledSlot, repeatableUntil ?? handledSlot)),
      };
}

async function readState(
  knex: Knex,
  { taskId, scopeKey }: Pick<TaskState, 'taskId' | 'scopeKey'>,
): Promise<TaskState | undefined> {
  const row: Row | undefined = await knex('periodic_task_state')
    .where({ task_id: taskId, scope_key: scopeKey })
    .first();
  return row === undefined ? undefined : stateOf(row);
}

async function auditReset(
  knex: Knex,
  record: TaskRecord,
  states: readonly TaskState[],
  { now, actor }: Reset,
): Promise<void> {
  const before = states.map((state) => ({
    scopeKey: state.scopeKey,
    handledSlot: instantText(state.handledSlot),
    retryAt: instantText(state.retryAt),
    currentPeriodSeconds: state.currentPeriodSeconds,
    failures: state.failures,
    terminatedAt: instantText(state.terminatedAt),
    terminatedReason: state.terminatedReason,
  }));
  const countedFrom = toText(floorToMinute(now));
  const after = states.map(({ scopeKey }) => ({ scopeKey, countedFrom }));
  await knex('periodic_audit').insert({
    changed_at: toText(now),
    actor,
    action: 'reset',
    task_id: record.id,
    task_name: nameOf(record),
    before: JSON.stringify(before),
    after: JSON.stringify(after),
  });
}
