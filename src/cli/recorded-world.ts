import { conditionsOf, knownText, type ResourceLookup } from '../core/conditions.ts';
import type { Conditions } from '../core/gate.ts';
import type { TaskState } from '../core/state.ts';
import { ALL_NODES, type Task } from '../core/task.ts';
import { blockageOf, type RecordedResources, recordedResources } from '../runner/recorded-states.ts';
import type { StoredTask } from '../store/definitions.ts';
import type { Session } from './session.ts';

/** What is recorded of resources on every node that is known: what a view of tasks goes by, since it looks at none. */
export type RecordedWorld = {
  readonly known: readonly string[];
  readonly on: RecordedResources['on'];
};

/** Reads it where a state of the tasks waits for a resource: for all others it does not matter. */
export async function loadRecordedWorld(
  { store }: Session,
  tasks: readonly StoredTask[],
  known: readonly string[],
): Promise<RecordedWorld> {
  const waits = tasks.some(({ states }) =>
    states.some(({ blockedReason, offlineDisabledAt }) => (blockedReason ?? offlineDisabledAt) !== null),
  );
  return { known, on: waits ? (await recordedResources(store.driver)).on : () => () => undefined };
}

/** Why a state would be blocked now; null where it was never blocked, or would be no more. */
export function blockageNow(task: Task, state: TaskState, { known, on }: RecordedWorld): string | null {
  const nodes = task.nodes.includes(ALL_NODES) ? known : task.nodes;
  return blockageOf(task, state, { nodes, on })?.now ?? null;
}

/**
 * The conditions that decide whether a state that rests wakes: the first node does it that finds the resource so.
 * Undefined for one that does not rest: what would start is shown as if its conditions hold.
 */
export function wakeConditions(task: Task, state: TaskState, world: RecordedWorld): Conditions | undefined {
  if (state.offlineDisabledAt === null) {
    return undefined;
  }
  const found = lookupsOf(task, state, world).flatMap((lookup) => conditionsOf(task, lookup) ?? []);
  return found.find(({ isBack = false }) => isBack) ?? found[0];
}

/** How the resource is for which a state rests: `its resource "db" is down since 2026-11-21T00:55:10Z (new disks)`. */
export function restText(task: Task, state: TaskState, world: RecordedWorld): string {
  const resource = task.offlineResource ?? '';
  const known = lookupsOf(task, state, world)[0]?.(resource);
  return `its resource ${JSON.stringify(resource)} is ${known === undefined ? 'not defined' : knownText(known)}`;
}

/** What is recorded on each of the nodes that may take the slots of a state. */
function lookupsOf(
  { nodes }: Task,
  { scopeKey }: TaskState,
  { known, on }: RecordedWorld,
): readonly ResourceLookup[] {
  const takers = nodes.includes(ALL_NODES) ? known : nodes;
  return (scopeKey === ALL_NODES ? takers : [scopeKey]).map(on);
}
