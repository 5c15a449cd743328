import { basename } from 'node:path';
import { messageOf, UsageError } from '../../core/errors.ts';
import { splitShellWords } from '../../modules/shell-words.ts';
import { parseRunScheduled, type RunScheduledCall } from '../arguments.ts';

/** A crontab as it was found. */
export type Crontab = {
  /** A path, or the words for the crontab of this user. */
  readonly source: string;
  readonly text: string;
  /** Whose crontab it is; undefined for one of the system, whose lines name their user. */
  readonly user: string | undefined;
};

/** A line of a crontab that calls `run_scheduled`. */
export type TickLine = {
  readonly source: string;
  /** From 1. */
  readonly lineNumber: number;
  readonly user: string;
  /** The five fields, or a word such as `@hourly`. */
  readonly schedule: string;
  /** What the crontab and the line itself set. */
  readonly env: Readonly<Record<string, string>>;
  /** Where the line changes to before it calls the program. */
  readonly cwd: string | undefined;
  readonly program: string;
  /** What the line starts the program with, if it names that. */
  readonly interpreter: string | undefined;
  readonly call: RunScheduledCall | { readonly fault: string };
};

/** The lines of a crontab that call `run_scheduled`, dry runs aside. Reads the notation of Debian's cron. */
export function findTickLines(crontab: Crontab): readonly TickLine[] {
  const lines: TickLine[] = [];
  const env: Record<string, string> = {};
  for (const [index, line] of crontab.text.split('\n').entries()) {
    const setting = SETTING.exec(line);
    if (setting !== null) {
      env[setting[1] ?? ''] = unquoted(setting[2] ?? '');
      continue;
    }
    const entry = readEntry(line, crontab.user);
    const found = entry === undefined ? undefined : findCall(entry.command);
    if (entry !== undefined && found !== undefined) {
      const { source } = crontab;
      const { user, schedule } = entry;
      lines.push({
        ...found,
        source,
        lineNumber: index + 1,
        user,
        schedule,
        env: { ...env, ...found.env },
      });
    }
  }
  return lines;
}

const SETTING = /^\s*["']?([A-Za-z_]\w*)["']?\s*=\s*(.*?)\s*$/;
const ENTRY = /^\s*(@[a-z]+|(?:[^\s#@]\S*\s+){4}\S+)\s+(.*)$/i;
const WITH_USER = /^(\S+)\s+(.*)$/;

function unquoted(value: string): string {
  return /^(["'])(.*)\1$/.exec(value)?.[2] ?? value;
}

type Entry = { readonly schedule: string; readonly user: string; readonly command: string };

function readEntry(line: string, owner: string | undefined): Entry | undefined {
  const [, times, rest] = ENTRY.exec(line) ?? [];
  if (times === undefined || rest === undefined) {
    return undefined;
  }
  const schedule = times.trim().replaceAll(/\s+/g, ' ');
  // What follows a "%" is the input of the command.
  const [own = ''] = rest.split(/(?<!\\)%/);
  if (owner !== undefined) {
    return { schedule, user: owner, command: own };
  }
  const [, user, command] = WITH_USER.exec(own) ?? [];
  return user === undefined || command === undefined ? undefined : { schedule, user, command };
}

type FoundCall = Pick<TickLine, 'env' | 'cwd' | 'program' | 'interpreter' | 'call'>;

/** The first call of `run_scheduled` in a command line of the shell, which may do other things before and after it. */
function findCall(command: string): FoundCall | undefined {
  let cwd: string | undefined;
  for (const words of simpleCommands(command)) {
    if (words[0] === 'cd') {
      cwd = words[1];
    }
    const found = findProgram(words);
    if (found !== undefined) {
      const before = words.slice(0, found.at);
      return {
        cwd,
        call: found.call,
        env: settingsIn(before),
        interpreter: before.find((word) => basename(word) === 'node'),
        program: words[found.at] ?? '',
      };
    }
  }
  return undefined;
}

/** The program goes by any name: a link to it, or a script around it. What stands after it tells. */
function findProgram(
  words: readonly string[],
): { readonly at: number; readonly call: TickLine['call'] } | undefined {
  for (const at of words.keys()) {
    const call = readCall(words.slice(at + 1));
    if (call !== undefined) {
      return { at, call };
    }
  }
  return undefined;
}

function readCall(words: readonly string[]): TickLine['call'] | undefined {
  try {
    const call = parseRunScheduled(words);
    return call?.flags.dryRun === true ? undefined : call;
  } catch (error) {
    if (error instanceof UsageError) {
      return { fault: messageOf(error) };
    }
    throw error;
  }
}

function settingsIn(words: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    words.flatMap((word) => {
      const [, name, value] = /^([A-Za-z_]\w*)=(.*)$/s.exec(word) ?? [];
      return name === undefined || value === undefined ? [] : [[name, value]];
    }),
  );
}

/** Splits at what only a shell understands: pipes, redirections, lists. */
function simpleCommands(text: string): ReadonlyArray<readonly string[]> {
  const commands: Array<readonly string[]> = [];
  let rest = text;
  for (;;) {
    const split = splitShellWords(rest);
    if (split.kind === 'words') {
      return [...commands, split.words];
    }
    const operator = split.position - 1;
    // The "2" of "2>&1" is no word.
    const before = splitShellWords(rest.slice(0, operator).replace(/\s\d$/, ''));
    commands.push(before.kind === 'words' ? before.words : []);
    rest = rest.slice(operator + 1);
  }
}
