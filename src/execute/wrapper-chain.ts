import { findTool } from './find-executable.ts';
import { LIMIT_NAMES, type LimitName, type RunnerRights, readRights } from './rights.ts';
import type { Identity } from './users.ts';

export type Program = { readonly file: string; readonly args: readonly string[] };

/** What a process gets before its program begins. What is absent stays as the runner has it. */
export type Wrapping = {
  readonly identity?: Identity | undefined;
  /** Octal digits. */
  readonly umask?: string | undefined;
  /** The niceness itself, not a difference. */
  readonly niceness?: number | undefined;
  /** Bytes, seconds for `cpu`, a count for `nofile` and `nproc`; `Infinity` is unlimited. */
  readonly limits?: Readonly<Partial<Record<LimitName, number>>> | undefined;
  /** Lines of shell that run right before the program, with everything above in force. */
  readonly lastLines?: readonly string[] | undefined;
};

export type WrappedProgram =
  | { readonly kind: 'wrapped'; readonly program: Program; readonly tools: readonly string[] }
  | { readonly kind: 'fault'; readonly message: string };

/**
 * Puts the standard tools before a program that give it what the wrapping asks for: `nice`, `prlimit`, `setpriv`, `sh`,
 * each only if it is needed. Each of them becomes the next one, so that the program keeps the process id. What the
 * runner may not give, and a tool that is missing, is a fault: nothing must run with other rights than asked for.
 *
 * The tools run with the environment of the program while they still have the runner's rights, so that this environment
 * must not come from others where the identity changes.
 */
export function wrapProgram(
  program: Program,
  wrapping: Wrapping,
  rights: RunnerRights = readRights(),
): WrappedProgram {
  const fault = faultOfRights(wrapping, rights);
  if (fault !== undefined) {
    return { kind: 'fault', message: fault };
  }
  // From the inside out.
  const layers = [
    shellLayer(wrapping),
    identityLayer(wrapping.identity),
    limitsLayer(wrapping.limits ?? {}, rights),
    nicenessLayer(wrapping.niceness, rights),
  ];
  const tools: string[] = [];
  let inner = program;
  for (const layer of layers) {
    if (layer === undefined) {
      continue;
    }
    const found = findTool(layer.tool, layer.purpose);
    if (found.kind === 'fault') {
      return found;
    }
    tools.unshift(layer.tool);
    inner = { file: found.file, args: [...layer.args, inner.file, ...inner.args] };
  }
  return { kind: 'wrapped', program: inner, tools };
}

type Layer = { readonly tool: string; readonly purpose: string; readonly args: readonly string[] };

function shellLayer({ umask, lastLines = [] }: Wrapping): Layer | undefined {
  const lines = [...(umask === undefined ? [] : [`umask ${umask}`]), ...lastLines];
  return lines.length === 0
    ? undefined
    : { tool: 'sh', purpose: 'umask', args: ['-c', [...lines, 'exec "$@"'].join('\n'), 'sh'] };
}

function identityLayer(identity: Identity | undefined): Layer | undefined {
  if (identity?.switches !== true) {
    return undefined;
  }
  const { user, group } = identity;
  const gid = group?.gid ?? user?.gid;
  // Somebody without an entry is a member of no other group, and a group alone replaces all of the runner's.
  const groups = user?.name === undefined ? '--clear-groups' : '--init-groups';
  const args = [
    ...(user === undefined ? [] : [`--reuid=${user.uid}`]),
    ...(gid === undefined ? [] : [`--regid=${gid}`]),
    groups,
  ];
  return user === undefined && group === undefined
    ? undefined
    : { tool: 'setpriv', purpose: user === undefined ? 'group' : 'user', args };
}

function limitsLayer(limits: NonNullable<Wrapping['limits']>, rights: RunnerRights): Layer | undefined {
  const args = limitsIn(limits).map(({ name, limit }) => `--${name}=${rangeOf(name, limit, rights)}`);
  return args.length === 0 ? undefined : { tool: 'prlimit', purpose: 'limits', args };
}

function limitsIn(
  limits: NonNullable<Wrapping['limits']>,
): ReadonlyArray<{ readonly name: LimitName; readonly limit: number }> {
  return LIMIT_NAMES.flatMap((name) => {
    const limit = limits[name];
    return limit === undefined ? [] : [{ name, limit }];
  });
}

/** Between the two limits of CPU time a program may notice SIGXCPU and end by itself; at the second it is killed. */
const CPU_GRACE_S = 5;

function rangeOf(name: LimitName, limit: number, { hardLimits, mayRaiseLimits }: RunnerRights): string {
  if (name !== 'cpu' || limit === Number.POSITIVE_INFINITY) {
    return limitText(limit);
  }
  const most = mayRaiseLimits ? Number.POSITIVE_INFINITY : (hardLimits.cpu ?? Number.POSITIVE_INFINITY);
  return `${limit}:${Math.min(limit + CPU_GRACE_S, most)}`;
}

function limitText(limit: number): string {
  return limit === Number.POSITIVE_INFINITY ? 'unlimited' : String(limit);
}

function nicenessLayer(niceness: number | undefined, rights: RunnerRights): Layer | undefined {
  // The tool adds to what its caller has.
  const added = niceness === undefined ? 0 : niceness - rights.niceness;
  return added === 0 ? undefined : { tool: 'nice', purpose: 'nice', args: ['-n', String(added)] };
}

function faultOfRights({ niceness, limits = {} }: Wrapping, rights: RunnerRights): string | undefined {
  // `nice` itself would only warn, and go on.
  if (niceness !== undefined && niceness < rights.niceness && niceness < rights.lowestNiceness) {
    return `nice: expected a niceness that this runner may give, at least ${rights.lowestNiceness}, got ${niceness}`;
  }
  for (const { name, limit } of limitsIn(limits)) {
    const hard = rights.hardLimits[name] ?? Number.POSITIVE_INFINITY;
    if (limit > hard && !rights.mayRaiseLimits) {
      return `limits.${name}: expected at most ${hard}, which this runner may not raise, got ${limitText(limit)}`;
    }
  }
  return undefined;
}
