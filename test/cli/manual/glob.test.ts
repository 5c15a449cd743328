import { describe, expect, test } from 'vitest';
import { globTest, isGlob } from '../../../src/cli/manual/glob.ts';

describe('a pattern', () => {
  test.each([
    ['backup', 'backup', true],
    ['backup', 'backup2', false],
    ['backup-*', 'backup-', true],
    ['backup-*', 'backup-db', true],
    ['backup-*', 'my backup-db', false],
    ['*', '', true],
    ['**b**', 'aba', true],
    ['*a*b', 'aXbab', true],
    ['*a*b', 'aXba', false],
    ['?', 'ä', true],
    ['?', '😀', true],
    ['?', '', false],
    ['db[12]', 'db2', true],
    ['db[12]', 'db3', false],
    ['db[!12]', 'db3', true],
    ['db[^12]', 'db1', false],
    ['[a-f]x', 'ex', true],
    ['[a-f]x', 'gx', false],
    ['job[0-9]', 'job-', false],
    ['[!0-9]', '-', true],
    ['[a-c-e]', '-', true],
    ['[a-c-e]', 'd', false],
    ['[-a]', '-', true],
    ['[]]', ']', true],
    ['[a-]', '-', true],
    ['a[b', 'a[b', true],
    ['a.c', 'abc', false],
    ['a+', 'a+', true],
  ])('%j and %j: %s', (pattern, text, fits) => {
    expect(globTest(pattern)(text)).toBe(fits);
  });

  test('with many stars takes no long time on a text that does not match', () => {
    expect(globTest(`${'*a'.repeat(100)}b`)('a'.repeat(255))).toBe(false);
  });

  test('is told from a plain name', () => {
    expect(['a', 'a*', 'a?', 'a[b', 'a]'].map(isGlob)).toEqual([false, true, true, true, false]);
  });
});
