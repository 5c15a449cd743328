import { ScheduleError } from '../errors.ts';
import type { NthWeekday } from './cron-dates.ts';

/** What one field of a cron schedule may hold. */
export type FieldSpec = {
  readonly name: 'minute' | 'hour' | 'day of month' | 'month' | 'day of week';
  readonly low: number;
  readonly high: number;
  /** The greatest value that `*` stands for. */
  readonly top: number;
  /** The greatest value that `H` without a range may choose. */
  readonly hashTop: number;
  /** Names of the values from `low` on, in lower case. */
  readonly names: readonly string[];
};

/** One field of a cron schedule as it was written; `position` counts characters of the schedule from 1. */
export type FieldText = { readonly spec: FieldSpec; readonly text: string; readonly position: number };

/** Chooses a number from 0 to below `choices` for an `H` in the field. */
export type HashPick = (spec: FieldSpec, choices: number) => number;

/** The values of a field, and what of `L` and `#` it holds. */
export type ParsedField = {
  /** Ascending, each once; Sunday is 0 only. */
  readonly values: readonly number[];
  readonly beginsWithStar: boolean;
  readonly lastDate: boolean;
  readonly lastWeekdays: readonly number[];
  readonly nthWeekdays: readonly NthWeekday[];
};

/**
 * Reads a list of values, ranges, steps, `H`, and in the day fields `L` and `#`. A step needs `*`, a range or `H` before
 * it: the crons disagree on what `5/15` means. A range runs upwards, as in crontab.
 *
 * @throws ScheduleError with the position of the part that is wrong
 */
export function parseField(field: FieldText, pick: HashPick): ParsedField {
  const items: Item[] = [];
  let position = field.position;
  for (const text of field.text.split(',')) {
    items.push(parsePart({ spec: field.spec, text, position }, pick));
    position += text.length + 1;
  }
  const values = new Set(items.flatMap((item) => (item.kind === 'values' ? item.values : [])));
  return {
    values: [...values].sort((a, b) => a - b),
    beginsWithStar: field.text.startsWith('*'),
    lastDate: items.some((item) => item.kind === 'last-date'),
    lastWeekdays: items.flatMap((item) => (item.kind === 'last-weekday' ? [item.weekday] : [])),
    nthWeekdays: items.flatMap((item) => (item.kind === 'nth-weekday' ? [item] : [])),
  };
}

/** A fault of a field: says which field, what was expected there and what came. */
function fieldFault(part: FieldText, expected: string): ScheduleError {
  const came = part.text === '' ? 'nothing' : quote(part.text);
  return new ScheduleError(`${part.spec.name}: expected ${expected}, got ${came}`, part.position);
}

