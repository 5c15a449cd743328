import { type Instant, LAST_INSTANT } from '../core/instants.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import { faultOfName, normalizeName } from '../core/names.ts';
import { parseAt } from '../core/schedule/at.ts';
import { MAX_TICKS } from '../core/schedule/ticks.ts';
import { jsonCopyOf } from '../modules/json-copy.ts';
import { shown } from '../modules/option-faults.ts';
import type { OneShotWish } from './execution.ts';

const FIELDS = ['name', 'module', 'options', 'after', 'at', 'replace'];

/**
 * Reads what a module or a command wants to be run once. An instant is a Date, or text of ISO 8601 with an offset, since
 * JSON has no dates. Whether the instant is one to come is for those to say who know the time.
 *
 * @throws TypeError or RangeError that says what was expected and what came
 */
export function checkedOneShot(value: unknown): OneShotWish {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`schedule: expected an object, got ${shown(value)}`);
  }
  const unknown = Object.keys(value).find((field) => !FIELDS.includes(field));
  if (unknown !== undefined) {
    throw new TypeError(`schedule: expected ${FIELDS.join(', ')}, got ${JSON.stringify(unknown)}`);
  }
  const { name, module, options, after, at, replace = false } = value as Readonly<Record<string, unknown>>;
  if (module !== undefined && typeof module !== 'string') {
    throw new TypeError(`schedule: module: expected text, got ${shown(module)}`);
  }
  if (typeof replace !== 'boolean') {
    throw new TypeError(`schedule: replace: expected true or false, got ${shown(replace)}`);
  }
  return {
    name: checkedName('schedule: name', name),
    module,
    options: options === undefined ? undefined : checkedOptions(options),
    when: checkedWhen(after, at),
    replace,
  };
}

/**
 * A name in its normal form.
 *
 * @throws TypeError for what is none
 */
export function checkedName(what: string, name: unknown): string {
  const normal = typeof name === 'string' ? normalizeName(name) : '';
  const fault = typeof name === 'string' ? faultOfName(normal) : `expected text, got ${shown(name)}`;
  if (fault !== undefined) {
    throw new TypeError(`${what}: ${fault}`);
  }
  return normal;
}

function checkedOptions(options: unknown): JsonObject {
  const copy = jsonCopyOf(options, 'schedule: options');
  if (copy.kind === 'fault') {
    throw new TypeError(copy.message);
  }
  if (!isJsonObject(copy.value)) {
    throw new TypeError(`schedule: options: expected an object, got ${shown(options)}`);
  }
  return copy.value;
}

function checkedWhen(after: unknown, at: unknown): OneShotWish['when'] {
  if ((after === undefined) === (at === undefined)) {
    const came = after === undefined ? 'neither' : 'both';
    throw new TypeError(`schedule: expected either after or at, got ${came}`);
  }
  if (after !== undefined) {
    return { kind: 'ticks', after: checkedTicks(after) };
  }
  const instant = instantOf(at);
  if (!(instant >= 0 && instant <= LAST_INSTANT)) {
    throw new RangeError(
      `schedule: at: expected an instant from 1970 to 9999, as a Date or as text with an offset, got ${at instanceof Date ? String(at) : shown(at)}`,
    );
  }
  return { kind: 'at', at: instant };
}

function checkedTicks(after: unknown): number {
  const isCount = typeof after === 'number' && Number.isSafeInteger(after) && after >= 0;
  if (!isCount || after > MAX_TICKS) {
    throw new RangeError(
      `schedule: after: expected a whole number of ticks from 0 to ${MAX_TICKS}, got ${shown(after)}`,
    );
  }
  return after;
}

function instantOf(at: unknown): Instant {
  if (at instanceof Date) {
    return at.getTime();
  }
  return typeof at === 'string' ? instantOfText(at) : Number.NaN;
}

// A text without an offset would be read by whatever zone this process has.
function instantOfText(text: string): Instant {
  try {
    const { wall, offsetMs } = parseAt(text);
    return offsetMs === undefined ? Number.NaN : wall - offsetMs;
  } catch {
    return Number.NaN;
  }
}
