import { closeSync, constants, fchmodSync, fchownSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makePrivateFolder } from './private-folder.ts';
import type { Identity } from './users.ts';

/**
 * Opens text as a file without a name, at its begin. The user as whom a command runs owns it, so that the command may
 * open /dev/stdin as well. Whoever opens it closes it.
 *
 * @throws Error when no folder for it is writable, or its disk is full
 */
export function openInput(text: string, identity: Identity | undefined): number {
  const folder = makePrivateFolder('a file for the input');
  const path = join(folder, 'input');
  try {
    writeFileSync(path, text, { mode: 0o600, flag: 'wx' });
    const descriptor = openSync(path, constants.O_RDONLY);
    try {
      fchmodSync(descriptor, 0o400);
      if (identity?.switches === true && identity.user !== undefined) {
        fchownSync(descriptor, identity.user.uid, identity.user.gid);
      }
      return descriptor;
    } catch (thrown) {
      closeSync(descriptor);
      throw thrown;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
