import type { Knex } from 'knex';
import type { DatabaseLocation } from '../config/config.ts';
import { fromText, type Instant, toText } from '../core/instants.ts';
import { writeWithKnex } from './knex.ts';

type Row = Readonly<Record<string, unknown>>;

/**
 * Lets the states of a task take a slot that lies before the instant from which they count: the next tick decides on it.
 * An operator has asked for a past instant by name. Handled slots only grow: a state that has handled a later one takes
 * the slot right after that.
 */
export function letPastRun(database: DatabaseLocation, taskId: number, slot: Instant): Promise<void> {
  return writeWithKnex(database, async (knex) => {
    const keys: readonly string[] = await knex('periodic_task_state')
      .where({ task_id: taskId })
      .pluck('scope_key');
    for (const scopeKey of keys) {
      let isLet = false;
      while (!isLet) {
        isLet = await letPast(knex, { task_id: taskId, scope_key: scopeKey }, slot);
      }
    }
  });
}

/** False when another transition of the state was first. */
async function letPast(
  knex: Knex.Transaction,
  key: { readonly task_id: number; readonly scope_key: string },
  slot: Instant,
): Promise<boolean> {
  const state: Row | undefined = await knex('periodic_task_state').where(key).first('handled_slot', 'epoch');
  if (state === undefined) {
    return true;
  }
  const { handled_slot, epoch } = state;
  const handled = handled_slot === null ? undefined : fromText(String(handled_slot));
  const free = handled === undefined ? slot : Math.max(slot, handled + 1);
  const changed = await knex('periodic_task_state')
    .where({ ...key, epoch })
    .update({ first_slot: toText(free), earliest_start: '', epoch: knex.raw('epoch + 1') });
  return changed === 1;
}
