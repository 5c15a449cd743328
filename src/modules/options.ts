import type { $ZodIssue, $ZodType } from 'zod/v4/core';
import { didYouMean } from '../config/near-miss.ts';
import type { Fault } from '../core/errors.ts';
import { isJsonObject, type JsonValue } from '../core/json.ts';
import { once } from '../core/once.ts';

/** One option of a module, as help texts and forms show it. */
export type OptionField = {
  readonly name: string;
  /** For people: `string`, `integer`, `string[]`, `"a" | "b"`. */
  readonly type: string;
  readonly description: string;
  readonly required: boolean;
  /** Absent when the option has no default. */
  readonly default?: JsonValue;
  /** A secret's value is never printed: the schema says so with `.meta({ secret: true })`. */
  readonly secret: boolean;
};

const loadZod = once(() => import('./zod-core.ts'));

export type CheckedOptions =
  | { readonly kind: 'valid'; readonly options: unknown }
  | { readonly kind: 'invalid'; readonly faults: readonly Fault[] };

/**
 * Parses options with a module's schema, from whichever copy of zod 4 it comes; without a schema no options are
 * allowed. Every fault is named, with the field it is in.
 */
export async function parseOptions(schema: $ZodType | undefined, value: unknown): Promise<CheckedOptions> {
  const given = value ?? {};
  if (schema === undefined) {
    const faults = faultsOfUnknownKeys(Object.keys(Object(given)), [], 'options');
    return faults.length === 0 ? { kind: 'valid', options: {} } : { kind: 'invalid', faults };
  }
  const { safeParseAsync } = await loadZod();
  const parsed = await safeParseAsync(schema, given, { reportInput: true });
  if (parsed.success) {
    return { kind: 'valid', options: parsed.data };
  }
  const known = namesOf(schema);
  return { kind: 'invalid', faults: parsed.error.issues.flatMap((issue) => faultsOf(issue, known)) };
}

/** Describes the options that a schema accepts, or none without a schema. */
export async function describeOptions(schema: $ZodType | undefined): Promise<readonly OptionField[]> {
  if (schema === undefined) {
    return [];
  }
  const { toJSONSchema } = await loadZod();
  const described: unknown = toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  if (!isJsonObject(described) || !isJsonObject(described['properties'])) {
    return [];
  }
  const required = Array.isArray(described['required']) ? described['required'] : [];
  return Object.entries(described['properties']).map(([name, property]) =>
    fieldOf(name, property, required.includes(name)),
  );
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

function faultsOf(issue: $ZodIssue, known: readonly string[]): readonly Fault[] {
  const path = issue.path.reduce<string>(
    (text, step) => (typeof step === 'number' ? `${text}[${step}]` : `${text}.${String(step)}`),
    'options',
  );
  if (issue.code === 'unrecognized_keys') {
    return faultsOfUnknownKeys(issue.keys, issue.path.length === 0 ? known : [], path);
  }
  return [{ field: path, message: messageOfIssue(issue) }];
}

function messageOfIssue(issue: $ZodIssue): string {
  const got = shown(issue.input);
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
      return issue.input === undefined ? issue.message : `${issue.message}, got ${got}`;
  }
}

const COUNTED: Readonly<Record<string, string>> = { string: 'characters', array: 'items', set: 'items' };

function boundOf(origin: string, word: string, bound: number | bigint): string {
  const unit = COUNTED[origin];
  return unit === undefined ? `${word} ${bound}` : `${word} ${bound} ${unit}`;
}

function fieldOf(name: string, property: unknown, required: boolean): OptionField {
  const described = isJsonObject(property) ? property : {};
  const field = {
    name,
    type: typeTextOf(described),
    description: typeof described['description'] === 'string' ? described['description'] : '',
    required,
    secret: described['secret'] === true,
  };
  return described['default'] === undefined ? field : { ...field, default: described['default'] };
}

function typeTextOf(described: JsonValue | undefined): string {
  if (described === undefined || !isJsonObject(described)) {
    return 'any';
  }
  const values = described['enum'] ?? (described['const'] === undefined ? undefined : [described['const']]);
  if (Array.isArray(values)) {
    return values.map((value) => JSON.stringify(value)).join(' | ');
  }
  const choices = described['anyOf'] ?? described['oneOf'];
  if (Array.isArray(choices)) {
    return choices.map((choice) => typeTextOf(choice)).join(' | ');
  }
  if (described['type'] === 'array') {
    return `${typeTextOf(described['items'])}[]`;
  }
  return typeof described['type'] === 'string' ? described['type'] : 'any';
}
