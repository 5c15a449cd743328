import { parseEnv } from 'node:util';
import { resolveReference } from '../config/references.ts';
import { readRegularFile } from '../config/regular-file.ts';
import { messageOf } from '../core/errors.ts';
import {
  type CommandVariables,
  type EnvironmentFile,
  faultOfVariableName,
} from '../modules/shipped/command-variables.ts';
import { inheritedEnvironment } from './environment.ts';

/** The variables that a task gives its command, and what could not be read of them. */
export type GivenVariables = {
  readonly variables: Readonly<Record<string, string>>;
  readonly faults: readonly string[];
};

/**
 * Collects what a task gives its command: its files, over them its literal text, over both its secrets. References to
 * variables are read from what this process hands on, so that what is withheld from tasks is no secret of theirs either. No fault holds any of the values.
 */
export async function givenVariables({
  env,
  environmentFiles = [],
  secrets = {},
}: CommandVariables): Promise<GivenVariables> {
  const faults: string[] = [];
  const note = (read: GivenVariables): Readonly<Record<string, string>> => {
    faults.push(...read.faults);
    return read.variables;
  };
  const ofFiles: Record<string, string> = {};
  for (const file of environmentFiles) {
    Object.assign(ofFiles, note(await readEnvironmentFile(file)));
  }
  const resolved = note(await resolveSecrets(secrets));
  return { variables: { ...ofFiles, ...env, ...resolved }, faults };
}

/** More is no list of variables, and no system could start a program with it. */
const MAX_FILE_BYTES = 1024 * 1024;

async function readEnvironmentFile({ path, mayBeMissing }: EnvironmentFile): Promise<GivenVariables> {
  const text = await textOfFile(path);
  if (text.kind === 'missing' && mayBeMissing) {
    return { variables: {}, faults: [] };
  }
  if (text.kind !== 'text') {
    return faultsIn(path, [text.message]);
  }
  const lines = faultsOfLines(text.text);
  if (lines.length > 0) {
    return faultsIn(path, lines);
  }
  const parsed = parseEnv(text.text);
  const variables: Record<string, string> = {};
  const faults: string[] = [];
  for (const [name, value = ''] of Object.entries(parsed)) {
    const fault = faultOfVariableName(name) ?? faultOfValue(value);
    if (fault === undefined) {
      variables[name] = value;
    } else {
      faults.push(`${name}: ${fault}`);
    }
  }
  return { ...faultsIn(path, faults), variables };
}

const LINE = /^\s*(?:#.*|(?:export\s+)?[A-Za-z_]\w*\s*=\s*(.*))?$/;

/**
 * Node's reader passes over what it does not understand, or makes one value of several lines. No fault shows a line,
 * which may hold a secret.
 */
function faultsOfLines(text: string): readonly string[] {
  return text.split(/\r?\n/).flatMap((line, index) => {
    const match = LINE.exec(line);
    if (match === null) {
      return [`line ${index + 1}: expected NAME=value, a comment or nothing, got another line`];
    }
    const [quote = ''] = /^["'`]/.exec(match[1] ?? '') ?? [];
    return quote === '' || match[1]?.includes(quote, 1) === true
      ? []
      : [`line ${index + 1}: expected a closing ${quote} in the same line, got none`];
  });
}

function faultsIn(path: string, messages: readonly string[]): GivenVariables {
  return { variables: {}, faults: messages.map((message) => `environment_file ${path}: ${message}`) };
}

type EnvironmentText =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'missing' | 'unreadable'; readonly message: string };

async function textOfFile(path: string): Promise<EnvironmentText> {
  try {
    const read = await readRegularFile(path, MAX_FILE_BYTES);
    return read.kind === 'text'
      ? read
      : {
          kind: 'unreadable',
          message: `expected a file of at most ${MAX_FILE_BYTES} bytes, got ${read.found}`,
        };
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
    const kind = code === 'ENOENT' || code === 'ENOTDIR' ? 'missing' : 'unreadable';
    return { kind, message: `expected a readable file, got ${messageOf(thrown)}` };
  }
}

async function resolveSecrets(references: Readonly<Record<string, string>>): Promise<GivenVariables> {
  const variables: Record<string, string> = {};
  const faults: string[] = [];
  for (const [name, reference] of Object.entries(references)) {
    const resolved = await resolveReference(reference, inheritedEnvironment());
    if (resolved.kind === 'fault') {
      faults.push(`secrets.${name}: ${resolved.message}`);
    } else if (resolved.text.includes('\0')) {
      faults.push(`secrets.${name}: expected text without NUL, got another`);
    } else {
      variables[name] = resolved.text;
    }
  }
  return { variables, faults };
}

function faultOfValue(value: string): string | undefined {
  return value.includes('\0') ? 'expected text without NUL, got another' : undefined;
}
