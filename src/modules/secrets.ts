import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';

/** A place among options, from the outermost: names of members and positions in lists. */
export type OptionPath = readonly PropertyKey[];

/** A value that a module's schema marks as secret with `.meta({ secret: true })`, and where it stands. */
export type Secret = { readonly path: OptionPath; readonly value: unknown };

/**
 * The secrets that options hold, by the JSON Schema of a module's options, at whatever depth. A null is no secret: an
 * option that may be null says with it that there is none.
 */
export function findSecrets(schema: JsonObject, options: unknown): readonly Secret[] {
  return secretsIn(schema, [schema], { path: [], value: options });
}

/** True when a part of a JSON Schema, or one of its alternatives, is marked as secret. */
export function isSecret(root: JsonObject, schema: JsonValue): boolean {
  return alternativesOf(root, schema).some((alternative) => alternative['secret'] === true);
}

function secretsIn(root: JsonObject, schemas: readonly JsonValue[], at: Secret): readonly Secret[] {
  const { path, value } = at;
  if (schemas.length === 0 || value === null || value === undefined) {
    return [];
  }
  const alternatives = schemas.flatMap((schema) => alternativesOf(root, schema));
  if (alternatives.some((alternative) => alternative['secret'] === true)) {
    return [at];
  }
  const isList = Array.isArray(value);
  return Object.entries(Object(value)).flatMap(([key, member]) => {
    const inner = alternatives.flatMap((schema) =>
      isList ? itemOf(schema, Number(key)) : memberOf(schema, key),
    );
    return secretsIn(root, inner, { path: [...path, isList ? Number(key) : key], value: member });
  });
}

function itemOf({ items, prefixItems }: JsonObject, index: number): readonly JsonValue[] {
  const own = Array.isArray(prefixItems) ? prefixItems[index] : undefined;
  return [own ?? items ?? []].flat();
}

function memberOf({ properties, additionalProperties }: JsonObject, key: string): readonly JsonValue[] {
  const own = isJsonObject(properties) && Object.hasOwn(properties, key) ? properties[key] : undefined;
  return [own ?? additionalProperties ?? []].flat();
}

/** A schema with all that it may stand for: its alternatives, its parts, what it refers to. */
function alternativesOf(
  root: JsonObject,
  schema: JsonValue,
  seen: Set<JsonValue> = new Set(),
): readonly JsonObject[] {
  if (!isJsonObject(schema) || seen.has(schema)) {
    return [];
  }
  seen.add(schema);
  const inner = [schema['anyOf'], schema['oneOf'], schema['allOf'], targetOf(root, schema['$ref'])];
  return [
    schema,
    ...inner.flatMap((part) => [part ?? []].flat()).flatMap((part) => alternativesOf(root, part, seen)),
  ];
}

const DEFINITIONS = '#/$defs/';

function targetOf(root: JsonObject, reference: JsonValue | undefined): JsonValue | undefined {
  if (typeof reference !== 'string') {
    return undefined;
  }
  const definitions = root['$defs'];
  return reference.startsWith(DEFINITIONS) && isJsonObject(definitions)
    ? definitions[unescaped(reference.slice(DEFINITIONS.length))]
    : root;
}

// A JSON Pointer (RFC 6901) writes a slash as ~1 and a tilde as ~0.
function unescaped(token: string): string {
  return token.replaceAll('~1', '/').replaceAll('~0', '~');
}

/** The options with another value in one place; those that were given stay as they are. */
export function withValueAt(options: unknown, [step, ...rest]: OptionPath, value: string): unknown {
  if (step === undefined) {
    return value;
  }
  if (Array.isArray(options)) {
    return options.map((item: unknown, index) => (index === step ? withValueAt(item, rest, value) : item));
  }
  const members = Object.entries(Object(options)).map(([key, member]) => [
    key,
    key === step ? withValueAt(member, rest, value) : member,
  ]);
  return Object.fromEntries(members);
}
