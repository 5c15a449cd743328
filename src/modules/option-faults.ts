import type { $ZodIssue, $ZodType } from 'zod/v4/core';
import { didYouMean } from '../config/near-miss.ts';
import type { Fault } from '../core/errors.ts';
import type { OptionPath, Secret } from './secrets.ts';

/** What a schema has against options, without the secrets that they hold. */
export function faultsOfIssues(
  issues: readonly $ZodIssue[],
  schema: $ZodType,
  secrets: readonly Secret[],
): readonly Fault[] {
  const known = namesOf(schema);
  return issues.flatMap((issue) => faultsOfIssue(issue, known, secrets));
}

/** The faults of options that the module does not know; `known` are those it does. */
export function faultsOfUnknownKeys(
  keys: readonly string[],
  known: readonly string[],
  path: string,
): readonly Fault[] {
  const expected = known.length === 0 ? 'no options' : `one of ${known.join(', ')}`;
  return keys.map((key) => ({
    field: `${path}.${key}`,
    message: `expected ${expected}, got ${JSON.stringify(key)}${didYouMean(key, known)}`,
  }));
}

/** How messages name a place among options. */
export function fieldAt(path: OptionPath): string {
  return path.reduce<string>(
    (text, step) => (typeof step === 'number' ? `${text}[${step}]` : `${text}.${String(step)}`),
    'options',
  );
}

/** True when the first place is the second, or lies inside it. */
export function isWithin(inner: OptionPath, outer: OptionPath): boolean {
  return outer.every((step, index) => inner[index] === step);
}

/** Shows a value in a message: short, and without breaking the line. */
export function shown(value: unknown): string {
  if (value === undefined) {
    return 'nothing';
  }
  const text = typeof value === 'bigint' ? `${value}n` : (JSON.stringify(value) ?? `a ${typeof value}`);
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}

function namesOf(schema: $ZodType): readonly string[] {
  const definition: unknown = schema._zod.def;
  const shape =
    typeof definition === 'object' && definition !== null && 'shape' in definition && definition.shape;
  return Object.keys(Object(shape));
}

function faultsOfIssue(
  issue: $ZodIssue,
  known: readonly string[],
  secrets: readonly Secret[],
): readonly Fault[] {
  const field = fieldAt(issue.path);
  if (issue.code === 'unrecognized_keys') {
    return faultsOfUnknownKeys(issue.keys, issue.path.length === 0 ? known : [], field);
  }
  const input = shown(issue.input);
  const isHidden =
    secrets.some(({ path }) => isWithin(issue.path, path) || isWithin(path, issue.path)) ||
    tellsSecret(input, secrets);
  const message = messageOfIssue(issue, {
    input: isHidden ? undefined : input,
    own: tellsSecret(issue.message, secrets) ? 'expected another value' : issue.message,
  });
  return [{ field, message }];
}

// Such a text is not shown at all: one with a gap in it would tell a short secret as well.
function tellsSecret(text: string, secrets: readonly Secret[]): boolean {
  return secrets.some(({ value }) => typeof value === 'string' && value !== '' && text.includes(value));
}

type Showable = {
  /** How the value may be shown; undefined when it is, or holds, a secret. */
  readonly input: string | undefined;
  /** The message that the schema gave the issue, which a module may have written. */
  readonly own: string;
};

function messageOfIssue(issue: $ZodIssue, { input, own }: Showable): string {
  const got = input ?? 'another value';
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${issue.expected}, got ${got}`;
    case 'invalid_value':
      return `expected ${issue.values.map((value) => shown(value)).join(' or ')}, got ${got}`;
    case 'too_small':
      return `expected ${boundOf(issue.origin, 'at least', issue.minimum)}, got ${got}`;
    case 'too_big':
      return `expected ${boundOf(issue.origin, 'at most', issue.maximum)}, got ${got}`;
    case 'invalid_format':
      return `expected ${issue.format === 'regex' ? `text like ${issue.pattern ?? 'the pattern'}` : issue.format}, got ${got}`;
    default:
      return issue.input === undefined || input === undefined ? own : `${own}, got ${got}`;
  }
}

const COUNTED: Readonly<Record<string, string>> = { string: 'characters', array: 'items', set: 'items' };

function boundOf(origin: string, word: string, bound: number | bigint): string {
  const unit = COUNTED[origin];
  return unit === undefined ? `${word} ${bound}` : `${word} ${bound} ${unit}`;
}
