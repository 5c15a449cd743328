import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import { childEntryPath } from './child-entry-path.ts';
import { ownMark, RUNNER_VARIABLE } from './child-mark.ts';
import { dataLimit, heapArguments } from './child-memory.ts';
import type { ChildSpec } from './child-worker.ts';
import { environmentOfRun, environmentOfUser, inheritedEnvironment } from './environment.ts';
import type { ChildLimits, RunFacts } from './execution.ts';
import { findIdentity, type Identity } from './users.ts';
import { wrapProgram } from './wrapper-chain.ts';

export type ChildPlace =
  | { readonly kind: 'place'; readonly spec: ChildSpec }
  | { readonly kind: 'fault'; readonly message: string };

type Wanted = {
  readonly limits: ChildLimits;
  /** Who says that it is to be this user, for messages. */
  readonly userFrom?: string;
  /** The module's file. */
  readonly file: string;
  /** The first run that the child is to serve. */
  readonly run: RunFacts;
};

/**
 * Says how the child process for a file is to be started: as the user and with the memory that the task names. What the
 * runner may not do, or that user may not read, is a fault, and nothing has been started then.
 */
export async function findPlace({ limits, file, run, userFrom = 'run_user' }: Wanted): Promise<ChildPlace> {
  const found = limits.user === null ? undefined : await findIdentity({ user: limits.user });
  if (found?.kind === 'fault') {
    return { kind: 'fault', message: `${userFrom}: ${found.message}` };
  }
  const identity = found?.identity;
  const base = identity?.user === undefined ? inheritedEnvironment() : environmentOfUser(identity.user);
  const env = environmentOfRun(run, { [RUNNER_VARIABLE]: ownMark() }, base);
  const unreadable = identity === undefined ? undefined : await faultOfReading(identity, file);
  if (unreadable !== undefined) {
    return { kind: 'fault', message: `${userFrom}: ${unreadable}` };
  }
  const { memoryBytes } = limits;
  const wrapped = wrapProgram(
    { file: process.execPath, args: [...heapArguments(memoryBytes), childEntryPath()] },
    { identity, limits: memoryBytes === null ? {} : { data: dataLimit(memoryBytes), core: 0 } },
  );
  return wrapped.kind === 'fault'
    ? { kind: 'fault', message: `the child process cannot be started as the task asks: ${wrapped.message}` }
    : { kind: 'place', spec: { program: wrapped.program, env, cwd: folderOf(identity) } };
}

/** The runner's own folder may be closed to the user. */
function folderOf(identity: Identity | undefined): string | undefined {
  const home = identity?.user?.home;
  if (home === undefined) {
    return undefined;
  }
  return statSync(home, { throwIfNoEntry: false })?.isDirectory() === true ? home : '/';
}

// Only the system knows what all of a user's groups and the rights of every folder on the way come to.
const PROBE =
  '[ -x "$1" ] || { echo "$1"; exit 3; }; shift; for f; do [ -r "$f" ] || { echo "$f"; exit 3; }; done';
const UNREADABLE = 3;
const PROBE_LIMIT_MS = 10_000;

/** What of all that the child needs the user may not read; undefined when nothing. */
function faultOfReading(identity: Identity, file: string): Promise<string | undefined> {
  const shell = { file: '/bin/sh', args: ['-c', PROBE, 'sh', process.execPath, childEntryPath(), file] };
  const wrapped = wrapProgram(shell, { identity });
  if (wrapped.kind === 'fault') {
    return Promise.resolve(wrapped.message);
  }
  const { file: program, args } = wrapped.program;
  const who = `user ${JSON.stringify(identity.user?.name ?? String(identity.user?.uid))}`;
  const settings = { env: { PATH: '/usr/bin:/bin' }, cwd: '/', timeout: PROBE_LIMIT_MS };
  return new Promise((resolve) => {
    execFile(program, [...args], settings, (error, stdout, stderr) => {
      if (error === null) {
        resolve(undefined);
      } else if (error.code === UNREADABLE) {
        resolve(`expected files that ${who} may read, got ${stdout.trim()}`);
      } else {
        resolve(`nothing can be run as ${who}: ${stderr.trim() || error.message}`);
      }
    });
  });
}
