import { isAbsolute } from 'node:path';
import type { Fault } from '../../core/errors.ts';
import { isJsonObject, type JsonValue } from '../../core/json.ts';
import { faultsOfUnknownKeys, shown } from '../option-faults.ts';
import type { OptionField } from '../options.ts';
import { splitShellWords } from '../shell-words.ts';

/** What the `command` module runs: a program and its arguments, without a shell. */
export type CommandLine = {
  /** At least the program. */
  readonly argv: readonly [string, ...string[]];
  /** Absolute; the runner's own when absent. */
  readonly cwd?: string;
  /** Added to the environment that the command inherits. */
  readonly env: Readonly<Record<string, string>>;
};

export type ReadCommand =
  | { readonly kind: 'command'; readonly command: CommandLine }
  | { readonly kind: 'invalid'; readonly faults: readonly Fault[] };

export const COMMAND_ID = 'command';
export const COMMAND_DESCRIPTION = 'Run a command, without a shell, and record its output and exit status.';

export const COMMAND_FIELDS: readonly OptionField[] = [
  {
    name: 'command',
    type: 'string',
    description: 'The command as text with the quoting of a shell; either this or argv.',
    required: false,
    secret: false,
  },
  {
    name: 'argv',
    type: 'string[]',
    description: 'The command as a list: the program, then its arguments; either this or command.',
    required: false,
    secret: false,
  },
  {
    name: 'cwd',
    type: 'string',
    description: 'Absolute path of the folder to run it in.',
    required: false,
    secret: false,
  },
  {
    name: 'env',
    type: 'object',
    description: 'Variables to add to its environment.',
    required: false,
    default: {},
    secret: false,
  },
];

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
  const argv = readArgv(options['command'], options['argv']);
  const { faults: cwdFaults, cwd } = readCwd(options['cwd']);
  const { faults: envFaults, env } = readEnv(options['env']);
  const faults = [
    ...faultsOfUnknownKeys(unknown, known, 'options'),
    ...argv.faults,
    ...cwdFaults,
    ...envFaults,
  ];
  if (faults.length > 0 || argv.words === undefined) {
    return { kind: 'invalid', faults };
  }
  const command = { argv: argv.words, env };
  return { kind: 'command', command: cwd === undefined ? command : { ...command, cwd } };
}

type Argv = { readonly faults: readonly Fault[]; readonly words?: CommandLine['argv'] };

function readArgv(command: JsonValue | undefined, argv: JsonValue | undefined): Argv {
  if (command !== undefined && argv !== undefined) {
    return { faults: [{ field: 'options', message: 'expected either command or argv, got both' }] };
  }
  if (command === undefined && argv === undefined) {
    return { faults: [{ field: 'options', message: 'expected command or argv, got neither' }] };
  }
  return argv === undefined ? readCommandText(command) : readArgumentList(argv);
}

function readCommandText(command: JsonValue | undefined): Argv {
  const field = 'options.command';
  if (typeof command !== 'string') {
    return { faults: [{ field, message: `expected a string, got ${shown(command)}` }] };
  }
  const split = splitShellWords(command);
  return split.kind === 'fault'
    ? { faults: [{ field, message: `${split.message} (at character ${split.position})` }] }
    : programAndArguments(field, split.words);
}

function readArgumentList(argv: JsonValue): Argv {
  const field = 'options.argv';
  if (!Array.isArray(argv)) {
    return { faults: [{ field, message: `expected a list of strings, got ${shown(argv)}` }] };
  }
  const words: string[] = [];
  for (const [index, word] of argv.entries()) {
    if (typeof word !== 'string') {
      return { faults: [{ field: `${field}[${index}]`, message: `expected a string, got ${shown(word)}` }] };
    }
    words.push(word);
  }
  return programAndArguments(field, words);
}

function programAndArguments(field: string, words: readonly string[]): Argv {
  const [program, ...rest] = words;
  if (program === undefined || program === '') {
    return { faults: [{ field, message: 'expected a command, got none' }] };
  }
  const withNul = words.find((word) => word.includes('\0'));
  return withNul === undefined
    ? { faults: [], words: [program, ...rest] }
    : { faults: [{ field, message: `expected no NUL character, got ${shown(withNul)}` }] };
}

function readCwd(cwd: JsonValue | undefined): { readonly faults: readonly Fault[]; readonly cwd?: string } {
  if (cwd === undefined) {
    return { faults: [] };
  }
  if (typeof cwd !== 'string' || !isAbsolute(cwd) || cwd.includes('\0')) {
    return { faults: [{ field: 'options.cwd', message: `expected an absolute path, got ${shown(cwd)}` }] };
  }
  return { faults: [], cwd };
}

function readEnv(env: JsonValue | undefined): {
  readonly faults: readonly Fault[];
  readonly env: Readonly<Record<string, string>>;
} {
  if (env === undefined) {
    return { faults: [], env: {} };
  }
  if (!isJsonObject(env)) {
    return { faults: [{ field: 'options.env', message: `expected an object, got ${shown(env)}` }], env: {} };
  }
  const faults: Fault[] = [];
  const read: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    const fault = faultOfVariable(name, value);
    if (fault !== undefined) {
      faults.push({ field: `options.env.${name}`, message: fault });
    } else if (typeof value === 'string') {
      read[name] = value;
    }
  }
  return { faults, env: read };
}

function faultOfVariable(name: string, value: JsonValue): string | undefined {
  if (name === '' || /[=\0]/.test(name)) {
    return `expected a name of a variable, got ${shown(name)}`;
  }
  if (name.startsWith('PERIODIC_CRON_')) {
    return 'expected a name outside PERIODIC_CRON_, which is set for every run';
  }
  return typeof value === 'string' && !value.includes('\0')
    ? undefined
    : `expected a string without NUL, got ${shown(value)}`;
}
