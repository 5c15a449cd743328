import { type Fault, faultText } from '../core/errors.ts';
import { dueSlots, type TickTime } from '../core/slots.ts';
import { nameOf } from '../core/task.ts';
import { RESTING, type StatePatch, settle } from '../core/transitions.ts';
import { settleState } from '../store/move-state.ts';
import { recordFault } from '../store/record-fault.ts';
import type { Candidate } from '../store/tick-statements.ts';
import type { Definition } from './definition.ts';
import { faultEvent, tellLife } from './events.ts';
import { type Handling, NOTHING } from './handled.ts';
import type { Runner } from './runner.ts';
import { identityOf, skip } from './skip.ts';

/**
 * A fault is recorded once, not once a tick. Where the schedule is readable (the module or its options are at fault),
 * due slots are taken and leave their trace, and the next slot looks again: a module may be mended without a word to
 * the database.
 */
export async function handleInvalid(
  runner: Runner,
  candidate: Pick<Candidate, 'record' | 'state'>,
  { faults, readable }: Definition & { readonly kind: 'invalid' },
  tick: TickTime,
): Promise<Handling> {
  const { record, state } = candidate;
  if (record.fields.active === false || state.terminatedAt !== null) {
    return (await settleState(runner.driver, state, RESTING)) ? NOTHING : 'lost';
  }
  if (readable === undefined) {
    return tellFault(runner, candidate, faults, RESTING);
  }
  const slots = dueSlots(readable.timetable, state, tick);
  if (slots === undefined) {
    return tellFault(runner, candidate, faults, settle({ ...state, retryAt: null }, readable.timetable));
  }
  const told = await tellFault(runner, candidate, faults, {});
  if (told === 'lost') {
    return told;
  }
  const fault = faultText(faults);
  const moved = { ...state, epoch: state.epoch + 1, fault };
  const skipped = await skip(
    runner,
    { record, state: moved, ...readable },
    { slots, reason: 'invalid', message: fault, mended: false },
  );
  return skipped === undefined ? 'lost' : told;
}

/** Records a fault of a definition if it is a new one, and tells of it. */
export async function tellFault(
  runner: Runner,
  { record, state }: Pick<Candidate, 'record' | 'state'>,
  faults: readonly Fault[],
  patch: StatePatch,
): Promise<Handling> {
  const message = faultText(faults);
  const newFault = state.fault !== message;
  const task = nameOf(record);
  const moved = newFault
    ? await recordFault(runner.driver, {
        state,
        patch,
        row: { ...identityOf(runner, record, state), message, at: runner.clock() },
      })
    : await settleState(runner.driver, state, patch);
  if (!moved) {
    return 'lost';
  }
  if (newFault) {
    const subject = { task, scope: state.scopeKey, node: runner.node.name };
    const nextSlotAt = patch.nextSlot ?? null;
    tellLife(runner, faultEvent({ ...subject, nextSlotAt }, faults));
  }
  return {
    kind: 'not-run',
    notRun: { task, reason: `invalid: ${message}`, nextSlotAt: null, newFault },
  };
}
