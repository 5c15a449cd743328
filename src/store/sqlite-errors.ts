import { DatabaseError, messageOf, PeriodicCronError } from '../core/errors.ts';

/** True for an error that only says that another process holds the lock just now. */
export function isBusy(error: unknown): boolean {
  return codeOf(error).startsWith('SQLITE_BUSY');
}

/**
 * The error that the user sees for one of SQLite's: one line with the path and the remedy. Errors that SQLite did not
 * raise, and its complaints about a statement of ours, come back as they are: they are faults of this program.
 */
export function databaseErrorOf(error: unknown, path: string): unknown {
  if (error instanceof PeriodicCronError) {
    return error;
  }
  const code = codeOf(error);
  const remedy = REMEDIES.find(([prefix]) => code.startsWith(prefix));
  return remedy === undefined
    ? error
    : new DatabaseError(remedy[1](path, messageOf(error)), { cause: error });
}

type Remedy = (path: string, message: string) => string;

const REMEDIES: ReadonlyArray<readonly [string, Remedy]> = [
  [
    'SQLITE_BUSY',
    (path) =>
      `database ${path} stayed locked by another process for too long: end that process (for example with "fuser ${path}") or try again later`,
  ],
  [
    'SQLITE_FULL',
    (path) =>
      `database ${path} cannot grow, its disk (or page limit) is full: free space there, then try again`,
  ],
  [
    'SQLITE_NOTADB',
    (path) =>
      `${path} is not a SQLite database: name another file with --database sqlite:PATH, or move this one away`,
  ],
  [
    'SQLITE_READONLY',
    (path) =>
      `database ${path} is not writable for this user: run as its owner, or change the owner of the file and its folder`,
  ],
  [
    'SQLITE_CANTOPEN',
    (path) =>
      `database ${path} cannot be opened: check that its folder exists and that this user may write to it`,
  ],
  [
    'SQLITE_CORRUPT',
    (path, message) =>
      `database ${path} is damaged (${message}): restore it from a backup, or run "sqlite3 ${path} .recover"`,
  ],
  [
    'SQLITE_IOERR',
    (path, message) => `database ${path} cannot be read or written (${message}): check its disk`,
  ],
  ['SQLITE_PERM', (path) => `database ${path} may not be opened by this user: run as its owner`],
  ['SQLITE_AUTH', (path) => `database ${path} may not be opened by this user: run as its owner`],
];

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
