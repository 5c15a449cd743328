import { describe, expect, test } from 'vitest';
import { type After, barLine, openProgressBar } from '../../../src/cli/manual/progress-bar.ts';
import { widthOf } from '../../../src/cli/terminal.ts';

const CLEAR = '\r\u001b[K';
const plain = (_color: unknown, text: string) => text;

/** A terminal that keeps what is written, and timers that the test lets run out. */
function openTerminal(columns = 60) {
  const written: string[] = [];
  const timers: Array<{ readonly ms: number; readonly call: () => void }> = [];
  const after: After = (ms, call) => {
    const timer = { ms, call };
    timers.push(timer);
    return () => {
      timers.splice(timers.indexOf(timer), 1);
    };
  };
  const bar = openProgressBar(
    { write: (text) => written.push(text), columns: () => columns, paint: plain },
    after,
  );
  const take = () => written.splice(0).join('');
  const pass = () => timers.shift()?.call();
  return { bar, take, pass, timers };
}

describe('the bar', () => {
  test('is drawn at once, and then at most once in a tenth of a second, with the newest progress', () => {
    const { bar, take, pass, timers } = openTerminal();
    bar.show('backup', { done: 1, total: 10 });
    const first = take();
    expect(first.startsWith(CLEAR)).toBe(true);
    expect(first.slice(CLEAR.length)).toMatch(/^backup {2}10 % \[=+ +\] 1\/10$/);
    for (const done of [2, 3, 4]) {
      bar.show('backup', { done, total: 10 });
    }
    expect(take()).toBe('');
    expect(timers).toMatchObject([{ ms: 100 }]);
    pass();
    expect(take()).toContain('40 %');
    pass();
    expect(take()).toBe('');
    expect(timers).toEqual([]);
  });

  test('makes way for output, comes back after it, and is gone at the end', () => {
    const { bar, take, pass, timers } = openTerminal();
    bar.pause();
    bar.resume();
    expect(take()).toBe('');
    bar.show('backup', { done: 1, total: 10 });
    take();
    bar.pause();
    expect(take()).toBe(CLEAR);
    bar.show('backup', { done: 2, total: 10 });
    pass();
    expect(take()).toBe('');
    bar.resume();
    expect(take()).toContain('20 %');
    bar.end();
    expect(take()).toBe(CLEAR);
    expect(timers).toEqual([]);
    bar.resume();
    expect(take()).toBe('');
  });
});

describe('its line', () => {
  test.each([80, 60, 40, 30, 20, 10])('fits into %i columns', (columns) => {
    const line = barLine(
      `nightly backup of ${'x'.repeat(100)}\u001b`,
      { done: 999_999, total: 1_000_000 },
      { columns: () => columns, paint: plain },
    );
    expect(widthOf(line)).toBeLessThan(columns);
    expect(line).not.toContain('\u001b');
  });

  test.each([
    [{ done: 5, total: 0 }, '  0 %'],
    [{ done: 5, total: 4 }, '100 %'],
    [{ done: -1, total: 4 }, '  0 %'],
    [{ done: 0.5, total: 3 }, ' 16 %'],
    [{ done: 999, total: 1_000 }, ' 99 %'],
  ])('says %j as %s', (progress, percent) => {
    expect(barLine('x', progress, { columns: () => 80, paint: plain })).toContain(percent);
  });
});
