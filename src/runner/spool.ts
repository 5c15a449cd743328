import {
  closeSync,
  constants,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { messageOf } from '../core/errors.ts';
import { failpoint } from '../store/failpoint.ts';
import { readSpooledEnd, type SpooledEnd } from './spooled-end.ts';

/** Files in which results wait for a database that can be written again. */
export type Spool = {
  readonly databaseId: string;
  /** Stores a result, on disk when this returns. Throws when no folder takes it. */
  readonly keep: (spooled: SpooledEnd) => void;
  /** Settles what runners left that died while they wrote a result: a whole one waits from now on, a part of one goes. */
  readonly settle: () => void;
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
const OTHERS_MAY_WRITE = 0o022;
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const FILE_NAME = /^[0-9a-f-]{36}\.json$/;
/** A result that is being written: where it will be, and by which process. */
const DRAFT_NAME = /^([0-9a-f-]{36}\.json)\.(\d+)\.tmp$/;

/**
 * A spool over folders of which the first that works is used: the disk that is too full for the database is often the
 * one on which the first folder lies.
 */
export function openSpool(folders: readonly string[], databaseId: string): Spool {
  const own = folders.map((folder) => join(folder, databaseId));
  return {
    databaseId,
    keep: (spooled) => keepInFirst(own, spooled),
    settle: () => own.forEach(settleFolder),
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

/** Its parent belongs to the spool as well: whoever may write to that could put another folder in its place. */
function prepareFolder(folder: string): void {
  for (const path of [dirname(folder), folder]) {
    mkdirSync(path, { recursive: true, mode: FOLDER_MODE });
    const fault = faultOfFolder(path);
    if (fault !== undefined) {
      throw new Error(fault);
    }
  }
}

/** A folder in a shared place such as /tmp could be somebody else's trap. */
function faultOfFolder(path: string): string | undefined {
  const found = lstatSync(path);
  const uid = process.getuid?.();
  if (!found.isDirectory() || (uid !== undefined && found.uid !== uid)) {
    return `${path} is not a folder of this user`;
  }
  return (found.mode & OTHERS_MAY_WRITE) === 0 ? undefined : `others may write to ${path}`;
}

function writeDurably(folder: string, name: string, text: string): void {
  const target = join(folder, name);
  const temporary = `${target}.${process.pid}.tmp`;
  const file = openSync(temporary, NEW_FILE, FILE_MODE);
  try {
    failpoint('spool.opened');
    writeAndClose(file, text);
    failpoint('spool.written');
    renameSync(temporary, target);
    failpoint('spool.renamed');
  } catch (error) {
    ignoreMissing(() => unlinkSync(temporary));
    throw error;
  }
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
    failpoint('spool.synced');
  } finally {
    closeSync(handle);
  }
}

function writeAndClose(file: number, text: string): void {
  try {
    writeFileSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function listFolder(folder: string): SpoolFile[] {
  return namesIn(folder)
    .filter((name) => FILE_NAME.test(name))
    .sort()
    .flatMap((name) => readResult(join(folder, name)));
}

function settleFolder(folder: string): void {
  for (const name of namesIn(folder)) {
    settleDraft(folder, name);
  }
}

/** A process that is alive after all, where it cannot be seen, finds its draft gone and takes the next folder. */
function settleDraft(folder: string, name: string): void {
  const [, target, pid] = DRAFT_NAME.exec(name) ?? [];
  if (target === undefined || isAlive(Number(pid))) {
    return;
  }
  const draft = join(folder, name);
  ignoreMissing(() => {
    const [read] = readResult(draft);
    if (read?.kind === 'result') {
      renameSync(draft, join(folder, target));
    } else {
      unlinkSync(draft);
    }
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
  }
}

function namesIn(folder: string): string[] {
  try {
    const isSafe = [dirname(folder), folder].every((path) => faultOfFolder(path) === undefined);
    return isSafe ? readdirSync(folder) : [];
  } catch {
    // No folder, no results: it is made when the first one has to be kept.
    return [];
  }
}

function readResult(file: string): SpoolFile[] {
  try {
    if (!lstatSync(file).isFile()) {
      return [{ kind: 'unreadable', file, message: 'it is not a file' }];
    }
    const read = readSpooledEnd(JSON.parse(readFileSync(file, 'utf8')));
    return [read.kind === 'result' ? { ...read, file } : { kind: 'unreadable', file, message: read.message }];
  } catch (error) {
    // Another tick may just have recorded it.
    const gone = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    return gone ? [] : [{ kind: 'unreadable', file, message: messageOf(error) }];
  }
}

function ignoreMissing(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) {
      throw error;
    }
  }
}
