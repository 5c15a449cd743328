import { UsageError } from '../../core/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { normalizeName } from '../../core/names.ts';
import { faultOfResourceName } from '../../core/requires.ts';
import { readTarget } from '../../execute/probe-target.ts';
import { MOST_TIMEOUT_S, PROBES, type Probe, type Resource } from '../../store/resources.ts';
import { countValue, durationValue } from '../values.ts';

/** What the flags of `resource add` and `edit` said. */
export type ProbeFlags = {
  readonly probe?: string;
  readonly command?: string;
  readonly retcodes?: string;
  readonly host?: string;
  readonly port?: string;
  readonly url?: string;
  readonly expect?: string;
  readonly path?: string;
  readonly ttl?: string;
  readonly timeout?: string;
};

const TARGET_FLAGS: Readonly<Record<Probe, ReadonlyArray<keyof ProbeFlags>>> = {
  command: ['command', 'retcodes'],
  tcp: ['host', 'port'],
  http: ['url', 'expect'],
  file: ['path'],
  none: [],
};

const MOST_TTL_S = 86_400;

/** True for a word that the flags of a task read as no resource at all. */
export function isPolicyWord(name: string): boolean {
  return name === 'none' || name === 'default';
}

/**
 * Reads the name of a new resource.
 *
 * @throws UsageError
 */
export function resourceName(where: string, text: string): string {
  const name = normalizeName(text);
  const fault = faultOfResourceName(name);
  if (fault !== undefined) {
    throw new UsageError(`${where}: ${fault}`);
  }
  if (isPolicyWord(name)) {
    throw new UsageError(
      `${where}: expected a name that --requires and --offline-resource can say, got ${JSON.stringify(name)}, which takes these policies back`,
    );
  }
  return name;
}

/**
 * The resource that the flags describe; what they do not name is as in `before`, unless the probe is another one.
 *
 * @throws UsageError that names the flag
 */
export function readResource(
  where: string,
  flags: ProbeFlags,
  before: Omit<Resource, 'probe'> & { readonly probe: string | undefined },
): Resource {
  const probe = readProbe(where, flags.probe ?? before.probe);
  const kept = probe === before.probe ? before.target : {};
  const target = { ...kept, ...readTargetFlags(where, flags, probe) };
  const read = readTarget(probe, target);
  if (read.kind === 'faults') {
    const faults = read.faults.map(({ field, message }) => `--${field}: ${message}`);
    throw new UsageError(`${where}: ${faults.join('; ')}`);
  }
  return {
    name: before.name,
    probe,
    target,
    ttlSeconds: secondsOf(`${where}: --ttl`, flags.ttl, { least: 0, most: MOST_TTL_S }) ?? before.ttlSeconds,
    timeoutSeconds:
      secondsOf(`${where}: --timeout`, flags.timeout, { least: 1, most: MOST_TIMEOUT_S }) ??
      before.timeoutSeconds,
  };
}

function readProbe(where: string, given: string | undefined): Probe {
  const probe = PROBES.find((known) => known === given);
  if (probe === undefined) {
    const got = given === undefined ? 'none given' : JSON.stringify(given);
    throw new UsageError(`${where}: --probe: expected one of ${PROBES.join(', ')}, got ${got}`);
  }
  return probe;
}

function readTargetFlags(where: string, flags: ProbeFlags, probe: Probe): JsonObject {
  const own = TARGET_FLAGS[probe];
  const limits: ReadonlyArray<keyof ProbeFlags> = probe === 'none' ? ['ttl', 'timeout'] : [];
  for (const flag of [...Object.values(TARGET_FLAGS).flat(), ...limits]) {
    if (flags[flag] !== undefined && !own.includes(flag)) {
      throw new UsageError(`${where}: --${flag}: expected it with another probe, got it with ${probe}`);
    }
  }
  const values = own.flatMap((flag) => {
    const given = flags[flag];
    return given === undefined ? [] : [[flag, valueOfFlag(where, flag, given)] as const];
  });
  return Object.fromEntries(values);
}

function valueOfFlag(where: string, flag: keyof ProbeFlags, given: string): JsonValue {
  switch (flag) {
    case 'port':
      return countValue(`${where}: --port`, given, { min: 1, max: 65_535 });
    case 'expect':
      return given.split(',').map((one) => (/^\d+$/.test(one.trim()) ? Number(one) : one.trim()));
    case 'retcodes':
      return readJsonObject(`${where}: --retcodes`, given);
    default:
      return given;
  }
}

function readJsonObject(where: string, given: string): JsonObject {
  try {
    const value: unknown = JSON.parse(given);
    if (isJsonObject(value)) {
      return value;
    }
  } catch {
    // What is no JSON is told like what is no object.
  }
  throw new UsageError(
    `${where}: expected a JSON object such as {"3": "warn"}, got ${JSON.stringify(given)}`,
  );
}

function secondsOf(
  where: string,
  given: string | undefined,
  { least, most }: { readonly least: number; readonly most: number },
): number | undefined {
  if (given === undefined) {
    return undefined;
  }
  const seconds = durationValue(where, given, least);
  if (seconds > most) {
    throw new UsageError(`${where}: expected at most ${most}s, got ${JSON.stringify(given)}`);
  }
  return seconds;
}
