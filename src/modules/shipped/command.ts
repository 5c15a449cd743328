import { isAbsolute } from 'node:path';
import type { Fault } from '../../core/errors.ts';
import { isJsonObject, type JsonValue } from '../../core/json.ts';
import { faultsOfUnknownKeys, shown } from '../option-faults.ts';
import { COMMAND_FIELDS } from './command-fields.ts';
import { type CommandPlace, readCommandPlace } from './command-place.ts';
import { type Retcodes, readRetcodes } from './command-retcodes.ts';
import { type CommandVariables, readCommandVariables } from './command-variables.ts';
import { type CommandWords, faulty, type ReadOption, readCommandWords } from './command-words.ts';

export { COMMAND_FIELDS } from './command-fields.ts';

/** What the `command` module runs: a program and its arguments, and what goes with them. */
export type CommandLine = CommandWords &
  CommandVariables & {
    /** Absolute; when absent the home of `place.user`, else the runner's own. */
    readonly cwd?: string;
    /** What it reads as its input; empty when absent. */
    readonly stdin?: string;
    readonly place?: CommandPlace;
    readonly retcodes?: Retcodes;
  };

export type ReadCommand =
  | { readonly kind: 'command'; readonly command: CommandLine }
  | { readonly kind: 'invalid'; readonly faults: readonly Fault[] };

export const COMMAND_ID = 'command';
export const COMMAND_DESCRIPTION = 'Run a command, and record its output and exit status.';

/**
 * Reads the options of `command`, naming every fault. It is written by hand, since a tick that starts a command must
 * not pay for loading a schema library.
 */
export function readCommandOptions(options: unknown): ReadCommand {
  if (!isJsonObject(options)) {
    return {
      kind: 'invalid',
      faults: [{ field: 'options', message: `expected an object, got ${shown(options)}` }],
    };
  }
  const known = COMMAND_FIELDS.map((field) => field.name);
  const unknown = Object.keys(options).filter((key) => !known.includes(key));
  const words = readCommandWords(options);
  const cwd = readCwd(options['cwd']);
  const variables = readCommandVariables(options);
  const stdin = readStdin(options['stdin']);
  const place = readCommandPlace(options);
  const retcodes = readRetcodes(options['retcodes']);
  const faults = [
    ...faultsOfUnknownKeys(unknown, known, 'options'),
    ...[words, cwd, variables, stdin, place, retcodes].flatMap((read) => read.faults),
  ];
  if (faults.length > 0 || words.value === undefined || variables.value === undefined) {
    return { kind: 'invalid', faults };
  }
  const command = {
    ...words.value,
    ...variables.value,
    ...(cwd.value === undefined ? {} : { cwd: cwd.value }),
    ...(stdin.value === undefined ? {} : { stdin: stdin.value }),
    ...(place.value === undefined ? {} : { place: place.value }),
    ...(retcodes.value === undefined ? {} : { retcodes: retcodes.value }),
  };
  return { kind: 'command', command };
}

function readCwd(cwd: JsonValue | undefined): ReadOption<string> {
  if (cwd === undefined) {
    return { faults: [] };
  }
  return typeof cwd === 'string' && isAbsolute(cwd) && !cwd.includes('\0')
    ? { faults: [], value: cwd }
    : faulty('options.cwd', `expected an absolute path, got ${shown(cwd)}`);
}

function readStdin(stdin: JsonValue | undefined): ReadOption<string> {
  if (stdin === undefined) {
    return { faults: [] };
  }
  return typeof stdin === 'string'
    ? { faults: [], value: stdin }
    : faulty('options.stdin', `expected a string, got ${shown(stdin)}`);
}
