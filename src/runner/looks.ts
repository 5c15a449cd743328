import { type Asked, type KnownResource, type ResourceLookup, resourcesAsked } from '../core/conditions.ts';
import { type Instant, SECOND_MS } from '../core/instants.ts';
import type { TickTime } from '../core/slots.ts';
import type { ProbeResult } from '../execute/probe.ts';
import { listResourceStates, listResources, type Resource, recordLook } from '../store/resources.ts';
import { takeTurns } from '../store/turns.ts';
import type { Runner } from './runner.ts';
import { newToken } from './token.ts';

/** Who looks: as much of a runner as that takes. */
export type Looker = Pick<Runner, 'driver' | 'clock' | 'cancel' | 'onEvent'> & {
  readonly node: { readonly name: string };
};

/** The looks of one tick: each resource is looked at once. */
export type Looks = {
  /** How these resources are on the node. Probes those of which the last look is too old, all beside each other. */
  readonly at: (names: readonly string[]) => Promise<ResourceLookup>;
  /**
   * Says what the due tasks ask. With the next question all of that is looked at too, so that no task waits for the
   * probes of another one after the other.
   */
  readonly expect: (asked: readonly Asked[]) => void;
};

/** A tick with its looks. */
export type LookingTick = TickTime & { readonly looks: Looks };

/** How many probes go beside each other. */
const BESIDE = 16;

/** Opens the looks of a tick. Nothing is looked at before the first question. */
export function openLooks(looker: Looker): Looks {
  const inTurn = takeTurns();
  const known = new Map<string, KnownResource | undefined>();
  let others: readonly Asked[] = [];
  return {
    expect: (asked) => {
      others = asked;
    },
    at: (names) =>
      inTurn(async () => {
        const wanted = new Set([...names, ...others.flatMap(resourcesAsked)]);
        others = [];
        const missing = [...wanted].filter((name) => !known.has(name));
        for (const [name, found] of await look(looker, missing)) {
          known.set(name, found);
        }
        return (name) => known.get(name);
      }),
  };
}

/** Looks at resources; one that is not defined is not among the results. */
async function look(
  looker: Looker,
  names: readonly string[],
): Promise<ReadonlyMap<string, KnownResource | undefined>> {
  const found = new Map<string, KnownResource | undefined>(names.map((name) => [name, undefined]));
  if (names.length === 0) {
    return found;
  }
  const recorded = await recordedStates(looker);
  const stale: Resource[] = [];
  for (const resource of await listResources(looker.driver, names)) {
    const last = recorded.get(resource.name);
    found.set(resource.name, last ?? NEVER_LOOKED);
    if (resource.probe !== 'none' && (last === undefined || isStale(resource, last, looker.clock()))) {
      stale.push(resource);
    }
  }
  for (const [name, known] of await lookBeside(looker, stale, recorded)) {
    found.set(name, known);
  }
  return found;
}

const NEVER_LOOKED: KnownResource = { state: 'undef', since: null, why: 'nobody has looked yet' };

type Recorded = KnownResource & { readonly checkedAt: Instant };

/** What is recorded of the resources of the node. */
export async function recordedStates({
  driver,
  node,
}: Pick<Looker, 'driver' | 'node'>): Promise<ReadonlyMap<string, Recorded>> {
  const states = await listResourceStates(driver, { node: node.name });
  return new Map(states.map((state) => [state.resource, state]));
}

/** A look that lies in the future was one by a clock that was wrong. */
function isStale({ ttlSeconds }: Resource, { checkedAt }: Recorded, now: Instant): boolean {
  return checkedAt > now || now - checkedAt >= ttlSeconds * SECOND_MS;
}

/**
 * Probes resources and records what is found, so many at a time. What cannot be recorded because the runner was told to
 * end is not known.
 */
export async function lookBeside(
  looker: Looker,
  resources: readonly Resource[],
  recorded: ReadonlyMap<string, KnownResource>,
): Promise<ReadonlyMap<string, KnownResource>> {
  const found = new Map<string, KnownResource>();
  if (resources.length === 0) {
    return found;
  }
  const { probeResource } = await import('../execute/probe.ts');
  const waiting = [...resources].reverse();
  const work = async (): Promise<void> => {
    for (let resource = waiting.pop(); resource !== undefined; resource = waiting.pop()) {
      const { node, cancel } = looker;
      const result = await probeResource(resource, { node: node.name, id: newToken(), cancel });
      found.set(resource.name, await record(looker, resource, { result, last: recorded.get(resource.name) }));
    }
  };
  await Promise.all(Array.from({ length: Math.min(BESIDE, resources.length) }, work));
  return found;
}

type Found = { readonly result: ProbeResult; readonly last: KnownResource | undefined };

async function record(
  { driver, node, clock, cancel, onEvent }: Looker,
  { name }: Resource,
  { result, last }: Found,
): Promise<KnownResource> {
  const { state, why } = result;
  if (cancel.aborted) {
    return { state: 'undef', since: null, why };
  }
  const at = clock();
  const isNew = await recordLook(driver, { resource: name, node: node.name, state, why, at });
  if (isNew) {
    const before = last?.state ?? null;
    onEvent({ kind: 'resource', change: { resource: name, node: node.name, before, state, why } });
  }
  return { state, why, since: last?.state === state ? last.since : at };
}
