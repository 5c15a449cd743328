import { type KnownResource, type ResourceLookup, unmetSince, unmetText } from '../core/conditions.ts';
import { type Instant, toShortText } from '../core/instants.ts';
import { parseRequires } from '../core/requires.ts';
import type { TaskState } from '../core/state.ts';
import { ALL_NODES, type Task } from '../core/task.ts';
import type { Driver } from '../store/driver.ts';
import { listResourceStates, listResources, type ResourceOnNode } from '../store/resources.ts';

/** How the resources of every node were found at the last look; what they are now only a look would tell. */
export type RecordedResources = {
  readonly on: (node: string) => ResourceLookup;
  /** The same, and of what a probe has found also when that was. */
  readonly datedOn: (node: string) => ResourceLookup;
};

/** Reads what is recorded of the resources, on every node or on one only. */
export async function recordedResources(driver: Driver, only?: string): Promise<RecordedResources> {
  const found = await listResourceStates(driver, { node: only });
  const last = new Map(found.map((state) => [keyOf(state.node, state.resource), state]));
  const probes = new Map((await listResources(driver)).map(({ name, probe }) => [name, probe]));
  const lookup =
    (node: string, isDated: boolean): ResourceLookup =>
    (name) => {
      const probe = probes.get(name);
      return probe === undefined ? undefined : asOfLastLook(last.get(keyOf(node, name)), isDated, probe);
    };
  return { on: (node) => lookup(node, false), datedOn: (node) => lookup(node, true) };
}

function keyOf(node: string, resource: string): string {
  return JSON.stringify([node, resource]);
}

function asOfLastLook(last: ResourceOnNode | undefined, isDated: boolean, probe: string): KnownResource {
  if (last === undefined) {
    const why = probe === 'none' ? 'nobody has set it on this node' : 'nobody has looked yet on this node';
    return { state: 'undef', since: null, why };
  }
  // What somebody has said is not looked at again: it is so since then.
  const isTold = isDated && probe !== 'none';
  const parts = [last.why, ...(isTold ? [`last look ${toShortText(last.checkedAt)}`] : [])];
  return { ...last, why: parts.filter((part) => part !== '').join('; ') };
}

/** A blockage that a tick has noted on a state, beside what is recorded now. */
export type Blockage = {
  readonly noted: string;
  /** Why it would be blocked now, by what is recorded; undefined where it would not. */
  readonly now: string | undefined;
  /** Since when the requirements have not held; null where nobody knows. */
  readonly since: Instant | null;
};

/**
 * The nodes that may take the slots of a state: of one that nodes share, those that the task names, which for `*` are
 * all that are known.
 */
export function takersOf(
  { nodes }: Pick<Task, 'nodes'>,
  { scopeKey }: Pick<TaskState, 'scopeKey'>,
  known: readonly string[],
): readonly string[] {
  if (scopeKey !== ALL_NODES) {
    return [scopeKey];
  }
  return nodes.includes(ALL_NODES) ? known : nodes;
}

/**
 * What there is to say of the blockage of a state; undefined for one without. Of the nodes that may take its slots it is
 * blocked on all, or it is not.
 */
export function blockageOf(
  { requires }: Pick<Task, 'requires'>,
  { blockedReason, scopeKey }: Pick<TaskState, 'blockedReason' | 'scopeKey'>,
  { nodes, on }: Pick<RecordedResources, 'on'> & { readonly nodes: readonly string[] },
): Blockage | undefined {
  if (blockedReason === null) {
    return undefined;
  }
  const requirements = parseRequires(requires);
  const places = nodes.map((node) => ({
    place: scopeKey === ALL_NODES ? `on node ${JSON.stringify(node)}: ` : '',
    unmet: unmetText(requirements, on(node)),
    since: unmetSince(requirements, on(node)) ?? null,
  }));
  const [first] = [...places.filter(({ place }) => blockedReason.startsWith(place)), ...places];
  const isFree = first === undefined || places.some(({ unmet }) => unmet === undefined);
  return isFree
    ? { noted: blockedReason, now: undefined, since: null }
    : { noted: blockedReason, now: `${first.place}${first.unmet}`, since: first.since };
}
