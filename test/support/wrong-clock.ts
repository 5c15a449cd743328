import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const LIBRARY = 'libfaketime.so.1';

/**
 * The assignments that give a command of a shell another wall clock, and leave the monotonic one and the uptime alone.
 * Undefined where libfaketime is not installed.
 */
export function wrongClock(seconds: number): string | undefined {
  const library = findLibrary();
  return library === undefined
    ? undefined
    : `LD_PRELOAD=${library} FAKETIME=${seconds < 0 ? '' : '+'}${seconds}s FAKETIME_DONT_FAKE_MONOTONIC=1 DONT_FAKE_MONOTONIC=1`;
}

/** Each system has it elsewhere: Debian in a folder by the machine's kind. */
function findLibrary(): string | undefined {
  const folders = ['/usr/lib', '/usr/lib64', '/usr/local/lib'].filter(existsSync);
  const nested = folders.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
  return [...folders, ...nested]
    .map((folder) => join(folder, 'faketime', LIBRARY))
    .find((path) => existsSync(path));
}
