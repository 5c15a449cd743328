import { isOffline } from '../core/conditions.ts';
import { restsOffline } from '../core/gate.ts';
import type { TickTime } from '../core/slots.ts';
import type { OfflineKey } from '../store/offline-states.ts';
import { loadCandidate } from '../store/tick-statements.ts';
import { wakeUp } from './act-on-conditions.ts';
import { definitionOf, isStateOf } from './definition.ts';
import { LOST_CLAIMS } from './handled.ts';
import type { Looks } from './looks.ts';
import type { Runner } from './runner.ts';

/** Wakes the states that rest because their tasks were offline, and are not any more. */
export async function wakeStates(
  runner: Runner,
  keys: readonly OfflineKey[],
  { tick, looks }: { readonly tick: TickTime; readonly looks: Looks },
): Promise<void> {
  const lookup = await looks.at(
    [...new Set(keys.map(({ resource }) => resource))].filter((name) => name !== ''),
  );
  for (const key of keys) {
    if (runner.cancel.aborted) {
      return;
    }
    const known = lookup(key.resource);
    // What is not known is not up again: only then would it be known that the task can do its work.
    if (key.resource === '' || (known !== undefined && known.state !== 'undef' && !isOffline(known))) {
      await wakeState(runner, key, tick);
    }
  }
}

async function wakeState(runner: Runner, key: OfflineKey, tick: TickTime): Promise<void> {
  for (let tries = 0; tries < LOST_CLAIMS; tries += 1) {
    const candidate = await loadCandidate(runner.driver, key);
    if (candidate === undefined || candidate.state.offlineDisabledAt === null) {
      return;
    }
    const { record, state } = candidate;
    const definition = await definitionOf(
      { record, state, nodeTimezone: runner.node.timezone },
      await runner.registry(),
    );
    if (definition.kind === 'invalid' || !isStateOf(record.fields, state)) {
      // It is looked at as any other state: its fault is told there.
      return;
    }
    const { task, timetable } = definition;
    const isOther = restsOffline(task) && task.offlineResource !== key.resource;
    if (isOther || (await wakeUp(runner, { task, timetable, state, tick })) !== 'lost') {
      return;
    }
  }
}
