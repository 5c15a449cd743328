import { type Instant, toShortText } from './instants.ts';
import type { Requirement, ResourceState } from './requires.ts';

/** What is known of a resource on a node. */
export type KnownResource = {
  readonly state: ResourceState;
  /** Since when it is in that state; null where nobody has looked yet. */
  readonly since: Instant | null;
  /** What the last look found, in words. */
  readonly why: string;
};

/** What a node knows of its resources, by name; undefined for one that is not defined. */
export type ResourceLookup = (resource: string) => KnownResource | undefined;

/** Why requirements do not hold, for people; undefined where all hold. An unknown resource is not met. */
export function unmetText(requirements: readonly Requirement[], lookup: ResourceLookup): string | undefined {
  const unmet = requirements.flatMap((requirement) => {
    const known = lookup(requirement.resource);
    return known !== undefined && requirement.states.includes(known.state)
      ? []
      : [requirementText(requirement, known)];
  });
  return unmet.length === 0 ? undefined : unmet.join('; ');
}

function requirementText({ resource, states }: Requirement, known: KnownResource | undefined): string {
  const wanted = `requires ${resource} ${states.join(' or ')}`;
  if (known === undefined) {
    return `${wanted}, and there is no such resource`;
  }
  const since = known.since === null ? '' : ` since ${toShortText(known.since)}`;
  return `${wanted}, which is ${known.state}${since}${known.why === '' ? '' : ` (${known.why})`}`;
}

/**
 * Whether a task counts as offline by its resource: where that is known to be down. What is not known, or degraded, is
 * no reason to let slots pass.
 */
export function isOffline(known: KnownResource | undefined): boolean {
  return known?.state === 'down' || known?.state === 'stdby down';
}
