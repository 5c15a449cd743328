import {
  conditionsOf,
  isOffline,
  type ResourceLookup,
  resourcesAsked,
  unmetText,
} from '../core/conditions.ts';
import { type Conditions, restsOffline } from '../core/gate.ts';
import type { Instant } from '../core/instants.ts';
import { parseRequires } from '../core/requires.ts';
import type { TaskState } from '../core/state.ts';
import { ALL_NODES, type Task } from '../core/task.ts';
import { restText } from '../runner/preview-reasons.ts';
import {
  blockageOf,
  type RecordedResources,
  recordedResources,
  takersOf,
} from '../runner/recorded-states.ts';
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
  return blockageOf(task, state, { nodes: takersOf(task, state, known), on })?.now ?? null;
}

/**
 * Since when all holds for which a state has waited, blocked or resting, by what is recorded: on the first of its nodes
 * where it does. Null for a state that has not waited, and where no instant is recorded.
 */
export function heldSince(task: Task, state: TaskState, world: RecordedWorld): Instant | null {
  if ((state.blockedReason ?? state.offlineDisabledAt) === null) {
    return null;
  }
  const instants = lookupsOf(task, state, world).flatMap(({ lookup }) => metSince(task, lookup) ?? []);
  return instants.length === 0 ? null : Math.min(...instants);
}

/** Undefined where something does not hold, or nobody knows since when it does. */
function metSince(task: Task, lookup: ResourceLookup): Instant | undefined {
  if (unmetText(parseRequires(task.requires), lookup) !== undefined) {
    return undefined;
  }
  const { requires, offlineResource } = task;
  const asked = resourcesAsked({ requires, offlineResource: restsOffline(task) ? offlineResource : null });
  const instants = asked.flatMap((resource) => lookup(resource)?.since ?? []);
  return instants.length === 0 ? undefined : Math.max(...instants);
}

/**
 * The conditions that decide whether a state that rests wakes: the first node does it that finds the resource so.
 * Undefined for one that does not rest: what would start is shown as if its conditions hold.
 */
export function wakeConditions(task: Task, state: TaskState, world: RecordedWorld): Conditions | undefined {
  if (state.offlineDisabledAt === null) {
    return undefined;
  }
  const found = lookupsOf(task, state, world).flatMap(({ lookup }) => conditionsOf(task, lookup) ?? []);
  return found.find(({ isBack = false }) => isBack) ?? found[0];
}

/** Why a state rests: how its resource is, for a state that nodes share on the first of them where that is down. */
export function whyRests(task: Task, state: TaskState, world: RecordedWorld): string {
  const resource = task.offlineResource ?? '';
  const found = lookupsOf(task, state, world).map(({ node, lookup }) => ({
    known: lookup(resource),
    node: state.scopeKey === ALL_NODES ? node : undefined,
  }));
  const told = found.find(({ known }) => isOffline(known)) ?? found[0];
  return restText(task, told ?? { known: undefined });
}

/** What is recorded on each of the nodes that may take the slots of a state. */
function lookupsOf(task: Task, state: TaskState, { known, on }: RecordedWorld) {
  return takersOf(task, state, known).map((node) => ({ node, lookup: on(node) }));
}
