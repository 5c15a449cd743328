import { ScheduleError } from '../errors.ts';
import { quote } from './cron-field.ts';

const SPACE = /[ \t\n\r]*/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids exactly these inside a string
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"/y;
const SCALAR = /(?:-?\d[\d.eE+-]{0,30}|true|false|null)/y;
const EXAMPLE = 'a JSON list of strings such as ["@10", "! 02:00-03:00"]';

/**
 * Reads a JSON list of strings, which is all that a list of window expressions can be. The text begins with `[`, after
 * space if any.
 *
 * @throws ScheduleError with the position at which it stops being one
 */
export function readStringList(text: string): readonly string[] {
  const values: string[] = [];
  let at = after(text, SPACE, text.indexOf('[') + 1);
  let hasMore = text[at] !== ']';
  while (hasMore) {
    const end = after(text, STRING, at);
    if (end === at) {
      throw faultOfEntry(text, at, values.length + 1);
    }
    values.push(JSON.parse(text.slice(at, end)));
    at = after(text, SPACE, end);
    hasMore = text[at] === ',';
    if (!hasMore && text[at] !== ']') {
      throw fault(text, at, `"," or "]" after entry ${values.length}`);
    }
    at = hasMore ? after(text, SPACE, at + 1) : at;
  }
  const end = after(text, SPACE, at + 1);
  if (end < text.length) {
    throw fault(text, end, 'nothing after the list');
  }
  return values;
}

function faultOfEntry(text: string, at: number, number: number): ScheduleError {
  const scalar = text.slice(at, after(text, SCALAR, at));
  const nested = text[at] === '[' ? 'a list' : 'an object';
  const came = /[[{]/.test(text[at] ?? '') ? nested : scalar;
  return came === ''
    ? fault(text, at, number === 1 ? EXAMPLE : `a string for entry ${number}`)
    : new ScheduleError(`entry ${number}: expected a string, got ${came}`, at + 1);
}

function fault(text: string, at: number, expected: string): ScheduleError {
  const came = at < text.length ? quote(text.slice(at)) : 'the end of the text';
  return new ScheduleError(`expected ${expected}, got ${came}`, at + 1);
}

function after(text: string, pattern: RegExp, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}
