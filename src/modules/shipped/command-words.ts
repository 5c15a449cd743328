import type { Fault } from '../../core/errors.ts';
import type { JsonObject, JsonValue } from '../../core/json.ts';
import { shown } from '../option-faults.ts';
import { splitShellWords } from '../shell-words.ts';

/** A program and its arguments. */
export type Argv = readonly [string, ...string[]];

/** An option as it was read: its value, unless it is absent or has faults. */
export type ReadOption<T> = { readonly faults: readonly Fault[]; readonly value?: T };

/** An option with one fault. */
export function faulty(field: string, message: string): { readonly faults: readonly Fault[] } {
  return { faults: [{ field, message }] };
}

export type Hooks = { readonly before?: Argv; readonly after?: Argv; readonly onError?: Argv };
export type CommandWords = { readonly argv: Argv; readonly hooks?: Hooks };

const SHELL = '/bin/sh';

/** Reads `command`, `argv`, `shell` and the hooks. */
export function readCommandWords(options: JsonObject): ReadOption<CommandWords> {
  const shell = options['shell'] ?? false;
  if (typeof shell !== 'boolean') {
    return faulty('options.shell', `expected true or false, got ${shown(shell)}`);
  }
  const argv = readArgv(options, shell);
  const before = readHook('before', options, shell);
  const after = readHook('after', options, shell);
  const onError = readHook('on_error', options, shell);
  const faults = [argv, before, after, onError].flatMap((read) => read.faults);
  if (faults.length > 0 || argv.value === undefined) {
    return { faults };
  }
  const hooks = {
    ...(before.value === undefined ? {} : { before: before.value }),
    ...(after.value === undefined ? {} : { after: after.value }),
    ...(onError.value === undefined ? {} : { onError: onError.value }),
  };
  const words = { argv: argv.value };
  return { faults, value: Object.keys(hooks).length === 0 ? words : { ...words, hooks } };
}

function readArgv({ command, argv }: JsonObject, shell: boolean): ReadOption<Argv> {
  if (command !== undefined && argv !== undefined) {
    return faulty('options', 'expected either command or argv, got both');
  }
  if (command === undefined && argv === undefined) {
    return faulty('options', 'expected command or argv, got neither');
  }
  if (argv === undefined) {
    return readText('options.command', command, shell);
  }
  return shell
    ? faulty('options.shell', 'expected the text command for a shell, got argv')
    : readList('options.argv', argv);
}

function readHook(name: string, options: JsonObject, shell: boolean): ReadOption<Argv> {
  const field = `options.${name}`;
  const value = options[name];
  if (value === undefined) {
    return { faults: [] };
  }
  if (typeof value !== 'string' && !Array.isArray(value)) {
    return faulty(field, `expected a string or a list of strings, got ${shown(value)}`);
  }
  return typeof value === 'string' ? readText(field, value, shell) : readList(field, value);
}

function readText(field: string, text: JsonValue | undefined, shell: boolean): ReadOption<Argv> {
  if (typeof text !== 'string') {
    return faulty(field, `expected a string, got ${shown(text)}`);
  }
  if (shell) {
    return text.trim() === ''
      ? programAndArguments(field, [])
      : programAndArguments(field, [SHELL, '-c', notAnOption(text)]);
  }
  const split = splitShellWords(text);
  return split.kind === 'fault'
    ? faulty(field, `${split.message} (at character ${split.position})`)
    : programAndArguments(field, split.words);
}

/** A shell takes a text that begins like an option for one; a blank before it changes nothing else. */
function notAnOption(text: string): string {
  return /^[-+]/.test(text) ? ` ${text}` : text;
}

function readList(field: string, list: JsonValue): ReadOption<Argv> {
  if (!Array.isArray(list)) {
    return faulty(field, `expected a list of strings, got ${shown(list)}`);
  }
  const words: string[] = [];
  for (const [index, word] of list.entries()) {
    if (typeof word !== 'string') {
      return faulty(`${field}[${index}]`, `expected a string, got ${shown(word)}`);
    }
    words.push(word);
  }
  return programAndArguments(field, words);
}

function programAndArguments(field: string, words: readonly string[]): ReadOption<Argv> {
  const [program, ...rest] = words;
  if (program === undefined || program === '') {
    return faulty(field, 'expected a command, got none');
  }
  const withNul = words.find((word) => word.includes('\0'));
  return withNul === undefined
    ? { faults: [], value: [program, ...rest] }
    : faulty(field, `expected no NUL character, got ${shown(withNul)}`);
}
