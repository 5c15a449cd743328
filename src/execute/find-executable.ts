import { accessSync, constants, type Stats, statSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';

export type FoundExecutable =
  | { readonly kind: 'found'; readonly file: string }
  | { readonly kind: 'fault'; readonly message: string };

/** Where a program is looked for. */
export type SearchPlace = {
  /** The variable PATH; without it the system's own folders count. */
  readonly path: string | undefined;
  /** A name with a slash counts from here, as do the parts of PATH that are not absolute. */
  readonly cwd: string;
};

/**
 * Finds the program that a command's first word names, as `execvp` would, so that a command that is missing, or that
 * this user may not execute, is told apart from one that fails.
 */
export function findExecutable(name: string, { path, cwd }: SearchPlace): FoundExecutable {
  if (name.includes('/')) {
    const file = resolve(cwd, name);
    const fault = faultOf(file);
    return fault === undefined
      ? { kind: 'found', file }
      : { kind: 'fault', message: `expected an executable file, got ${file}, ${fault}` };
  }
  const searched = path ?? DEFAULT_PATH;
  const candidates = searched
    .split(':')
    .map((folder) => join(isAbsolute(folder) ? folder : resolve(cwd, folder), name));
  const file = candidates.find((candidate) => faultOf(candidate) === undefined);
  return file === undefined
    ? { kind: 'fault', message: messageOfMissing(name, candidates, searched) }
    : { kind: 'found', file };
}

/**
 * Finds a standard tool in the runner's PATH and where the system keeps its tools. It is never one of the folder that the
 * runner happens to be in, which an empty part of PATH would mean: others may write there.
 */
export function findTool(tool: string, purpose: string): FoundExecutable {
  const path = [process.env['PATH'], '/usr/sbin:/usr/bin:/sbin:/bin'].filter(Boolean).join(':');
  const found = findExecutable(tool, { path, cwd: '/' });
  return found.kind === 'found'
    ? found
    : { kind: 'fault', message: `${purpose} needs the program ${tool}, which is not installed` };
}

const DEFAULT_PATH = '/usr/bin:/bin';
const MISSING = 'which does not exist';

function faultOf(file: string): string | undefined {
  const stat = statOf(file);
  if (typeof stat === 'string') {
    return stat;
  }
  if (!stat.isFile()) {
    return stat.isDirectory() ? 'which is a directory' : 'which is no file';
  }
  try {
    accessSync(file, constants.X_OK);
    return undefined;
  } catch {
    return 'which this user may not execute';
  }
}

function statOf(file: string): Stats | string {
  try {
    return statSync(file, { throwIfNoEntry: false }) ?? MISSING;
  } catch (thrown) {
    // A part of the path that is no folder, such as a file in PATH, is as good as missing.
    const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
    return code === 'EACCES' ? 'which this user may not look at' : MISSING;
  }
}

function messageOfMissing(name: string, candidates: readonly string[], searched: string): string {
  const [unusable] = candidates.filter((candidate) => faultOf(candidate) !== MISSING);
  const hint = unusable === undefined ? '' : `; there is ${unusable}, ${faultOf(unusable)}`;
  return `command not found: ${JSON.stringify(name)} (looked in PATH ${searched})${hint}`;
}
