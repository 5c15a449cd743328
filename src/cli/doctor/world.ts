import { execFileSync } from 'node:child_process';
import { accessSync, constants, readdirSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { localTimezone } from '../../config/local-zone.ts';
import { findExecutable } from '../../execute/find-executable.ts';
import { actorName } from '../actor.ts';
import type { Io } from '../io.ts';

export type FileFacts = {
  /** The rights alone, such as 0o600. */
  readonly mode: number;
  readonly uid: number;
  /** By this user. */
  readonly isWritable: boolean;
};

/** The machine around the program, as far as an examination looks at it. Tests hand in their own. */
export type World = {
  readonly user: string;
  readonly home: string;
  /** IANA name of the zone by which cron reads its times. */
  readonly timezone: string;
  /** Reads a file as UTF-8 text and throws as `node:fs` does. */
  readonly readText: (path: string) => string;
  /** The names in a folder; none if it cannot be read. */
  readonly namesIn: (folder: string) => readonly string[];
  /** What `crontab -l` prints; empty when this user has no crontab. */
  readonly ownCrontab: () => string;
  /** Undefined when there is no such file, or it cannot be looked at. */
  readonly fileFacts: (path: string) => FileFacts | undefined;
  /** What this user may still write beside a file. */
  readonly freeBytes: (path: string) => number | undefined;
  /** True when the search path leads to a program of that name, or the name is the path of one. */
  readonly hasProgram: (name: string, place: { readonly path: string; readonly cwd: string }) => boolean;
  /** Undefined where nobody can tell. */
  readonly isCronRunning: () => boolean | undefined;
};

/** The real world. */
export function systemWorld(io: Io): World {
  return {
    user: actorName(io.uid),
    home: io.env['HOME'] ?? homeOfUser(),
    // The variable TZ of a crontab is for its commands; cron itself goes by the system's zone.
    timezone: localTimezone({}),
    readText: (path) => readFileSync(path, 'utf8'),
    namesIn,
    ownCrontab: () => ownCrontab(io.env),
    fileFacts,
    freeBytes,
    hasProgram: (name, place) => findExecutable(name, place).kind === 'found',
    isCronRunning,
  };
}

function homeOfUser(): string {
  try {
    return userInfo().homedir;
  } catch {
    // A user id without an account.
    return '/';
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

function ownCrontab(env: Io['env']): string {
  try {
    return execFileSync('crontab', ['-l'], { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    // No crontab, or no such program: cron is then not installed, or this user may not use it.
    return '';
  }
}

function fileFacts(path: string): FileFacts | undefined {
  try {
    const { mode, uid } = statSync(path);
    return { mode: mode & 0o7777, uid, isWritable: isWritable(path) };
  } catch {
    return undefined;
  }
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function freeBytes(path: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}

const CRON_NAMES = new Set(['cron', 'crond', 'fcron']);

function isCronRunning(): boolean | undefined {
  if (process.platform !== 'linux') {
    return undefined;
  }
  return namesIn('/proc').some((name) => /^\d+$/.test(name) && CRON_NAMES.has(commandOf(name)));
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    // It has ended meanwhile.
    return '';
  }
}
