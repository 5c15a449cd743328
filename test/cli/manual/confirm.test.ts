import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { CONFIRMED_BY_FLAG, confirmAt, type Prompt } from '../../../src/cli/manual/confirm.ts';
import type { AboutToRun } from '../../../src/runner/confirmation.ts';
import { taskWith } from '../../support/builders.ts';

function openPrompt(changes: Partial<Prompt> = {}) {
  const stdin = new PassThrough();
  const written: string[] = [];
  const timers: Array<{ readonly ms: number; readonly call: () => void }> = [];
  const cancel = new AbortController();
  const confirm = confirmAt({
    stdin,
    write: (text) => written.push(text),
    paint: (_color, text) => text,
    isTerminal: true,
    cancel: cancel.signal,
    after: (ms, call) => {
      const timer = { ms, call };
      timers.push(timer);
      return () => timers.splice(timers.indexOf(timer), 1);
    },
    actor: 'ann',
    ...changes,
  });
  /** Asks, and resolves with the answer to come when the question is there. */
  const ask = async (about: AboutToRun = ABOUT) => {
    written.length = 0;
    const answer = confirm(about);
    while (written.length === 0) {
      await new Promise(setImmediate);
    }
    return { answer };
  };
  return { confirm, ask, stdin, written, timers, cancel };
}

const ABOUT: AboutToRun = {
  task: { ...taskWith({ name: 'drop archive', module: 'command' }), options: { command: 'rm -r /srv/old' } },
  overrides: {},
  node: 'alpha',
  rerunOf: null,
};

describe('a confirmation', () => {
  test('shows what is about to run, and takes yes', async () => {
    const { ask, stdin, written, timers } = openPrompt();
    const { answer } = await ask({ ...ABOUT, overrides: { command: 'rm -r /srv/old' } });
    stdin.write('yes\n');
    expect(await answer).toEqual({ kind: 'confirmed', by: 'ann' });
    expect(written.join('')).toMatch(
      /^This task asks for a confirmation.*\ntask .*drop archive \(id \d+\)\nmodule .*command\noptions .*command=rm -r \/srv\/old\nfor this run .*command\nnode .*alpha\nuser .*ann\nType "yes" within 30s to run it: $/,
    );
    expect(timers).toEqual([]);
    expect(stdin.listenerCount('data')).toBe(0);
  });

  test.each([
    ['no\n', 'answered "no"'],
    ['y\n', 'answered "y"'],
    ['Yes\n', 'answered "Yes"'],
    [' yes\n', 'answered " yes"'],
    ['yes please\n', 'answered "yes please"'],
    ['\n', 'answered ""'],
    ['\u001b[2J\n', 'answered "\\\\x1b[2J"'],
    [`${'n'.repeat(5_000)}`, `answered "${'n'.repeat(39)}…"`],
  ])('is refused by %j', async (text, why) => {
    const { ask, stdin } = openPrompt();
    const { answer } = await ask();
    stdin.write(text);
    expect(await answer).toEqual({ kind: 'refused', why });
  });

  test('takes a yes that comes in parts, and nothing that comes after', async () => {
    const { ask, stdin } = openPrompt();
    const { answer } = await ask();
    stdin.write('ye');
    stdin.write('s\nno\n');
    expect(await answer).toEqual({ kind: 'confirmed', by: 'ann' });
  });

  test('is asked for once more on the same input', async () => {
    const { ask, stdin } = openPrompt();
    for (const [typed, kind] of [
      ['no\n', 'refused'],
      ['yes\n', 'confirmed'],
    ]) {
      const { answer } = await ask();
      stdin.write(typed);
      expect(await answer).toMatchObject({ kind });
    }
  });

  test('is not given by what was typed before the question', async () => {
    const { ask, stdin } = openPrompt();
    stdin.write('yes\nyes\n');
    const { answer } = await ask();
    stdin.write('no\n');
    expect(await answer).toMatchObject({ kind: 'refused', why: 'answered "no"' });
  });

  test('is refused by 30 seconds of silence, by the end of the input, and by a signal', async () => {
    const silent = openPrompt();
    const { answer: silence } = await silent.ask();
    expect(silent.timers).toMatchObject([{ ms: 30_000 }]);
    silent.stdin.write('ye');
    await new Promise(setImmediate);
    silent.timers[0]?.call();
    expect(await silence).toEqual({ kind: 'refused', why: 'no answer within 30s' });

    const closed = openPrompt();
    const { answer: end } = await closed.ask();
    closed.stdin.end();
    expect(await end).toEqual({ kind: 'refused', why: 'the input ended without an answer' });
    expect(await closed.confirm(ABOUT)).toEqual({
      kind: 'refused',
      why: 'the input ended without an answer',
    });

    const ended = openPrompt();
    const { answer: abort } = await ended.ask();
    ended.cancel.abort();
    expect(await abort).toEqual({ kind: 'refused', why: 'interrupted' });
    expect(await ended.confirm(ABOUT)).toEqual({ kind: 'refused', why: 'interrupted' });
  });

  test('is refused at once without a terminal, and given by the flag', async () => {
    const { confirm, written } = openPrompt({ isTerminal: false });
    expect(await confirm(ABOUT)).toMatchObject({ kind: 'refused' });
    expect(written).toEqual([]);
    expect(await CONFIRMED_BY_FLAG(ABOUT)).toEqual({ kind: 'confirmed', by: '--confirm' });
  });
});
