import { asksTheWorld, type Conditions } from './gate.ts';
import { type Instant, SECOND_MS, toShortText } from './instants.ts';
import { parseRequires, type Requirement, type ResourceState } from './requires.ts';
import type { Task } from './task.ts';

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
  const since = known.since === null ? '' : ` since ${toShortText(known.since - (known.since % SECOND_MS))}`;
  return `${wanted}, which is ${known.state}${since}${known.why === '' ? '' : ` (${known.why})`}`;
}

/**
 * Whether a task counts as offline by its resource: where that is known to be down. What is not known, or degraded, is
 * no reason to let slots pass.
 */
export function isOffline(known: KnownResource | undefined): boolean {
  return known?.state === 'down' || known?.state === 'stdby down';
}

/** What a task asks of the world, as its row has it. */
export type Asked = Pick<Task, 'requires' | 'offlineResource'>;

/** Every resource that a row asks for. One that cannot be read asks for nothing: its task is invalid. */
export function resourcesAsked({ requires, offlineResource }: Asked): readonly string[] {
  return [
    ...requirementsOf(requires).map(({ resource }) => resource),
    ...(offlineResource === null || offlineResource === '' ? [] : [offlineResource]),
  ];
}

function requirementsOf(text: string): readonly Requirement[] {
  try {
    return parseRequires(text);
  } catch {
    return [];
  }
}

/** How the conditions of a valid task stand; undefined for one that asks nothing of the world. */
export function conditionsOf(task: Task, lookup: ResourceLookup): Conditions | undefined {
  if (!asksTheWorld(task)) {
    return undefined;
  }
  const { offlineResource } = task;
  return {
    offline: offlineResource !== null && isOffline(lookup(offlineResource)),
    unmet: unmetText(parseRequires(task.requires), lookup),
  };
}

/** The same without what the looks found in words, which may be other ones each time although the state is the same. */
export function withoutWhy(lookup: ResourceLookup): ResourceLookup {
  return (name) => {
    const known = lookup(name);
    return known === undefined ? undefined : { ...known, why: '' };
  };
}
