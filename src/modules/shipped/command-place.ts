import { parseByteSize } from '../../config/byte-size.ts';
import { parseDuration } from '../../core/durations.ts';
import { type Fault, ScheduleError } from '../../core/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { faultOfAccountName } from '../account-names.ts';
import { faultsOfUnknownKeys, shown } from '../option-faults.ts';
import { faulty, type ReadOption } from './command-words.ts';

/** The limits that a command may be given, as the system's own tools name them. */
export const COMMAND_LIMITS = ['nofile', 'nproc', 'as', 'core', 'fsize', 'cpu'] as const;
export type CommandLimits = Readonly<Partial<Record<(typeof COMMAND_LIMITS)[number], number>>>;

/** With which rights and bounds a command runs; what is absent stays as the runner has it. */
export type CommandPlace = {
  /** A name or a number. */
  readonly user?: string;
  readonly group?: string;
  /** Octal digits. */
  readonly umask?: string;
  readonly nice?: number;
  /** A count for `nofile` and `nproc`, seconds for `cpu`, bytes for the others; `Infinity` is unlimited. */
  readonly limits?: CommandLimits;
};

/** Reads `user`, `group`, `umask`, `nice` and `limits`. No value when none of them is there. */
export function readCommandPlace(options: JsonObject): ReadOption<CommandPlace> {
  const user = readAccount('user', options);
  const group = readAccount('group', options);
  const umask = readUmask(options['umask']);
  const nice = readNice(options['nice']);
  const limits = readLimits(options['limits']);
  const place = {
    ...(user.value === undefined ? {} : { user: user.value }),
    ...(group.value === undefined ? {} : { group: group.value }),
    ...(umask.value === undefined ? {} : { umask: umask.value }),
    ...(nice.value === undefined ? {} : { nice: nice.value }),
    ...(limits.value === undefined ? {} : { limits: limits.value }),
  };
  const faults = [user, group, umask, nice, limits].flatMap((read) => read.faults);
  return Object.keys(place).length === 0 ? { faults } : { faults, value: place };
}

function readAccount(name: 'user' | 'group', options: JsonObject): ReadOption<string> {
  const given = options[name];
  if (given === undefined) {
    return { faults: [] };
  }
  const value = Number.isSafeInteger(given) ? String(given) : given;
  const field = `options.${name}`;
  if (typeof value !== 'string') {
    return faulty(field, `expected a name or a number, got ${shown(given)}`);
  }
  const message = faultOfAccountName(value);
  return message === undefined ? { faults: [], value } : faulty(field, message);
}

function readUmask(value: JsonValue | undefined): ReadOption<string> {
  if (value === undefined) {
    return { faults: [] };
  }
  return typeof value === 'string' && /^0?[0-7]{1,3}$/.test(value)
    ? { faults: [], value }
    : faulty(
        'options.umask',
        `expected text of one to three octal digits, such as "027", got ${shown(value)}`,
      );
}

function readNice(value: JsonValue | undefined): ReadOption<number> {
  if (value === undefined) {
    return { faults: [] };
  }
  const fits = typeof value === 'number' && Number.isInteger(value) && value >= -20 && value <= 19;
  return fits
    ? { faults: [], value }
    : faulty('options.nice', `expected a whole number from -20 to 19, got ${shown(value)}`);
}

function readLimits(value: JsonValue | undefined): ReadOption<CommandLimits> {
  if (value === undefined) {
    return { faults: [] };
  }
  if (!isJsonObject(value)) {
    return faulty('options.limits', `expected an object, got ${shown(value)}`);
  }
  const unknown = Object.keys(value).filter((key) => !COMMAND_LIMITS.some((name) => name === key));
  const faults: Fault[] = [...faultsOfUnknownKeys(unknown, COMMAND_LIMITS, 'options.limits')];
  const limits: Partial<Record<(typeof COMMAND_LIMITS)[number], number>> = {};
  for (const name of COMMAND_LIMITS) {
    const given = value[name];
    const limit = given === undefined ? undefined : readLimit(name, given);
    if (typeof limit === 'string') {
      faults.push({ field: `options.limits.${name}`, message: `expected ${limit}, got ${shown(given)}` });
    } else if (limit !== undefined) {
      limits[name] = limit;
    }
  }
  return { faults, value: limits };
}

const UNLIMITED = 'unlimited';

/** The limit, or what was expected. */
function readLimit(name: (typeof COMMAND_LIMITS)[number], value: JsonValue): number | string {
  if (value === UNLIMITED) {
    return Number.POSITIVE_INFINITY;
  }
  switch (name) {
    case 'nofile':
    case 'nproc':
      return wholeFrom1(countOf(value)) ?? `a whole number from 1, or "${UNLIMITED}"`;
    case 'cpu':
      return (
        wholeFrom1(typeof value === 'string' ? secondsOf(value) : value) ??
        `a duration such as 90s or 15m, a whole number of seconds, or "${UNLIMITED}"`
      );
    default:
      return parseByteSize(value) ?? `a size (bytes, or such as 512MiB), or "${UNLIMITED}"`;
  }
}

function countOf(value: JsonValue): JsonValue {
  return typeof value === 'string' && /^\d{1,12}$/.test(value) ? Number(value) : value;
}

function wholeFrom1(value: JsonValue | undefined): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 1 ? value : undefined;
}

function secondsOf(text: string): number | undefined {
  try {
    return parseDuration(text);
  } catch (thrown) {
    if (thrown instanceof ScheduleError) {
      return undefined;
    }
    throw thrown;
  }
}
