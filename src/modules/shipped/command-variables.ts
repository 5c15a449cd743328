import { isAbsolute } from 'node:path';
import { faultOfReference } from '../../config/references.ts';
import type { Fault } from '../../core/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { shown } from '../option-faults.ts';
import { faulty, type ReadOption } from './command-words.ts';

type Texts = Readonly<Record<string, string>>;

/** A file of `NAME=value` lines. */
export type EnvironmentFile = { readonly path: string; readonly mayBeMissing: boolean };

export type CommandVariables = {
  /** Literal text. */
  readonly env: Texts;
  /** A later one wins. */
  readonly environmentFiles?: readonly EnvironmentFile[];
  /** References by the name of the variable. */
  readonly secrets?: Texts;
};

/** Reads `environment` (or `env`), `environment_file` and `secrets`. */
export function readCommandVariables(options: JsonObject): ReadOption<CommandVariables> {
  const { environment, env: olderName, environment_file: file, secrets } = options;
  if (environment !== undefined && olderName !== undefined) {
    return faulty('options', 'expected either environment or env, its older name, got both');
  }
  const name = olderName === undefined ? 'environment' : 'env';
  const literal = readTexts(`options.${name}`, environment ?? olderName, {
    faultOfValue: faultOfText,
    show: shown,
  });
  const references = readTexts('options.secrets', secrets, {
    faultOfValue: faultOfReference,
    // What stands there by mistake may be the secret itself.
    show: () => 'another value',
  });
  const files = readFiles(file);
  const faults = [literal, references, files].flatMap((read) => read.faults);
  return {
    faults,
    value: {
      env: literal.value ?? {},
      ...(files.value === undefined ? {} : { environmentFiles: files.value }),
      ...(references.value === undefined ? {} : { secrets: references.value }),
    },
  };
}

/** What is wrong with the name of a variable that a task gives; undefined when nothing is. */
export function faultOfVariableName(name: string): string | undefined {
  if (name === '' || /[=\0]/.test(name)) {
    return `expected a name of a variable, got ${shown(name)}`;
  }
  return name.startsWith('PERIODIC_CRON_')
    ? 'expected a name outside PERIODIC_CRON_, which is set for every run'
    : undefined;
}

type TextRules = {
  readonly faultOfValue: (value: JsonValue) => string | undefined;
  readonly show: (value: JsonValue) => string;
};

function readTexts(
  field: string,
  texts: JsonValue | undefined,
  { faultOfValue, show }: TextRules,
): ReadOption<Texts> {
  if (texts === undefined) {
    return { faults: [] };
  }
  if (!isJsonObject(texts)) {
    return faulty(field, `expected an object, got ${show(texts)}`);
  }
  const faults: Fault[] = [];
  const read: Array<readonly [string, string]> = [];
  for (const [name, value] of Object.entries(texts)) {
    const message = faultOfVariableName(name) ?? faultOfValue(value);
    if (message !== undefined) {
      faults.push({ field: `${field}.${name}`, message });
    } else if (typeof value === 'string') {
      read.push([name, value]);
    }
  }
  return { faults, value: Object.fromEntries(read) };
}

function faultOfText(value: JsonValue): string | undefined {
  return typeof value === 'string' && !value.includes('\0')
    ? undefined
    : `expected a string without NUL, got ${shown(value)}`;
}

function readFiles(value: JsonValue | undefined): ReadOption<readonly EnvironmentFile[]> {
  if (value === undefined) {
    return { faults: [] };
  }
  const isList = Array.isArray(value);
  const files: EnvironmentFile[] = [];
  for (const [index, item] of (isList ? value : [value]).entries()) {
    const file = typeof item === 'string' ? environmentFile(item) : undefined;
    if (file === undefined) {
      const field = isList ? `options.environment_file[${index}]` : 'options.environment_file';
      return faulty(field, `expected an absolute path, or one after "-", got ${shown(item)}`);
    }
    files.push(file);
  }
  return { faults: [], value: files };
}

function environmentFile(text: string): EnvironmentFile | undefined {
  const mayBeMissing = text.startsWith('-');
  const path = mayBeMissing ? text.slice(1) : text;
  return isAbsolute(path) && !path.includes('\0') ? { path, mayBeMissing } : undefined;
}
