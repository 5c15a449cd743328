import { formatByteSize } from '../config/byte-size.ts';
import { formatDuration } from '../core/durations.ts';
import type { CommandLimits, CommandPlace } from '../modules/shipped/command-place.ts';
import { unitOf, wrapInScope } from './command-scope.ts';
import { START_LINES, type StartSubject, watchStart } from './command-start.ts';
import type { Launch, StepName, Surroundings, Wrapped } from './command-step.ts';
import type { Environment } from './environment.ts';
import type { RunFacts } from './execution.ts';
import { readRights } from './rights.ts';
import { scopesAreUsed } from './scope-setting.ts';
import type { Identity } from './users.ts';
import { type WrappedProgram, wrapProgram } from './wrapper-chain.ts';

export type PlaceParts = {
  readonly identity: Identity;
  readonly place: CommandPlace;
  /** The names of the variables that the task gives. */
  readonly given: readonly string[];
  readonly run: RunFacts;
};

export type WrapInPlace =
  | { readonly kind: 'place'; readonly wrap: NonNullable<Surroundings['wrap']> }
  | { readonly kind: 'fault'; readonly message: string };

/** Checks that programs can be given their place, and says how. */
export function wrapInPlace(parts: PlaceParts): WrapInPlace {
  const asked = { ...askedOf(parts), rights: readRights() };
  const wrap = (launch: Launch, step: StepName): Wrapped => {
    const inner = wrapProgram(launch.program, asked, asked.rights);
    const outer = inner.kind === 'fault' ? inner : scopedIfWanted(inner, unitOf(parts.run.runId, step));
    if (outer.kind === 'fault') {
      return outer;
    }
    const env = isDeferred(parts) ? deferred(launch.env, parts.given) : launch.env;
    const wrapped: Wrapped = { kind: 'wrapped', launch: { program: outer.program, env } };
    return isWatched(parts)
      ? { ...wrapped, start: watchStart(startSubject(parts, launch, outer.tools)) }
      : wrapped;
  };
  const trial = wrap({ program: TRIAL, env: {} }, 'command');
  const fault = faultOfNames(parts) ?? (trial.kind === 'fault' ? trial.message : undefined);
  return fault === undefined ? { kind: 'place', wrap } : { kind: 'fault', message: fault };
}

function scopedIfWanted(
  inner: Extract<WrappedProgram, { readonly kind: 'wrapped' }>,
  unit: string,
): WrappedProgram {
  if (!scopesAreUsed()) {
    return inner;
  }
  const scoped = wrapInScope(inner.program, unit);
  return scoped.kind === 'fault' ? scoped : { ...scoped, tools: [...scoped.tools, ...inner.tools] };
}

function startSubject({ place }: PlaceParts, { program }: Launch, tools: readonly string[]): StartSubject {
  return {
    file: program.file,
    tools,
    place: placeText(place),
    userText: place.user === undefined ? 'this user' : `user ${JSON.stringify(place.user)}`,
  };
}

// Nothing is started of it.
const TRIAL = { file: '/bin/true', args: [] };

function askedOf(parts: PlaceParts) {
  const { identity, place, given } = parts;
  const lastLines = [
    ...(isDeferred(parts) ? given.filter((name) => SHELL_NAME.test(name)).map(takeUpLine) : []),
    ...(isWatched(parts) ? START_LINES : []),
  ];
  return { identity, umask: place.umask, niceness: place.nice, limits: place.limits, lastLines };
}

/** Some limits and changes of ids fail in the tools, or in the kernel after them. */
function isWatched({ identity, place }: PlaceParts): boolean {
  return hasOtherIds({ identity, place }) || place.limits !== undefined || scopesAreUsed();
}

function hasOtherIds({ identity, place }: Pick<PlaceParts, 'identity' | 'place'>): boolean {
  return identity.switches && (place.user ?? place.group) !== undefined;
}

// What a task gives may come from a file of that other user, and variables such as LD_PRELOAD would act on the tools
// while they still have the runner's rights. So they travel under other names, and the last tool gives them their own.
function isDeferred(parts: PlaceParts): boolean {
  return hasOtherIds(parts);
}

const DEFERRED = 'PERIODIC_CRON_LATER_';
const SHELL_NAME = /^[A-Za-z_]\w*$/;

function deferred(env: Environment, given: readonly string[]): Environment {
  const names = new Set(given);
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => [names.has(name) ? `${DEFERRED}${name}` : name, value]),
  );
}

function takeUpLine(name: string): string {
  return `export ${name}="$${DEFERRED}${name}"; unset ${DEFERRED}${name}`;
}

/** A shell hands on no variable whose name is none for it. */
function faultOfNames(parts: PlaceParts): string | undefined {
  const usesShell = isDeferred(parts) || isWatched(parts) || parts.place.umask !== undefined;
  const name = parts.given.find((candidate) => usesShell && !SHELL_NAME.test(candidate));
  return name === undefined
    ? undefined
    : `environment: expected names of letters, digits and _ beside user, group, umask and limits, got ${JSON.stringify(name)}`;
}

function placeText({ user, group, nice, limits }: CommandPlace): string {
  const parts = [
    ...(user === undefined ? [] : [`as user ${JSON.stringify(user)}`]),
    ...(group === undefined ? [] : [`with group ${JSON.stringify(group)}`]),
    ...(nice === undefined ? [] : [`with niceness ${nice}`]),
    ...(limits === undefined ? [] : [`with limits ${limitsText(limits)}`]),
  ];
  return parts.length === 0 ? 'in its scope' : parts.join(' ');
}

function limitsText(limits: CommandLimits): string {
  return Object.entries(limits)
    .map(([name, limit]) => `${name} ${limitText(name, limit)}`)
    .join(', ');
}

function limitText(name: string, limit: number): string {
  if (limit === Number.POSITIVE_INFINITY) {
    return 'unlimited';
  }
  if (name === 'cpu') {
    return formatDuration(limit);
  }
  return name === 'nofile' || name === 'nproc' ? String(limit) : formatByteSize(limit);
}
