import {
  closeSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../core/errors.ts';
import { isJsonObject } from '../core/json.ts';
import { RUN_STATUSES } from '../core/state.ts';
import type { RetryPolicy } from '../core/transitions.ts';
import type { RunEnd } from '../store/finish.ts';

/** A result that the database did not take. */
export type SpooledEnd = {
  readonly token: string;
  readonly databaseId: string;
  readonly task: string;
  readonly end: RunEnd;
  readonly policy: RetryPolicy;
};

/** Files in which results wait for a database that can be written again. */
export type Spool = {
  readonly databaseId: string;
  /** Stores a result, on disk when this returns. Throws when no folder takes it. */
  readonly keep: (spooled: SpooledEnd) => void;
  /** The results that wait, and the files that cannot be read. */
  readonly list: () => readonly SpoolFile[];
  /** Removes a result that was recorded. */
  readonly drop: (file: string) => void;
  /** Puts a file aside that can never be recorded, for people to look at. */
  readonly reject: (file: string) => string;
};

export type SpoolFile =
  | { readonly kind: 'result'; readonly file: string; readonly spooled: SpooledEnd }
  | { readonly kind: 'unreadable'; readonly file: string; readonly message: string };

const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
const FILE_NAME = /^[0-9a-f-]{36}\.json$/;

/**
 * A spool over folders of which the first that works is used: the disk that is too full for the database is often the
 * one on which the first folder lies.
 */
export function openSpool(folders: readonly string[], databaseId: string): Spool {
  const own = folders.map((folder) => join(folder, databaseId));
  return {
    databaseId,
    keep: (spooled) => keepInFirst(own, spooled),
    list: () => own.flatMap(listFolder),
    drop: (file) => ignoreMissing(() => unlinkSync(file)),
    reject: (file) => {
      const aside = `${file}.rejected`;
      ignoreMissing(() => renameSync(file, aside));
      return aside;
    },
  };
}

function keepInFirst(folders: readonly string[], spooled: SpooledEnd): void {
  const problems: string[] = [];
  for (const folder of folders) {
    try {
      prepareFolder(folder);
      writeDurably(folder, `${spooled.token}.json`, JSON.stringify(spooled));
      return;
    } catch (error) {
      problems.push(`${folder}: ${messageOf(error)}`);
    }
  }
  throw new Error(`no spool folder takes the result (${problems.join('; ')})`);
}

/** A folder in a shared place such as /tmp could be somebody else's trap. */
function prepareFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: FOLDER_MODE });
  const found = lstatSync(folder);
  const uid = process.getuid?.();
  if (!found.isDirectory() || (uid !== undefined && found.uid !== uid)) {
    throw new Error('it is not a folder of this user');
  }
}

function writeDurably(folder: string, name: string, text: string): void {
  const target = join(folder, name);
  const temporary = `${target}.${process.pid}.tmp`;
  const file = openSync(temporary, 'w', FILE_MODE);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, target);
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function listFolder(folder: string): SpoolFile[] {
  return namesIn(folder)
    .filter((name) => FILE_NAME.test(name))
    .sort()
    .flatMap((name) => readResult(join(folder, name)));
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // No folder, no results: it is made when the first one has to be kept.
    return [];
  }
}

function readResult(file: string): SpoolFile[] {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return isSpooledEnd(value)
      ? [{ kind: 'result', file, spooled: value }]
      : [{ kind: 'unreadable', file, message: 'it does not hold a result' }];
  } catch (error) {
    // Another tick may just have recorded it.
    const gone = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    return gone ? [] : [{ kind: 'unreadable', file, message: messageOf(error) }];
  }
}

/** As far as recording it relies on; a file that was damaged or written by hand must not stop every tick. */
function isSpooledEnd(value: unknown): value is SpooledEnd {
  return (
    isJsonObject(value) &&
    typeof value['token'] === 'string' &&
    isRunEnd(value['end']) &&
    isJsonObject(value['policy']) &&
    Array.isArray(value['policy']['retryOn'])
  );
}

function isRunEnd(end: unknown): boolean {
  return (
    isJsonObject(end) &&
    END_STATUSES.has(end['status']) &&
    Number.isSafeInteger(end['endedAt']) &&
    isJsonObject(end['output']) &&
    typeof end['output']['text'] === 'string' &&
    typeof end['output']['bytes'] === 'number'
  );
}

const END_STATUSES: ReadonlySet<unknown> = new Set(
  RUN_STATUSES.filter((status) => status !== 'running' && status !== 'skipped'),
);

function ignoreMissing(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) {
      throw error;
    }
  }
}
