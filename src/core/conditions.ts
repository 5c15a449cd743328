import { asksForBackEnd, asksTheWorld, type Conditions, type OfflinePolicy } from './gate.ts';
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

/** The texts of so many requirements are told; a column holds them on every database. */
const MOST_TOLD = 10;

/** Why requirements do not hold, for people; undefined where all hold. An unknown resource is not met. */
export function unmetText(requirements: readonly Requirement[], lookup: ResourceLookup): string | undefined {
  const unmet = requirements.filter((requirement) => !holds(requirement, lookup(requirement.resource)));
  if (unmet.length === 0) {
    return undefined;
  }
  const told = unmet
    .slice(0, MOST_TOLD)
    .map((requirement) => requirementText(requirement, lookup(requirement.resource)));
  const others = unmet.length - told.length;
  return [...told, ...(others > 0 ? [`and ${others} more`] : [])].join('; ');
}

function requirementText({ resource, states }: Requirement, known: KnownResource | undefined): string {
  const wanted = `requires ${resource} ${states.join(' or ')}`;
  if (known === undefined) {
    return `${wanted}, and there is no such resource`;
  }
  return `${wanted}, which is ${knownText(known)}`;
}

/** How a resource is, since when and why: `down since 2026-11-21T00:55:10Z (exit status 1)`. One line, whatever was found. */
export function knownText({ state, since, why }: KnownResource): string {
  const from = since === null ? '' : ` since ${toShortText(since - (since % SECOND_MS))}`;
  const because = shortLine(why);
  return `${state}${from}${because === '' ? '' : ` (${because})`}`;
}

/** A probe may find much: so many characters of it stand in a sentence, and the resource itself has all of it. */
const MAX_WHY_LENGTH = 160;

function shortLine(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  const characters = [...line];
  return characters.length > MAX_WHY_LENGTH ? `${characters.slice(0, MAX_WHY_LENGTH - 1).join('')}…` : line;
}

/**
 * Since when requirements have not held, by what is known now: since the first of those came into its state that do not
 * hold. Null where nobody knows; undefined where all hold.
 */
export function unmetSince(
  requirements: readonly Requirement[],
  lookup: ResourceLookup,
): Instant | null | undefined {
  const unmet = requirements.filter((requirement) => !holds(requirement, lookup(requirement.resource)));
  const instants = unmet.flatMap(({ resource }) => lookup(resource)?.since ?? []);
  if (unmet.length === 0) {
    return undefined;
  }
  return instants.length === 0 ? null : Math.min(...instants);
}

function holds({ states }: Requirement, known: KnownResource | undefined): boolean {
  return known !== undefined && states.includes(known.state);
}

/**
 * Whether a task counts as offline by its resource: where that is known to be down. What is not known, or degraded, is
 * no reason to let slots pass.
 */
export function isOffline(known: KnownResource | undefined): boolean {
  return known?.state === 'down' || known?.state === 'stdby down';
}

/**
 * Whether a task that rests because of its resource goes on: where that is known not to be down. One that nobody could
 * look at is not back yet. One that is gone could never be known to be, and would keep the task from its slots for good.
 */
export function isBack(known: KnownResource | undefined): boolean {
  return known === undefined || (known.state !== 'undef' && !isOffline(known));
}

/** The resources that a task names, as its row has them. */
export type Asked = Pick<Task, 'requires' | 'offlineResource'>;

/** What a task asks of the world before it starts, as its row has it. */
export type Asking = Asked & OfflinePolicy;

/** The resources that decide whether a task may start: a policy that runs it all the same needs no look at its own. */
export function resourcesNeeded({ requires, offline, offlineResource }: Asking): readonly string[] {
  const isNeeded = asksForBackEnd({ offline, offlineResource });
  return resourcesAsked({ requires, offlineResource: isNeeded ? offlineResource : null });
}

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
  const known = task.offlineResource === null ? undefined : lookup(task.offlineResource);
  const requirements = parseRequires(task.requires);
  return {
    offline: isOffline(known),
    unmet: unmetText(requirements, lookup),
    unmetNote: unmetText(requirements, withoutWhy(lookup)),
    isBack: isBack(known),
  };
}

function withoutWhy(lookup: ResourceLookup): ResourceLookup {
  return (name) => {
    const known = lookup(name);
    return known === undefined ? undefined : { ...known, why: '' };
  };
}
