import type { Fault } from '../../core/errors.ts';
import { isJsonObject, type JsonValue } from '../../core/json.ts';
import { shown } from '../option-faults.ts';
import { faulty, type ReadOption } from './command-words.ts';

const MEANINGS = ['succeeded', 'warning', 'failed'] as const;

/** What an exit status means for the run. */
export type Meaning = (typeof MEANINGS)[number];

export type RetcodeRange = { readonly first: number; readonly last: number; readonly meaning: Meaning };

export type Retcodes = {
  /** They do not overlap. */
  readonly ranges: readonly RetcodeRange[];
  /** For the statuses from 1 that are in no range. */
  readonly other: Meaning;
};

/** What a status means without `retcodes`, too: 0 is success unless a range says otherwise. */
export function meaningOf(exitCode: number, retcodes: Retcodes | undefined): Meaning {
  const range = retcodes?.ranges.find(({ first, last }) => first <= exitCode && exitCode <= last);
  if (range !== undefined) {
    return range.meaning;
  }
  return exitCode === 0 ? 'succeeded' : (retcodes?.other ?? 'failed');
}

const FIELD = 'options.retcodes';
const OTHER = 'other';
const RANGE = /^(\d{1,3})(?:-(\d{1,3}))?$/;
const LAST_STATUS = 255;

/** Reads `retcodes`, such as `{"24": "warning", "1-3": "succeeded", "other": "failed"}`. */
export function readRetcodes(value: JsonValue | undefined): ReadOption<Retcodes> {
  if (value === undefined) {
    return { faults: [] };
  }
  if (!isJsonObject(value)) {
    return faulty(FIELD, `expected an object, got ${shown(value)}`);
  }
  const faults: Fault[] = [];
  const ranges: RetcodeRange[] = [];
  let other: Meaning = 'failed';
  for (const [key, word] of Object.entries(value)) {
    const read = readRule(key, word, ranges);
    if (typeof read === 'string') {
      faults.push({ field: `${FIELD}.${key}`, message: read });
    } else if (key === OTHER) {
      other = read.meaning;
    } else {
      ranges.push(read);
    }
  }
  return { faults, value: { ranges, other } };
}

/** The rule, or what is wrong with it. */
function readRule(key: string, word: JsonValue, known: readonly RetcodeRange[]): RetcodeRange | string {
  const meaning = MEANINGS.find((candidate) => candidate === word);
  if (meaning === undefined) {
    return `expected ${MEANINGS.join(', ')}, got ${shown(word)}`;
  }
  if (key === OTHER) {
    return { first: 0, last: LAST_STATUS, meaning };
  }
  const [, from, to] = RANGE.exec(key) ?? [];
  const [first, last] = [Number(from), Number(to ?? from)];
  if (from === undefined || first > last || last > LAST_STATUS) {
    return `expected a status from 0 to ${LAST_STATUS}, a range such as 1-3, or ${OTHER}, got ${shown(key)}`;
  }
  const overlap = known.find((range) => range.first <= last && first <= range.last);
  return overlap === undefined
    ? { first, last, meaning }
    : `expected ranges that do not overlap, got ${shown(key)} beside ${overlap.first}-${overlap.last}`;
}
