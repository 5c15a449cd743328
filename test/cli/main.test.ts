import { Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import type { RunScheduledFlags } from '../../src/cli/arguments.ts';
import type { Context } from '../../src/cli/context.ts';
import { main } from '../../src/cli/main.ts';
import type { Output } from '../../src/cli/output.ts';
import { DatabaseError } from '../../src/core/errors.ts';
import { brokenStream, type FakeIo, fakeIo } from './fake-io.ts';

type Tick = (flags: RunScheduledFlags, context: Context) => Promise<number>;
const unused: Tick = () => Promise.reject(new Error('no tick was meant'));

type Call = { readonly io?: FakeIo; readonly tick?: Tick };

async function call(line: string, { io = fakeIo(), tick = unused }: Call = {}) {
  const exitCode = await main(line === '' ? [] : line.split(' '), io, {
    loadTick: () => Promise.resolve({ runScheduled: tick }),
    loadProgram: () => import('../../src/cli/program.ts'),
  });
  return { exitCode, ...io.printed };
}

function failing(thrown: unknown): Tick {
  return () => Promise.reject(thrown);
}

/** A tick that speaks and does nothing else. */
function speaking(speak: (output: Output) => void): Tick {
  return (_flags, { output }) => {
    speak(output);
    return Promise.resolve(0);
  };
}

describe('a call of run_scheduled', () => {
  test('hands over its flags and returns the exit code', async () => {
    const tick: Tick = async (flags, { output, loadConfig }) => {
      const { node, database } = await loadConfig(flags);
      output.line(JSON.stringify({ cron: flags.cron, json: output.isJson, node, database: database.url }));
      return 1;
    };
    expect(await call('--json run_scheduled -c -n beta', { tick })).toEqual({
      exitCode: 1,
      out: '{"cron":true,"json":true,"node":"beta","database":"sqlite:/home/ann/.local/state/periodic-cron/periodic-cron.sqlite"}\n',
      err: '',
    });
  });

  test('with a wrong flag is one line and exit code 2', async () => {
    expect(await call('run_scheduled --dryrn')).toEqual({
      exitCode: 2,
      out: '',
      err: "periodic-cron: run_scheduled: unknown option '--dryrn' (did you mean --dryrun?)\n",
    });
  });

  test('prints its help', async () => {
    const { exitCode, out, err } = await call('run_scheduled --help');
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    expect(out).toContain('Usage: periodic-cron run_scheduled [options]');
    expect(out).toContain('-d, --dryrun');
    expect(out).toContain('--database <URL>');
    expect(out).toContain('*/5 * * * * periodic-cron run_scheduled -c');
  });

  test.each(['-vv run_scheduled', '-- run_scheduled'])(
    'behind %s is told what may stand there',
    async (line) => {
      expect(await call(line)).toEqual({
        exitCode: 2,
        out: '',
        err: 'periodic-cron: expected only --config, --database, --json, --no-color and -v before run_scheduled; its own flags stand after it\n',
      });
    },
  );
});

describe('a fault', () => {
  test('of the database is its message in one line, and its exit code', async () => {
    const tick = failing(new DatabaseError('cannot open /x\nno such folder\x1b[2J'));
    expect(await call('run_scheduled', { tick })).toEqual({
      exitCode: 3,
      out: '',
      err: 'periodic-cron: cannot open /x no such folder\\x1b[2J\n',
    });
  });

  test('tells its cause with -v', async () => {
    const tick = failing(new DatabaseError('cannot open /x', { cause: new Error('SQLITE_CANTOPEN') }));
    expect((await call('run_scheduled -cv', { tick })).err).toBe(
      'periodic-cron: cannot open /x\nperiodic-cron: caused by: SQLITE_CANTOPEN\n',
    );
  });

  test('of the program hides its stack', async () => {
    const tick = failing(new TypeError('x is undefined'));
    expect(await call('run_scheduled', { tick })).toEqual({
      exitCode: 70,
      out: '',
      err: 'periodic-cron: internal error: x is undefined; run with -v for details\n',
    });
  });

  test('of the program shows its stack with -v', async () => {
    const tick = failing(new TypeError('x is undefined'));
    const { exitCode, err } = await call('run_scheduled -v', { tick });
    expect(exitCode).toBe(70);
    expect(err).toMatch(
      /^periodic-cron: internal error: x is undefined\nTypeError: x is undefined\n {4}at .*main\.test\.ts/,
    );
  });

  test('that is no error is told too', async () => {
    const tick = failing(undefined);
    expect((await call('run_scheduled', { tick })).err).toBe(
      'periodic-cron: internal error: threw undefined; run with -v for details\n',
    );
  });

  test('stays text on stderr with --json', async () => {
    const tick = failing(new DatabaseError('cannot open /x'));
    expect(await call('run_scheduled --json', { tick })).toEqual({
      exitCode: 3,
      out: '',
      err: 'periodic-cron: cannot open /x\n',
    });
  });
});

describe('the program', () => {
  test('without words prints its help on stderr', async () => {
    const { exitCode, out, err } = await call('');
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
    expect(err).toContain('Usage: periodic-cron [options] [command]');
  });

  test('prints its help', async () => {
    const { exitCode, out, err } = await call('--help');
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    expect(out).toContain('run_scheduled');
    expect(out).toContain('print a sample configuration file');
  });

  test('prints its version', async () => {
    const { exitCode, out, err } = await call('--version');
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    expect(out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test.each([
    ['cnfig', "periodic-cron: unknown command 'cnfig' (did you mean config?)\n"],
    ['runscheduled', "periodic-cron: unknown command 'runscheduled' (did you mean run_scheduled?)\n"],
    ['--jsn config sample', "periodic-cron: unknown option '--jsn' (did you mean --json?)\n"],
    ['config sample --jsn', "periodic-cron: unknown option '--jsn' (did you mean --json?)\n"],
    ['config smple', "periodic-cron: unknown command 'smple' (did you mean sample?)\n"],
    ['config sample --config', "periodic-cron: option '--config <FILE>' argument missing\n"],
    [
      'config sample more',
      "periodic-cron: too many arguments for 'sample'. Expected 0 arguments but got 1.\n",
    ],
  ])('refuses "%s" in one line', async (line, err) => {
    expect(await call(line)).toEqual({ exitCode: 2, out: '', err });
  });

  test('with half a command prints the help of it on stderr', async () => {
    const { exitCode, out, err } = await call('config');
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
    expect(err).toContain('Usage: periodic-cron config [options] [command]');
  });

  test.each(['config sample --json', '--json config sample', 'config --json sample'])(
    'prints one JSON document for "%s"',
    async (line) => {
      const { exitCode, out, err } = await call(line);
      expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
      expect(Object.keys(JSON.parse(out))).toEqual(['sample']);
    },
  );
});

describe('output', () => {
  test('whose reader went away ends quietly', async () => {
    expect(await call('config sample', { io: fakeIo({ stdout: brokenStream('EPIPE') }) })).toEqual({
      exitCode: 0,
      out: '',
      err: '',
    });
  });

  test('that cannot be written is a fault', async () => {
    expect(await call('config sample', { io: fakeIo({ stdout: brokenStream('ENOSPC') }) })).toEqual({
      exitCode: 70,
      out: '',
      err: 'periodic-cron: cannot write the output: ENOSPC: write\n',
    });
  });

  test('that comes after the reader went away is dropped', async () => {
    const tick: Tick = async (_flags, { output }) => {
      for (let line = 0; line < 100; line += 1) {
        output.line('again');
        await Promise.resolve();
      }
      return 0;
    };
    const io = fakeIo({ stdout: brokenStream('EPIPE') });
    expect(await call('run_scheduled', { io, tick })).toEqual({ exitCode: 0, out: '', err: '' });
  });

  test('does not hide how a tick ended when its reader went away', async () => {
    const tick: Tick = (_flags, { output }) => {
      output.line('failed');
      return Promise.resolve(1);
    };
    const io = fakeIo({ stdout: brokenStream('EPIPE') });
    expect((await call('run_scheduled', { io, tick })).exitCode).toBe(1);
  });

  test('is complete before the call ends', async () => {
    let taken = '';
    const stdout = new Writable({
      write(chunk, _encoding, done) {
        setImmediate(() => {
          taken += String(chunk);
          done();
        });
      },
    });
    const tick = speaking((output) => {
      output.line('first');
      output.line('last');
    });
    await call('run_scheduled', { io: fakeIo({ stdout }), tick });
    expect(taken).toBe('first\nlast\n');
  });

  test('of a note is one harmless line on stderr', async () => {
    const tick = speaking((output) => output.note('database /a\x1b[2J\n  is new'));
    expect((await call('run_scheduled', { tick })).err).toBe('periodic-cron: database /a\\x1b[2J is new\n');
  });

  test('as a table fits the terminal', async () => {
    const columns = [
      { title: 'NAME', value: (name: string) => name },
      { title: 'LENGTH', value: (name: string) => String(name.length), align: 'right' as const },
    ];
    const tick = speaking((output) => output.table(columns, ['a very long name of a task']));
    const env = { TERM: 'dumb', HOME: '/home/ann' };
    const terminal = { io: fakeIo({ stdoutIsTerminal: true, columns: 20, env }), tick };
    expect((await call('run_scheduled', terminal)).out).toBe('NAME          LENGTH\na very long…      26\n');
  });

  test('as JSON is one document', async () => {
    const tick = speaking((output) => output.document({ runs: [], at: undefined }));
    expect((await call('run_scheduled --json', { tick })).out).toBe('{\n  "runs": []\n}\n');
  });
});
