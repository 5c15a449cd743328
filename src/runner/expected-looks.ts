import { type Asking, resourcesNeeded } from '../core/conditions.ts';
import { decide } from '../core/due.ts';
import type { TickTime } from '../core/slots.ts';
import { type ListedKey, loadCandidate, UNASSIGNED } from '../store/tick-statements.ts';
import { definitionOrFaults, isStateOf } from './definition.ts';
import { dueInput, wouldStart } from './handle-state.ts';
import type { Runner } from './runner.ts';

/**
 * What the states of a tick ask of the world, as far as something of them is due. A marked one need not be: it is decided
 * beforehand whether it would start, unless others ask for the same anyway.
 */
export async function expectedLooks(
  runner: Runner,
  keys: readonly ListedKey[],
  tick: TickTime,
): Promise<readonly Asking[]> {
  const expected: Asking[] = keys.filter(({ isMarked }) => !isMarked);
  const covered = new Set(expected.flatMap(resourcesNeeded));
  for (const key of keys.filter(({ isMarked }) => isMarked)) {
    const isCovered = resourcesNeeded(key).every((name) => covered.has(name));
    if (!isCovered && (await turnsOutDue(runner, key, tick))) {
      expected.push(key);
      for (const name of resourcesNeeded(key)) {
        covered.add(name);
      }
    }
  }
  return expected;
}

async function turnsOutDue(runner: Runner, key: ListedKey, tick: TickTime): Promise<boolean> {
  const candidate = key.scopeKey === UNASSIGNED ? undefined : await loadCandidate(runner.driver, key);
  if (candidate === undefined || !isStateOf(candidate.record.fields, candidate.state)) {
    return false;
  }
  const { record, state } = candidate;
  // What is wrong with a task is told when it is handled itself, and not of the one that asks first.
  const definition = await definitionOrFaults(
    { record, state, nodeTimezone: runner.node.timezone },
    await runner.registry(),
  );
  return (
    definition.kind === 'valid' && wouldStart(decide(await dueInput(runner, candidate, { definition, tick })))
  );
}
