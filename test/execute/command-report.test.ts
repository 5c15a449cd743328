import { describe, expect, test, vi } from 'vitest';
import { DatabaseError } from '../../src/core/errors.ts';
import type { JsonValue } from '../../src/core/json.ts';
import { openCommandReport } from '../../src/execute/command-report.ts';
import { execute } from '../../src/execute/execute.ts';
import type { Progress } from '../../src/execute/execution.ts';
import { runShell } from '../support/commands.ts';
import { hostWith, requestWith } from '../support/execution.ts';

// Some of these wait for real processes, which take their time on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

function reportOf(...chunks: readonly string[]) {
  const progress: Progress[] = [];
  const said: string[] = [];
  const report = openCommandReport(hostWith({ progress: (made) => progress.push(made) }), (text) =>
    said.push(text),
  );
  const reader = report.open();
  for (const chunk of chunks) {
    reader.take(Buffer.from(chunk));
  }
  reader.end();
  return { reported: report.close(), progress, said };
}

describe('lines', () => {
  test('the last result and the last request to stop count', () => {
    const { reported } = reportOf('{"result":1}\n{"stop":"a"}\n{"result":{"b":2}}\n{"stop":"c"}\n');
    expect(reported).toEqual({ result: { b: 2 }, stopReason: 'c' });
  });

  test('a line may come in pieces, within a character, and lack its end', () => {
    const bytes = Buffer.from('{"result":"ü"}');
    const report = openCommandReport(hostWith(), () => undefined);
    const reader = report.open();
    for (const byte of bytes) {
      reader.take(Buffer.from([byte]));
    }
    reader.end();
    expect(report.close()).toEqual({ result: 'ü' });
  });

  test('a long line in the smallest of pieces takes a few buffers, and not one for each piece', () => {
    const text = `{"result":"${'a'.repeat(100_000)}"}`;
    const pieces = [...Buffer.from(text)].map((byte) => Buffer.of(byte));
    const report = openCommandReport(hostWith(), () => undefined);
    const reader = report.open();
    const spies = [vi.spyOn(Buffer, 'allocUnsafe'), vi.spyOn(Buffer, 'alloc'), vi.spyOn(Buffer, 'from')];
    for (const piece of pieces) {
      reader.take(piece);
    }
    const made = spies.reduce((sum, spy) => sum + spy.mock.calls.length, 0);
    for (const spy of spies) {
      spy.mockRestore();
    }
    reader.take(Buffer.from('\n{"stop":"b"}\n{"result'));
    reader.take(Buffer.from('":3}\n'));
    expect(report.close()).toEqual({ result: 3, stopReason: 'b' });
    expect(made).toBeLessThan(10);
  });

  test('of the progress in one piece the newest is told', () => {
    const line = (done: number) => `{"progress":{"done":${done},"total":9}}\n`;
    const { progress } = reportOf(line(1) + line(2), line(3));
    expect(progress).toEqual([
      { done: 2, total: 9 },
      { done: 3, total: 9 },
    ]);
  });

  test.each([
    [
      'words',
      'expected {"progress": …}, {"result": …}, {"state": …}, {"schedule": {…}}, {"postpone": "…"} or',
    ],
    ['words', ' or {"stop": "…"}, got "words"'],
    ['[1]', ' or {"stop": "…"}, got [1]'],
    ['{"postpone":7}', 'postpone: expected text, got 7'],
    ['{"schedule":{"name":"a"}}', 'schedule: expected either after or at, got neither'],
    [
      '{"schedule":{"name":"a","after":-1}}',
      'schedule: after: expected a whole number of ticks from 0 to 1000000, got -1',
    ],
    [
      '{"schedule":{"name":"a","after":1,"nodes":["b"]}}',
      'schedule: expected name, module, options, after, at, replace, got "nodes"',
    ],
    [
      '{"schedule":{"name":"a","at":"2026-02-31T00:00Z"}}',
      'as a Date or as text with an offset, got "2026-02-31T00:00Z"',
    ],
    ['{"schedule":{"name":"a","at":"2026-02-03T00:00"}}', 'as text with an offset, got "2026-02-03T00:00"'],
    ['{"result":1,"stop":"x"}', 'got {"result":1,"stop":"x"}'],
    ['{"finished":1}', 'got {"finished":1}'],
    ['{"progress":{"done":5,"total":3}}', 'progress: expected done from 0 to a positive total, got 5 of 3'],
    ['{"progress":7}', 'progress: expected done from 0 to a positive total, got nothing of nothing'],
    ['{"stop":""}', 'stop: expected a reason of 1 to 1000 characters, got ""'],
  ])('%j is ignored, and said', (line, message) => {
    const { reported, said } = reportOf(`\n{"result":1}\n${line}\n`);
    expect(reported).toEqual({ result: 1 });
    expect(said).toEqual([expect.stringContaining('[report line 3 ignored: ')]);
    expect(said[0]).toContain(message);
  });

  test('a result that is too large is ignored, and the one before counts', () => {
    const { reported, said } = reportOf('{"result":"kept"}\n', `{"result":"${'x'.repeat(1024 * 1024)}"}\n`);
    expect(reported).toEqual({ result: 'kept' });
    expect(said).toEqual([expect.stringContaining('line 2 ignored: result: expected at most 1048576 bytes')]);
  });

  test('a line without end is bounded', () => {
    const { said, reported } = reportOf(
      ...Array.from({ length: 40 }, () => 'x'.repeat(65_536)),
      '\n{"result":1}',
    );
    expect(said).toEqual([
      expect.stringContaining('line 1 ignored: expected at most 1048576 bytes, got more'),
    ]);
    expect(reported).toEqual({ result: 1 });
  });

  test('JSON that is nested without end is no trouble', () => {
    const { said } = reportOf(`{"result":${'['.repeat(400_000)}${']'.repeat(400_000)}}\n`);
    expect(said).toHaveLength(1);
  });

  test('a flood of bad lines is told to begin with and in sum', () => {
    const { said } = reportOf('bad\n'.repeat(999));
    expect(said).toHaveLength(11);
    expect(said.at(-1)).toBe('[989 more report lines ignored]\n');
  });

  test('after a thousand bad lines nothing more is read', () => {
    const { said, reported, progress } = reportOf(
      `{"result":1}\n${'bad\n'.repeat(1_000)}{"result":2}\n{"progress":{"done":1,"total":2}}\n`,
    );
    expect({ reported, progress }).toEqual({ reported: { result: 1 }, progress: [] });
    expect(said.at(-1)).toBe('[reports were not read any more after 1000 lines that are none]\n');
  });
});

