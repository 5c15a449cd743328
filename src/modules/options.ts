import type { $ZodIssue, $ZodType } from 'zod/v4/core';
import { faultOfReference, resolveReference } from '../config/references.ts';
import type { Fault } from '../core/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { once } from '../core/once.ts';
import { faultsOfIssues, faultsOfUnknownKeys, fieldAt, isWithin } from './option-faults.ts';
import { findSecrets, isSecret, type Secret, withValueAt } from './secrets.ts';

/** One option of a module, as help texts and forms show it. */
export type OptionField = {
  readonly name: string;
  /** For people: `string`, `integer`, `string[]`, `"a" | "b"`. */
  readonly type: string;
  readonly description: string;
  readonly required: boolean;
  /** Absent when the option has no default, or is secret. */
  readonly default?: JsonValue;
  /**
   * A secret is stored and shown as a reference, `env:NAME` or `file:/path`, which is resolved right before the run: the
   * schema says so with `.meta({ secret: true })`.
   */
  readonly secret: boolean;
};

const loadZod = once(() => import('./zod-core.ts'));

/**
 * Checks options as they are written, with a module's schema, from whichever copy of zod 4 it comes; without a schema no
 * options are allowed. Every fault is named, with the field it is in.
 *
 * A secret has to be a reference; what its schema asks of it is left to the run, which alone knows what it refers to. A
 * check over several options sees the reference. No message shows what stands in a secret's place.
 */
export async function checkOptions(schema: $ZodType | undefined, value: unknown): Promise<readonly Fault[]> {
  const given = value ?? {};
  if (schema === undefined) {
    return faultsOfUnknownKeys(Object.keys(Object(given)), [], 'options');
  }
  const secrets = findSecrets(await jsonSchemaOf(schema), given);
  const parsed = await parse(schema, given, secrets);
  const issues = parsed.kind === 'refused' ? parsed.issues : [];
  const others = issues.filter((issue) => !secrets.some((secret) => isWithin(issue.path, secret.path)));
  return [...secrets.flatMap(faultsOfPlainSecret), ...faultsOfIssues(others, schema, secrets)];
}

function faultsOfPlainSecret({ path, value }: Secret): readonly Fault[] {
  const message = faultOfReference(value);
  return message === undefined ? [] : [{ field: fieldAt(path), message }];
}

export type ParsedOptions =
  | { readonly kind: 'valid'; readonly options: unknown }
  | { readonly kind: 'invalid'; readonly faults: readonly Fault[] };

/**
 * Parses options for a run: secrets are taken from the environment and the files that their references name, then the
 * schema checks everything. Every fault is named as {@link checkOptions} does; none shows a secret.
 */
export async function parseOptions(
  schema: $ZodType | undefined,
  value: unknown,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<ParsedOptions> {
  const given = value ?? {};
  if (schema === undefined) {
    const faults = faultsOfUnknownKeys(Object.keys(Object(given)), [], 'options');
    return faults.length === 0 ? { kind: 'valid', options: {} } : { kind: 'invalid', faults };
  }
  let options: unknown = given;
  const secrets: Secret[] = [];
  const faults: Fault[] = [];
  for (const { path, value: reference } of findSecrets(await jsonSchemaOf(schema), given)) {
    const resolved = await resolveReference(reference, env);
    if (resolved.kind === 'fault') {
      faults.push({ field: fieldAt(path), message: resolved.message });
    } else {
      options = withValueAt(options, path, resolved.text);
      secrets.push({ path, value: resolved.text });
    }
  }
  if (faults.length > 0) {
    return { kind: 'invalid', faults };
  }
  const parsed = await parse(schema, options, secrets);
  switch (parsed.kind) {
    case 'parsed':
      return { kind: 'valid', options: parsed.options };
    case 'refused':
      return { kind: 'invalid', faults: faultsOfIssues(parsed.issues, schema, secrets) };
    case 'failed':
      return { kind: 'invalid', faults: [{ field: 'options', message: FAILED_WITH_SECRETS }] };
  }
}

const FAILED_WITH_SECRETS = 'their check threw an error, which is not shown since it may tell a secret';

type Parsed =
  | { readonly kind: 'parsed'; readonly options: unknown }
  | { readonly kind: 'refused'; readonly issues: readonly $ZodIssue[] }
  /** The schema's own code threw, given secrets or what stands in their place. */
  | { readonly kind: 'failed' };

async function parse(schema: $ZodType, options: unknown, secrets: readonly Secret[]): Promise<Parsed> {
  const { safeParseAsync } = await loadZod();
  try {
    const parsed = await safeParseAsync(schema, options, { reportInput: true });
    return parsed.success
      ? { kind: 'parsed', options: parsed.data }
      : { kind: 'refused', issues: parsed.error.issues };
  } catch (thrown) {
    if (secrets.length > 0) {
      return { kind: 'failed' };
    }
    throw thrown;
  }
}

/** Describes the options that a schema accepts, or none without a schema. */
export async function describeOptions(schema: $ZodType | undefined): Promise<readonly OptionField[]> {
  if (schema === undefined) {
    return [];
  }
  const described = await jsonSchemaOf(schema);
  if (!isJsonObject(described['properties'])) {
    return [];
  }
  const required = Array.isArray(described['required']) ? described['required'] : [];
  return Object.entries(described['properties']).map(([name, property]) =>
    fieldOf(name, property, { required: required.includes(name), secret: isSecret(described, property) }),
  );
}

const jsonSchemas = new WeakMap<$ZodType, JsonObject>();

/** A schema as JSON Schema; made once, since a tick may run a thousand tasks of one module. */
async function jsonSchemaOf(schema: $ZodType): Promise<JsonObject> {
  const known = jsonSchemas.get(schema);
  if (known !== undefined) {
    return known;
  }
  const { toJSONSchema } = await loadZod();
  const made: unknown = toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  const described = isJsonObject(made) ? made : {};
  jsonSchemas.set(schema, described);
  return described;
}

function fieldOf(
  name: string,
  property: JsonValue,
  { required, secret }: Pick<OptionField, 'required' | 'secret'>,
): OptionField {
  const described = isJsonObject(property) ? property : {};
  const { description, default: standard } = described;
  const field = {
    name,
    type: typeTextOf(described),
    description: typeof description === 'string' ? description : '',
    required,
    secret,
  };
  return standard === undefined || secret ? field : { ...field, default: standard };
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
