import { Readable, Writable } from 'node:stream';
import type { Io } from '../../src/cli/io.ts';

export type FakeIo = Io & { readonly printed: { out: string; err: string } };

/** A world with its own streams, an empty environment and no terminal. */
export function fakeIo(changes: Partial<Io> = {}): FakeIo {
  const printed = { out: '', err: '' };
  return {
    stdin: Readable.from([]),
    stdout: collect((text) => {
      printed.out += text;
    }),
    stderr: collect((text) => {
      printed.err += text;
    }),
    stdinIsTerminal: false,
    stdoutIsTerminal: false,
    stderrIsTerminal: false,
    columns: undefined,
    env: { HOME: '/home/ann' },
    cwd: '/nowhere',
    uid: 1000,
    hostName: 'alpha',
    now: () => Date.UTC(2026, 10, 21),
    ...changes,
    printed,
  };
}

function collect(take: (text: string) => void): Writable {
  return new Writable({
    write(chunk, _encoding, done) {
      take(String(chunk));
      done();
    },
  });
}

/** A stream that refuses every write with an error of this code. */
export function brokenStream(code: string): Writable {
  return new Writable({
    write(_chunk, _encoding, done) {
      done(Object.assign(new Error(`${code}: write`), { code }));
    },
  });
}