/** Text of a schedule for a message, cut where it is too long to help. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}

type Item =
  | { readonly kind: 'values'; readonly values: readonly number[] }
  | { readonly kind: 'last-date' }
  | { readonly kind: 'last-weekday'; readonly weekday: number }
  | { readonly kind: 'nth-weekday'; readonly weekday: number; readonly nth: number };

type Range = { readonly from: number; readonly to: number };

function parsePart(part: FieldText, pick: HashPick): Item {
  const slash = part.text.indexOf('/');
  const base = slash === -1 ? part : { ...part, text: part.text.slice(0, slash) };
  const stepText = slash === -1 ? undefined : part.text.slice(slash + 1);
  const range = parseRange(base);
  if (range === undefined) {
    if (stepText !== undefined) {
      throw fieldFault(part, `"*" or a range before "/", such as ${part.spec.low}-${part.spec.top}/2`);
    }
    return parseSingle(part);
  }
  const step = stepText === undefined ? undefined : parseStep(part, stepText, range);
  if (!range.hashed) {
    return { kind: 'values', values: valuesOf(part.spec, range, step ?? 1) };
  }
  const count = range.to - range.from + 1;
  const first = range.from + pick(part.spec, step ?? count);
  return { kind: 'values', values: valuesOf(part.spec, { from: first, to: range.to }, step ?? count) };
}

const HASH = /^h(?:\((.*)\))?$/i;

function parseRange(base: FieldText): (Range & { readonly hashed: boolean }) | undefined {
  const { spec, text } = base;
  if (text === '*') {
    return { from: spec.low, to: spec.top, hashed: false };
  }
  const hash = HASH.exec(text);
  if (hash !== null) {
    const inner = hash[1];
    return inner === undefined
      ? { from: spec.low, to: spec.hashTop, hashed: true }
      : { ...parseBounds({ ...base, text: inner, position: base.position + 2 }), hashed: true };
  }
  return text.includes('-') ? { ...parseBounds(base), hashed: false } : undefined;
}

function parseBounds(range: FieldText): Range {
  const { spec, text, position } = range;
  const dash = text.indexOf('-');
  if (dash === -1) {
    throw fieldFault(range, `a range such as ${spec.low}-${spec.top}`);
  }
  const toText = text.slice(dash + 1);
  const from = parseValue({ spec, text: text.slice(0, dash), position });
  const to = parseValue({ spec, text: toText, position: position + dash + 1 });
  if (from > to) {
    throw fieldFault(
      range,
      `a range that runs upwards (write ${from}-${Math.max(from, spec.top)},${spec.low}-${to})`,
    );
  }
  return { from, to };
}

function parseStep(part: FieldText, text: string, range: Range): number {
  const longest = range.to - range.from + 1;
  const step = /^\d+$/.test(text) ? Number(text) : 0;
  if (step < 1 || step > longest) {
    const position = part.position + part.text.length - text.length;
    throw fieldFault({ ...part, text, position }, `a step of 1-${longest} after "/"`);
  }
  return step;
}

function parseSingle(part: FieldText): Item {
  const { spec, text, position } = part;
  if (spec.name === 'day of month' && /^l$/i.test(text)) {
    return { kind: 'last-date' };
  }
  if (spec.name === 'day of week' && text.includes('#')) {
    return parseNthWeekday(part);
  }
  if (spec.name === 'day of week' && /.l$/i.test(text)) {
    return { kind: 'last-weekday', weekday: parseValue({ spec, text: text.slice(0, -1), position }) % 7 };
  }
  return { kind: 'values', values: [wrapSunday(spec, parseValue(part))] };
}

function parseNthWeekday(part: FieldText): Item {
  const { spec, text, position } = part;
  const hash = text.indexOf('#');
  const weekday = parseValue({ spec, text: text.slice(0, hash), position }) % 7;
  const nthText = text.slice(hash + 1);
  if (!/^[1-5]$/.test(nthText)) {
    throw fieldFault({ spec, text: nthText, position: position + hash + 1 }, '1-5 after "#"');
  }
  return { kind: 'nth-weekday', weekday, nth: Number(nthText) };
}

function parseValue(value: FieldText): number {
  const number = readValue(value.spec, value.text);
  if (number === undefined) {
    throw fieldFault(value, describeValues(value.spec));
  }
  return number;
}

function readValue(spec: FieldSpec, text: string): number | undefined {
  const name = spec.names.indexOf(text.toLowerCase());
  if (name !== -1) {
    return spec.low + name;
  }
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return number >= spec.low && number <= spec.high ? number : undefined;
}

function describeValues(spec: FieldSpec): string {
  const named = spec.names.length === 0 ? '' : ` or ${spec.names[0]}-${spec.names.at(-1)}`;
  return `${spec.low}-${spec.high}${named}`;
}

function valuesOf(spec: FieldSpec, range: Range, step: number): readonly number[] {
  const values: number[] = [];
  for (let value = range.from; value <= range.to; value += step) {
    values.push(wrapSunday(spec, value));
  }
  return values;
}

function wrapSunday(spec: FieldSpec, value: number): number {
  return spec.name === 'day of week' ? value % 7 : value;
}