describe('a command', () => {
  test('reports over descriptor 3, or by the name of it', async () => {
    const { outcome, progress } = await runShell(
      'echo \'{"progress":{"done":1,"total":2}}\' >&3; echo \'{"result":[1]}\' >"$PERIODIC_CRON_REPORT"',
    );
    expect(outcome).toEqual({ kind: 'succeeded', exitCode: 0, result: [1] });
    expect(progress).toEqual([{ done: 1, total: 2 }]);
  });

  test('asks never to be run again', async () => {
    const { outcome } = await runShell('echo \'{"stop":"all is done"}\' >&3');
    expect(outcome).toMatchObject({ kind: 'stopped', reason: 'all is done' });
  });

  test('that fails has reported nothing', async () => {
    const { outcome } = await runShell('echo \'{"stop":"all is done"}\' >&3; exit 2');
    expect(outcome).toEqual({ kind: 'failed', message: 'exited with status 2', exitCode: 2 });
  });

  test('is told in its output which line was ignored', async () => {
    const { text } = await runShell('echo hello >&3');
    expect(text).toMatch(/^\[report line 1 ignored: expected .*, got "hello"\]\n$/);
  });

  test('that leaves the descriptor to others does not keep the run open', async () => {
    const { outcome } = await runShell(
      '(sleep 3 >/dev/null 2>&1) & echo \'{"result":1}\' >&3',
      {},
      { timeoutMs: 2_500 },
    );
    expect(outcome).toMatchObject({ kind: 'succeeded', result: 1 });
  });

  test('whose hooks report as well keeps what was last', async () => {
    const { outcome } = await runShell('echo \'{"result":1}\' >&3', { after: 'echo \'{"result":2}\' >&3' });
    expect(outcome).toMatchObject({ result: 2 });
  });
});

