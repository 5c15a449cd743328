import { didYouMean } from '../config/near-miss.ts';
import { UsageError } from '../core/errors.ts';
import type { Instant } from '../core/instants.ts';
import type { Globals } from './context.ts';
import { type Flag, GLOBAL_FLAGS, RUN_SCHEDULED_FLAGS } from './flags.ts';
import { countValue, durationValue, instantValue } from './values.ts';

const COMMAND = 'run_scheduled';
const HELP_FLAGS = new Set(['-h', '--help', '--version']);
const MAX_PARALLEL = 1_000;

export type RunScheduledFlags = {
  /** Quiet when all is well. */
  readonly cron: boolean;
  readonly dryRun: boolean;
  /** Only with `dryRun`. */
  readonly at: Instant | undefined;
  /** 1 if not asked for. */
  readonly parallel: number;
  readonly failFast: boolean;
  readonly limitSeconds: number | undefined;
  readonly splaySeconds: number | undefined;
  /** Take the node's name from another machine. */
  readonly takeover: boolean;
  readonly node: string | undefined;
};

export type RunScheduledCall = { readonly flags: RunScheduledFlags; readonly globals: Globals };

/**
 * Reads a `run_scheduled` command line by itself, since a tick must not pay for loading a parser of command lines.
 * Returns `undefined` when the words mean something else, the help of `run_scheduled` included: then the whole
 * program is asked.
 *
 * @throws UsageError for an unknown flag, a missing, superfluous or wrong value, or a word too many
 */
export function parseRunScheduled(words: readonly string[]): RunScheduledCall | undefined {
  const command = positionOfCommand(words);
  if (command === undefined || words.some((word) => HELP_FLAGS.has(word))) {
    return undefined;
  }
  const given = readFlags(words.toSpliced(command, 1));
  return { flags: runScheduledFlags(given), globals: globalsOf(given) };
}

/** Where the name of the command stands, if only flags that every command takes stand before it. */
function positionOfCommand(words: readonly string[]): number | undefined {
  let at = 0;
  for (let word = words[at]; word?.startsWith('-') === true; word = words[at]) {
    const flag = Object.values(GLOBAL_FLAGS).find((known) => isNamed(known, word.split('=', 1)[0]));
    if (flag === undefined) {
      return undefined;
    }
    at += takesValue(flag) && !word.includes('=') ? 2 : 1;
  }
  return words[at] === COMMAND ? at : undefined;
}

type Key = keyof typeof FLAGS;
type Given = ReadonlyMap<Key, string>;

const FLAGS = { ...GLOBAL_FLAGS, ...RUN_SCHEDULED_FLAGS };
const ENTRIES = Object.entries(FLAGS) as ReadonlyArray<readonly [Key, Flag]>;

function readFlags(words: readonly string[]): Given {
  const given = new Map<Key, string>();
  const queue = [...words];
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    const { name, attached } = splitWord(word);
    const [key, flag] = flagNamed(name);
    if (takesValue(flag)) {
      given.set(key, attached ?? nextValue(queue, name));
      continue;
    }
    if (attached !== undefined && name.startsWith('--')) {
      throw usage(`${name} takes no value, got ${JSON.stringify(attached)}`);
    }
    if (attached !== undefined) {
      // `-cd` is `-c -d`.
      queue.unshift(`-${attached}`);
    }
    given.set(key, '');
  }
  return given;
}

/** `--flag=value`, `-nvalue` and `-cd` carry something behind the name of the flag. */
function splitWord(word: string): { readonly name: string; readonly attached: string | undefined } {
  if (!word.startsWith('-') || word === '-' || word === '--') {
    throw usage(`expected flags only, got ${JSON.stringify(word)}`);
  }
  const end = word.startsWith('--') ? word.indexOf('=') : 2;
  if (end === -1 || end === word.length) {
    return { name: word, attached: undefined };
  }
  return { name: word.slice(0, end), attached: word.slice(word.startsWith('--') ? end + 1 : end) };
}

function flagNamed(name: string): readonly [Key, Flag] {
  const entry = ENTRIES.find(([, flag]) => isNamed(flag, name));
  if (entry === undefined) {
    const names = ENTRIES.map(([, flag]) => flag.long);
    throw usage(`unknown option '${name}'${name.startsWith('--') ? didYouMean(name, names) : ''}`);
  }
  return entry;
}

function nextValue(queue: string[], name: string): string {
  const value = queue.shift();
  if (value === undefined) {
    throw usage(`${name} needs a value`);
  }
  if (value.startsWith('-')) {
    throw usage(`${name} needs a value, got ${JSON.stringify(value)} (${name}=${value} if that is meant)`);
  }
  return value;
}

function isNamed(flag: Flag, name: string | undefined): boolean {
  return name === flag.long || (flag.short !== undefined && name === flag.short);
}

function takesValue(flag: Flag): boolean {
  return flag.value !== undefined;
}

function runScheduledFlags(given: Given): RunScheduledFlags {
  const at = valueGiven(given, 'at', instantValue);
  if (at !== undefined && !given.has('dryRun')) {
    throw usage('--at needs --dryrun: only a dry run decides for another instant');
  }
  return {
    cron: given.has('cron'),
    dryRun: given.has('dryRun'),
    at,
    parallel:
      valueGiven(given, 'parallel', (flag, text) => countValue(flag, text, { min: 1, max: MAX_PARALLEL })) ??
      1,
    failFast: given.has('failFast'),
    limitSeconds: valueGiven(given, 'limit', durationValue),
    splaySeconds: valueGiven(given, 'splay', durationValue),
    takeover: given.has('takeover'),
    node: given.get('node'),
  };
}

function globalsOf(given: Given): Globals {
  return {
    config: given.get('config'),
    database: given.get('database'),
    json: given.has('json'),
    color: !given.has('noColor'),
    verbose: given.has('verbose'),
  };
}

function valueGiven<T>(given: Given, key: Key, read: (flag: string, text: string) => T): T | undefined {
  const text = given.get(key);
  return text === undefined ? undefined : read(`${COMMAND}: ${FLAGS[key].long}`, text);
}

function usage(message: string): UsageError {
  return new UsageError(`${COMMAND}: ${message}`);
}
