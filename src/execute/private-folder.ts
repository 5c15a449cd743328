import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../core/errors.ts';

/**
 * Makes a folder that only this user may enter, in memory where that is possible. Whoever makes it removes it.
 *
 * @throws Error when no place for it is writable
 */
export function makePrivateFolder(purpose: string): string {
  const places = ['/dev/shm', tmpdir()];
  let lastFault: unknown;
  for (const place of places) {
    try {
      return mkdtempSync(join(place, 'periodic-cron-'));
    } catch (thrown) {
      lastFault = thrown;
    }
  }
  throw new Error(`expected to make ${purpose} in ${places.join(' or ')}: ${messageOf(lastFault)}`, {
    cause: lastFault,
  });
}