describe('what a command asks for', () => {
  /** A host that writes down what it is asked, and refuses some of it. */
  function wishedHost(refused: Readonly<Record<string, Error>> = {}) {
    const asked: unknown[] = [];
    const answer = (name: string, what: unknown): Promise<void> => {
      asked.push(what);
      const error = refused[name];
      return error === undefined ? Promise.resolve() : Promise.reject(error);
    };
    const host = hostWith({
      schedule: (wish) => answer(wish.name, wish),
      postpone: (task) => answer(task, ['postpone', task]),
    });
    return { asked, host };
  }

  test('is done in its order, before the run has an end', async () => {
    const { asked, host } = wishedHost();
    const { outcome, text } = await runShell(
      `echo '{"schedule": {"name": " later ", "options": {"argv": ["true"]}, "after": 2}}' >&3
       echo '{"postpone": "smart"}' >&3
       echo '{"schedule": {"name": "then", "module": "sql", "at": "2026-11-21T02:00+01:00", "replace": true}}' >&3`,
      {},
      { host },
    );
    expect({ outcome, text }).toEqual({ outcome: { kind: 'succeeded', exitCode: 0 }, text: '' });
    expect(asked).toEqual([
      { name: 'later', options: { argv: ['true'] }, when: { kind: 'ticks', after: 2 }, replace: false },
      ['postpone', 'smart'],
      { name: 'then', module: 'sql', when: { kind: 'at', at: Date.UTC(2026, 10, 21, 1) }, replace: true },
    ]);
  });

  test('and is refused is told in the output, and fails nothing', async () => {
    const { host } = wishedHost({ smart: new Error('there is no task "smart"') });
    const { outcome, text } = await runShell(`echo '{"postpone": "smart"}' >&3`, {}, { host });
    expect(outcome).toMatchObject({ kind: 'succeeded' });
    expect(text).toBe('[report line 1 refused: there is no task "smart"]\n');
  });

  test('is asked no more once the database has not answered', async () => {
    const { asked, host } = wishedHost({ a: new DatabaseError('away') });
    const { text } = await runShell(`echo '{"postpone": "a"}\n{"postpone": "b"}' >&3`, {}, { host });
    expect(asked).toEqual([['postpone', 'a']]);
    expect(text).toBe('[report line 1 refused: away]\n[report line 2 refused: away]\n');
  });

  test('and is refused is told however many lines are none', async () => {
    const said: string[] = [];
    const postpone = () => Promise.reject(new Error('there is no task "smart"'));
    const report = openCommandReport(hostWith({ postpone }), (text) => said.push(text));
    const reader = report.open();
    reader.take(Buffer.from('noise\n'.repeat(12)));
    reader.take(Buffer.from('{"postpone":"smart"}\n'));
    reader.end();
    await report.settled();
    report.close();
    expect(said.slice(10)).toEqual([
      '[report line 13 refused: there is no task "smart"]\n',
      '[2 more report lines ignored]\n',
    ]);
  });

  test('is bounded', async () => {
    const { asked, host } = wishedHost();
    const { text } = await runShell(
      `for i in $(seq 120); do echo '{"postpone": "a"}'; done >&3`,
      {},
      { host },
    );
    expect(asked).toHaveLength(100);
    expect(text).toContain(
      '[report line 101 refused: expected at most 100 schedule and postpone in one run, got more]',
    );
    expect(text).toContain('[10 more report lines refused]');
  });
});

describe('the state of a command', () => {
  const kept = async (script: string, state?: JsonValue) => {
    const request = requestWith({ options: { command: script, shell: true }, state });
    const { outcome, output, state: next } = await execute(request);
    return { kind: outcome.kind, text: output.text, next };
  };

  test('is what it reported last, and is handed to its next run', async () => {
    const script = 'echo "[$PERIODIC_CRON_STATE]"; echo \'{"state": 1}\n{"state": {"seen": "ü"}}\' >&3';
    const first = await kept(script);
    expect(first).toEqual({ kind: 'succeeded', text: '[]\n', next: { seen: 'ü' } });
    expect((await kept(script, first.next)).text).toBe('[{"seen":"ü"}]\n');
  });

  test('is kept when it stops, and forgotten when it fails', async () => {
    expect((await kept('echo \'{"state": 1}\n{"stop": "enough"}\' >&3')).next).toBe(1);
    expect(await kept('echo \'{"state": 1}\' >&3; exit 3')).toEqual({ kind: 'failed', text: '' });
  });

  test('is no more than its next run can be handed', async () => {
    const { text, next } = await kept(
      `printf '{"state": "%s"}\\n' $(head -c 32767 /dev/zero | tr '\\0' x) >&3; echo "\${PERIODIC_CRON_STATE-none}"`,
      'y'.repeat(32_767),
    );
    expect(next).toBeUndefined();
    expect(text).toContain('[state not handed over: expected at most 32768 bytes of JSON, got 32769]');
    expect(text).toContain('none\n');
    expect(text).toContain('ignored: state: expected at most 32768 bytes of JSON, got 32769]');
  });
});
