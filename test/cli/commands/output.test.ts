import { describe, expect, test } from 'vitest';
import { type CommandWorld, insertRun, openWorld } from './command-world.ts';

/** A world with run 1 of the task backup, which printed the text. */
async function openRun(
  output: string | null,
  changes: Readonly<Record<string, string | number>> = {},
): Promise<CommandWorld> {
  const world = openWorld();
  await world.call('add', 'backup', '--module', 'command', '-o', 'command=true', '--manual');
  insertRun(world, 'backup', { output, output_bytes: Buffer.byteLength(output ?? ''), ...changes });
  return world;
}

describe('output', () => {
  test('prints what a run printed', async () => {
    const world = await openRun('one\n\ttwo ü\n');
    expect(await world.call('output', '1')).toEqual({ exitCode: 0, out: 'one\n\ttwo ü\n', err: '' });
  });

  test('ends a last line that has no end, so that the prompt stands on a line of its own', async () => {
    const world = await openRun('no end');
    expect((await world.call('output', '1')).out).toBe('no end\n');
  });

  test('makes control characters harmless, on a terminal and elsewhere, unless --raw asks for them', async () => {
    const text = 'red \u001b[31malert\u001b[0m \u001b]0;title\u0007 50%\r100%\r\n\u202egnp.exe';
    const world = await openRun(text);
    const harmless = 'red alert ␛]0;title␇ 50%\n100%\n\\u202egnp.exe\n';
    expect((await world.call('output', '1')).out).toBe(harmless);
    expect((await world.callAs({ stdoutIsTerminal: true }, 'output', '1')).out).toBe(harmless);
    expect((await world.call('output', '1', '--raw')).out).toBe(text);
  });

  test('prints the run, its output and that it is whole as JSON', async () => {
    const world = await openRun('one\u001b\n');
    const { out } = await world.call('output', '1', '--json');
    expect(JSON.parse(out)).toMatchObject({
      run: { id: 1, task: 'backup', status: 'succeeded' },
      output: 'one\u001b\n',
      bytes: 5,
      cut: false,
    });
  });

  test.each([
    ['whose middle was left out', 'head\n[90 bytes left out]\ntail', 98, true],
    ['that printed such a mark itself', 'head\n[90 bytes left out]\ntail', 29, false],
    ['with bytes that are no text beside the cut', 'he\ufffdd\n[90 bytes left out]\ntail', 98, true],
  ])('tells in JSON whether a run %s is cut', async (_what, text, bytes, cut) => {
    const world = await openRun(text, { output_bytes: bytes });
    expect(JSON.parse((await world.call('output', '1', '--json')).out)).toMatchObject({ bytes, cut });
  });

  test.each([
    ['succeeded', '', 'run 1 of task "backup" (succeeded) has no output'],
    ['skipped', null, 'run 1 of task "backup" (skipped) has no output'],
    ['running', null, 'run 1 of task "backup" is still running: its output is kept when it ends'],
  ])('says on stderr that a run that %s printed nothing', async (status, text, message) => {
    const world = await openRun(text, { status });
    expect(await world.call('output', '1')).toEqual({
      exitCode: 0,
      out: '',
      err: `periodic-cron: ${message}\n`,
    });
  });

  test('stays readable after its task was removed', async () => {
    const world = await openRun('one\n');
    await world.call('remove', 'backup');
    expect((await world.call('output', '1')).out).toBe('one\n');
  });

  test('ends with 5 for a run that is not there, and says where those are that there are', async () => {
    const world = await openRun('one\n');
    expect(await world.call('output', '2')).toEqual({
      exitCode: 5,
      out: '',
      err: 'periodic-cron: there is no run 2: "periodic-cron history" lists those that there are\n',
    });
  });

  test.each(['0', 'backup', '1.5', ''])('refuses %j as the number of a run', async (word) => {
    const world = await openRun('one\n');
    expect(await world.call('output', word)).toEqual({
      exitCode: 2,
      out: '',
      err: `periodic-cron: output: expected a whole number from 1 to 9007199254740991, got ${JSON.stringify(word)}\n`,
    });
  });
});
