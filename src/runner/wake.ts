import { isBack } from '../core/conditions.ts';
import { restsOffline } from '../core/gate.ts';
import type { TickTime } from '../core/slots.ts';
import type { OfflineKey } from '../store/offline-states.ts';
import { loadCandidate } from '../store/tick-statements.ts';
import type { Valid } from './act.ts';
import { wakeUp } from './act-on-conditions.ts';
import { definitionOrFaults, isStateOf } from './definition.ts';
import { tellFault } from './handle-invalid.ts';
import { LOST_CLAIMS } from './handled.ts';
import type { LookingTick } from './looks.ts';
import type { Runner, RunReport } from './runner.ts';

/**
 * Wakes the states that rest because their tasks were offline, and are not any more. Returns the runs that have failed
 * for good with it, since their pending attempts are left out.
 */
export async function wakeStates(
  runner: Runner,
  keys: readonly OfflineKey[],
  { looks, ...tick }: LookingTick,
): Promise<readonly RunReport[]> {
  const lookup = await looks.at(
    [...new Set(keys.map(({ resource }) => resource))].filter((name) => name !== ''),
  );
  const failed: RunReport[] = [];
  for (const key of keys) {
    if (runner.cancel.aborted) {
      break;
    }
    if (key.resource === '' || isBack(lookup(key.resource))) {
      failed.push(...(await wakeState(runner, key, tick)));
    }
  }
  for (const run of failed) {
    runner.onEvent({ kind: 'ended', run });
  }
  return failed;
}

async function wakeState(runner: Runner, key: OfflineKey, tick: TickTime): Promise<readonly RunReport[]> {
  for (let tries = 0; tries < LOST_CLAIMS; tries += 1) {
    const resting = await restingState(runner, key);
    if (resting === undefined) {
      return [];
    }
    const handled = await wakeUp(runner, { ...resting, tick });
    if (handled !== 'lost') {
      return handled.superseded === undefined ? [] : [handled.superseded];
    }
  }
  return [];
}

/** The state as it is now; undefined where it does not wait for that resource any more. */
async function restingState(runner: Runner, key: OfflineKey): Promise<Omit<Valid, 'tick'> | undefined> {
  const candidate = await loadCandidate(runner.driver, key);
  if (candidate === undefined || candidate.state.offlineDisabledAt === null) {
    return undefined;
  }
  const { record, state } = candidate;
  const definition = await definitionOrFaults(
    { record, state, nodeTimezone: runner.node.timezone },
    await runner.registry(),
  );
  if (definition.kind === 'unchecked') {
    await tellFault(runner, candidate, definition.faults, {});
    return undefined;
  }
  if (definition.kind === 'invalid' || !isStateOf(record.fields, state)) {
    // It is looked at as any other state: its fault is told there.
    return undefined;
  }
  const { task, timetable } = definition;
  const waitsForOther = restsOffline(task) && task.offlineResource !== key.resource;
  return waitsForOther ? undefined : { task, timetable, state };
}
