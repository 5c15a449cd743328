import { type Asking, type KnownResource, type ResourceLookup, resourcesNeeded } from '../core/conditions.ts';
import { type Instant, SECOND_MS } from '../core/instants.ts';
import type { TickTime } from '../core/slots.ts';
import type { ProbeResult } from '../execute/probe.ts';
import { recordLook } from '../store/resource-looks.ts';
import { listResourceStates, listResources, type Resource } from '../store/resources.ts';
import { takeTurns } from '../store/turns.ts';
import type { Runner } from './runner.ts';
import { newToken } from './token.ts';

/** Who looks: as much of a runner as that takes. */
export type Looker = Pick<Runner, 'driver' | 'clock' | 'cancel' | 'onEvent'> & {
  readonly node: { readonly name: string };
};

/** What the due tasks ask; found out when the first of them does. */
export type Expected = () => Promise<readonly Asking[]>;

/** The looks of one tick. */
export type Looks = {
  /**
   * How these resources are on the node. Probes those of which the last look is older than its ttl, all beside each
   * other. What was looked at in this tick holds for 5 seconds at least, so that tasks which start together share a look;
   * what somebody has set is read each time.
   */
  readonly at: (names: readonly string[]) => Promise<ResourceLookup>;
  /**
   * Says what the due tasks ask. With the next question all of that is looked at too, so that no task waits for the
   * probes of another one after the other.
   */
  readonly expect: (expected: Expected) => void;
};

/** A tick with its looks. */
export type LookingTick = TickTime & { readonly looks: Looks };

/** How many probes go beside each other. */
const BESIDE = 16;

/** How long a look holds in its tick, whatever the ttl. */
const LEAST_HOLD_S = 5;

/** What a tick knows of a resource, and for how long that holds; undefined where it is not defined. */
type Held = {
  readonly resource: Resource | undefined;
  readonly known: KnownResource | undefined;
  readonly until: Instant;
};

/** Opens the looks of a tick. Nothing is looked at before the first question. */
export function openLooks(looker: Looker): Looks {
  const inTurn = takeTurns();
  const held = new Map<string, Held>();
  let expected: Expected | undefined;
  return {
    expect: (next) => {
      expected = next;
    },
    at: (names) =>
      inTurn(async () => {
        const others = (await expected?.()) ?? [];
        expected = undefined;
        const wanted = new Set([...names, ...others.flatMap(resourcesNeeded)]);
        const now = looker.clock();
        const missing = [...wanted].filter((name) => (held.get(name)?.until ?? now) <= now);
        for (const [name, found] of await look(looker, missing, held)) {
          held.set(name, found);
        }
        return (name) => held.get(name)?.known;
      }),
  };
}

/** Looks at resources, each of which is among the results. */
async function look(
  looker: Looker,
  names: readonly string[],
  held: ReadonlyMap<string, Held>,
): Promise<ReadonlyMap<string, Held>> {
  if (names.length === 0) {
    return new Map();
  }
  const told = names.flatMap((name) => held.get(name)?.resource ?? []).filter(isTold);
  const resources = told.length === names.length ? told : await listResources(looker.driver, names);
  const recorded = await recordedStates(looker, names);
  const now = looker.clock();
  const stale = resources.filter((resource) => isStale(resource, recorded.get(resource.name), now));
  const looked = await lookBeside(looker, stale, recorded);
  // Those of one round are as old as its end: else tasks that start together would look again at the first of them.
  const end = looker.clock();
  const defined = new Map(resources.map((resource) => [resource.name, resource]));
  return new Map(
    names.map((name) => {
      const resource = defined.get(name);
      const last = recorded.get(name);
      const known = resource === undefined ? undefined : (looked.get(name) ?? last ?? NEVER_LOOKED);
      const lookedAt = looked.has(name) ? end : (last?.checkedAt ?? end);
      return [name, { resource, known, until: holdsUntil(resource, lookedAt) }];
    }),
  );
}

function holdsUntil(resource: Resource | undefined, lookedAt: Instant): Instant {
  return resource !== undefined && isTold(resource)
    ? Number.NEGATIVE_INFINITY
    : lookedAt + Math.max(resource?.ttlSeconds ?? 0, LEAST_HOLD_S) * SECOND_MS;
}

/** Whether it is as somebody has said, and never looked at. */
function isTold({ probe }: Resource): boolean {
  return probe === 'none';
}

const NEVER_LOOKED: KnownResource = { state: 'undef', since: null, why: 'nobody has looked yet' };

type Recorded = KnownResource & { readonly checkedAt: Instant };

/** What is recorded of resources on the node: of all of them, or of those of these names. */
export async function recordedStates(
  { driver, node }: Pick<Looker, 'driver' | 'node'>,
  names?: readonly string[],
): Promise<ReadonlyMap<string, Recorded>> {
  const states = await listResourceStates(driver, { node: node.name, resources: names });
  return new Map(states.map((state) => [state.resource, state]));
}

/** A look that lies in the future was one by a clock that was wrong. */
function isStale(resource: Resource, last: Recorded | undefined, now: Instant): boolean {
  const isOld =
    last === undefined || last.checkedAt > now || now - last.checkedAt >= resource.ttlSeconds * SECOND_MS;
  return !isTold(resource) && isOld;
}

/**
 * Probes resources and records what is found, so many at a time. What cannot be recorded because the runner was told to
 * end is not known.
 *
 * @throws DatabaseError when a look cannot be recorded; the probes that are under way have ended by then
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
  const broken = new AbortController();
  const work = async (): Promise<void> => {
    for (let resource = waiting.pop(); resource !== undefined; resource = waiting.pop()) {
      // A signal of its own for each: so many listeners on one would be warned of.
      const cancel = AbortSignal.any([looker.cancel, broken.signal]);
      const result = await probeResource(resource, { node: looker.node.name, id: newToken(), cancel });
      const last = recorded.get(resource.name);
      found.set(resource.name, await record({ ...looker, cancel }, resource, { result, last }));
    }
  };
  const workers = Array.from({ length: Math.min(BESIDE, resources.length) }, () =>
    work().catch((error: unknown) => {
      waiting.length = 0;
      broken.abort();
      throw error;
    }),
  );
  const settled = await Promise.allSettled(workers);
  const rejected = settled.find((end) => end.status === 'rejected');
  if (rejected !== undefined) {
    throw rejected.reason;
  }
  return found;
}

type Found = { readonly result: ProbeResult; readonly last: KnownResource | undefined };

async function record(
  { driver, node, clock, cancel, onEvent }: Looker,
  looked: Resource,
  { result, last }: Found,
): Promise<KnownResource> {
  const { state, why } = result;
  if (cancel.aborted) {
    return { state: 'undef', since: null, why };
  }
  const at = clock();
  const recorded = await recordLook(driver, { looked, node: node.name, state, why, at });
  if (recorded === 'gone') {
    return { state: 'undef', since: null, why: 'it was changed or removed while it was looked at' };
  }
  if (recorded === 'changed') {
    const before = last?.state ?? null;
    onEvent({ kind: 'resource', change: { resource: looked.name, node: node.name, before, state, why } });
  }
  return { state, why, since: last?.state === state ? last.since : at };
}
