import { type Instant, toText } from '../core/instants.ts';
import type { SlotRange } from '../core/slots.ts';
import type { TaskState } from '../core/state.ts';
import type { StatePatch } from '../core/transitions.ts';
import { refuseGivenUp } from './asking-run.ts';
import type { Driver, SqlValue, Statements } from './driver.ts';
import { failpoint } from './failpoint.ts';
import { identityRow, insertRun, type RowIdentity, slotRow } from './ledger-rows.ts';
import { type Dropped, dropPending, giveUpPending, type Move, moveState } from './move-state.ts';

/** The reason of slots that are skipped because their task is offline. */
const OFFLINE = 'offline';

/** Due slots that are taken without being run, and why: what their row in the ledger says. */
export type SkippedSlots = RowIdentity & {
  readonly slots: SlotRange;
  readonly attempt: number;
  readonly reason: string;
  readonly message: string | null;
  readonly at: Instant;
};

/**
 * Takes due slots without running them. Neighbouring slots that were skipped for the same reason, in the same
 * words, share one row.
 *
 * @throws UsageError when the run that asks for it has an end
 */
export function skipSlots(
  driver: Driver,
  skip: {
    readonly state: TaskState;
    readonly patch: StatePatch;
    readonly skipped: SkippedSlots;
    /** The token of the run that asks for it, if one does. */
    readonly asking?: string | undefined;
    /** Why a pending attempt does not come, where that is not because newer slots supersede it. */
    readonly dropped?: Dropped | undefined;
  },
): Promise<Move> {
  const { state, skipped } = skip;
  const patch: StatePatch = { ...skip.patch, lastRunToken: skipped.token, lastStatus: 'skipped' };
  return driver.transaction(async (statements) => {
    await refuseGivenUp(statements, skip.asking);
    const move = await moveState(statements, state, patch);
    if (move === 'lost') {
      return move;
    }
    failpoint('skip.moved');
    await (skip.dropped === undefined
      ? giveUpPending(statements, state, skipped.slots)
      : dropPending(statements, state, skip.dropped));
    failpoint('skip.superseded');
    if (!(await extendSkipped(statements, state, skipped))) {
      await insertRun(statements, { ...skippedRow(skipped), epoch: state.epoch + 1 });
    }
    failpoint('skip.recorded');
    return move;
  });
}

/**
 * Slots are neighbours when nothing lies between the last one that was handled and the first of the new ones. A state
 * that began to count later has left slots out in between, and one that was reset may have been taken back.
 *
 * The row keeps its message, which may say more than the new one: which attempt its first slot superseded.
 */
async function extendSkipped(
  statements: Statements,
  { lastRunToken, handledSlot, countedFrom }: TaskState,
  skipped: SkippedSlots,
): Promise<boolean> {
  // What is skipped while the task is offline counts from that tick, and leaves nothing out.
  const countsFromSkip = skipped.reason === OFFLINE;
  if (handledSlot === null || (handledSlot < countedFrom && !countsFromSkip)) {
    return false;
  }
  const { token, slots, attempt, reason, message, node, at } = skipped;
  const beginning = `${message ?? ''}; `;
  const changed = await statements.run(
    `UPDATE periodic_run SET token = ?, slot = ?, slot_count = slot_count + ?, attempt = ?, ended_at = ?
     WHERE token = ? AND status = 'skipped' AND slot = ? AND reason = ? AND node = ?
       AND (slot >= ? OR ended_at >= ?)
       AND (coalesce(message, '') = ? OR substr(message, 1, ?) = ?)`,
    [
      ...[token, toText(slots.slot), slots.count, attempt, toText(at)],
      ...[lastRunToken, toText(handledSlot), reason, node],
      ...[toText(countedFrom), toText(countedFrom)],
      ...[message ?? '', [...beginning].length, beginning],
    ],
  );
  return changed === 1;
}

function skippedRow(skipped: SkippedSlots): Record<string, SqlValue> {
  return {
    ...identityRow(skipped),
    ...slotRow(skipped.slots),
    trigger_kind: 'schedule',
    attempt: skipped.attempt,
    status: 'skipped',
    reason: skipped.reason,
    message: skipped.message,
    created_at: toText(skipped.at),
    ended_at: toText(skipped.at),
  };
}
