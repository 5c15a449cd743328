import { accessSync, closeSync, constants, mkdirSync, openSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseError, messageOf } from '../core/errors.ts';
import type { SqliteOptions } from './sqlite.ts';

const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

/**
 * Makes sure that there is a file to open, and says why not in terms of the path: SQLite's own "unable to open database
 * file" leaves the user guessing. Returns true when it created the file (mode 0600, a new folder 0700).
 *
 * @throws DatabaseError
 */
export function createSqliteFile(path: string, options: SqliteOptions): boolean {
  const found = statOf(path);
  if (found?.isDirectory()) {
    throw new DatabaseError(
      `database ${path} is a directory: name a file in it, for example --database sqlite:${path}/periodic-cron.sqlite`,
    );
  }
  if (found !== undefined) {
    refuseUnreadable(path);
    return false;
  }
  const folder = dirname(path);
  if (options.createFolder !== true) {
    refuseMissingFolder(folder, path);
  }
  if (!options.create) {
    throw new DatabaseError(
      `there is no database ${path} yet: "periodic-cron add" or the first run_scheduled creates it`,
    );
  }
  if (options.createFolder === true) {
    createFolder(folder, path);
  }
  return createFile(path);
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT') {
      return undefined;
    }
    throw new DatabaseError(
      `database ${path} cannot be reached (${messageOf(error)}): check the path and the rights on its folders`,
      {
        cause: error,
      },
    );
  }
}

function refuseUnreadable(path: string): void {
  try {
    accessSync(path, constants.R_OK);
  } catch (error) {
    throw new DatabaseError(`database ${path} may not be read by this user: run as its owner`, {
      cause: error,
    });
  }
}

function refuseMissingFolder(folder: string, path: string): void {
  const found = statOf(folder);
  if (found === undefined) {
    throw new DatabaseError(
      `the folder of database ${path} does not exist: create ${folder}, or correct the path`,
    );
  }
  if (!found.isDirectory()) {
    throw new DatabaseError(
      `${folder}, the folder of database ${path}, is not a directory: correct the path`,
    );
  }
}

function createFolder(folder: string, path: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: FOLDER_MODE });
  } catch (error) {
    throw new DatabaseError(
      `the folder of database ${path} cannot be created (${messageOf(error)}): create it, or name another file with --database sqlite:PATH`,
      { cause: error },
    );
  }
}

function createFile(path: string): boolean {
  try {
    closeSync(openSync(path, 'wx', FILE_MODE));
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') {
      return false;
    }
    throw new DatabaseError(
      `database ${path} cannot be created (${messageOf(error)}): check that this user may write to ${dirname(path)}`,
      { cause: error },
    );
  }
}
