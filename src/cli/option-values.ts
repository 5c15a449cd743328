import type { Fault } from '../core/errors.ts';
import type { JsonValue } from '../core/json.ts';
import type { OptionField } from '../modules/options.ts';
import type { Registry } from '../modules/registry.ts';

/** Options of a module as the command line names them, and those that do not have the form KEY=VALUE. */
export type OptionsGiven = {
  readonly values: Readonly<Record<string, JsonValue>>;
  readonly faults: readonly Fault[];
};

/**
 * Reads `KEY=VALUE` words for a module. The value is text where the module asks for text, or does not know the option;
 * otherwise it is JSON, and text again if it is not JSON: then the module says what it expected.
 */
export async function readOptionValues(
  words: readonly string[],
  module: unknown,
  registry: Registry,
): Promise<OptionsGiven> {
  const fields = words.length === 0 ? [] : await fieldsOf(module, registry);
  const faults: Fault[] = [];
  const entries: Array<readonly [string, JsonValue]> = [];
  for (const word of words) {
    const end = word.indexOf('=');
    if (end < 1) {
      faults.push({ field: 'options', message: `expected KEY=VALUE, got ${JSON.stringify(word)}` });
      continue;
    }
    const key = word.slice(0, end);
    const type = fields.find(({ name }) => name === key)?.type ?? 'string';
    entries.push([key, readOptionValue(word.slice(end + 1), type)]);
  }
  // Unlike an assignment, this keeps a key such as __proto__ an ordinary one.
  return { values: Object.fromEntries(entries), faults };
}

async function fieldsOf(module: unknown, registry: Registry): Promise<readonly OptionField[]> {
  const { modules } = await registry.list();
  return modules.find(({ id }) => id === module)?.options ?? [];
}

function readOptionValue(text: string, type: string): JsonValue {
  const types = type.split(' | ');
  if (types.every(isText)) {
    return text;
  }
  const value = parsed(text);
  // `string | null` takes null, but 5 stays the text that it may be.
  return types.some(isText) && ['number', 'string'].includes(typeof value) ? text : value;
}

/** Choices are written as JSON: `"fast" | "slow"`. */
function isText(type: string): boolean {
  return type === 'string' || type.startsWith('"');
}

function parsed(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return text;
  }
}
