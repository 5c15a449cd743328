import type { SessionOptions } from './server-driver.ts';

const PROGRAM = 'periodic-cron';
/** PostgreSQL cuts a longer name. */
const LONGEST_BYTES = 63;

/** What a connection calls itself, for whoever looks at a server's list of sessions: the program, and its node if known. */
export function programNameOf({ node }: Pick<SessionOptions, 'node'>): string {
  let name = '';
  for (const character of node === undefined ? PROGRAM : `${PROGRAM}@${node}`) {
    if (Buffer.byteLength(name + character) > LONGEST_BYTES) {
      break;
    }
    name += character;
  }
  return name;
}
