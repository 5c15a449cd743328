import { describe, expect, test, vi } from 'vitest';
import { openCommandReport } from '../../src/execute/command-report.ts';
import type { Progress } from '../../src/execute/execution.ts';
import { runShell } from '../support/commands.ts';

// Some of these wait for real processes, which take their time on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

function reportOf(...chunks: readonly string[]) {
  const progress: Progress[] = [];
  const said: string[] = [];
  const report = openCommandReport({ progress: (made) => progress.push(made) }, (text) => said.push(text));
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
    const report = openCommandReport({ progress: () => undefined }, () => undefined);
    const reader = report.open();
    for (const byte of bytes) {
      reader.take(Buffer.from([byte]));
    }
    reader.end();
    expect(report.close()).toEqual({ result: 'ü' });
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
    ['words', 'expected {"progress": …}, {"result": …} or {"stop": "…"}, got "words"'],
    ['[1]', 'expected {"progress": …}, {"result": …} or {"stop": "…"}, got [1]'],
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
