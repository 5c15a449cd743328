import { describe, expect, test } from 'vitest';
import { type KnownResource, knownText, unmetSince, unmetText } from '../../src/core/conditions.ts';
import { parseRequires } from '../../src/core/requires.ts';

const NOON = Date.UTC(2026, 10, 21, 12);

function known(changes: Partial<KnownResource>): KnownResource {
  return { state: 'down', since: NOON, why: '', ...changes };
}

describe('what is told of requirements that do not hold', () => {
  test('is how each of them is, since when and why', () => {
    const resources = new Map([
      ['ip#0', known({ since: NOON + 500, why: 'exit status 1' })],
      ['fs#1', known({ state: 'up' })],
      ['db', known({ state: 'undef', since: null, why: 'nobody has looked yet' })],
    ]);
    expect(unmetText(parseRequires('ip#0 fs#1 db(up) gone'), (name) => resources.get(name))).toBe(
      [
        'requires ip#0 up or stdby up, which is down since 2026-11-21T12:00:00Z (exit status 1)',
        'requires db up, which is undef (nobody has looked yet)',
        'requires gone up or stdby up, and there is no such resource',
      ].join('; '),
    );
    expect(unmetText(parseRequires('fs#1'), (name) => resources.get(name))).toBeUndefined();
  });

  test('is one line of a length that every column holds, whatever a probe has found', () => {
    expect(knownText(known({ why: ` a\n\tb ${'x'.repeat(1_000)}` }))).toBe(
      `down since 2026-11-21T12:00:00Z (a b ${'x'.repeat(155)}…)`,
    );
    const names = Array.from({ length: 300 }, (_, index) => `r${index}`).join(' ');
    const text = unmetText(parseRequires(names), () => known({ why: 'x'.repeat(1_000) })) ?? '';
    expect(text).toMatch(/; and 290 more$/);
    expect(text.length).toBeLessThan(5_000);
  });
});

describe('since when requirements have not held', () => {
  test.each<[string, string, number | null | undefined]>([
    ['the first of those that do not hold', 'early late', NOON],
    ['not one that holds', 'late up', NOON + 1_000],
    ['undefined where all hold', 'up', undefined],
    ['null where nobody knows', 'never gone', null],
    ['one that is known beside one that is not', 'never late', NOON + 1_000],
  ])('is %s', (_title, requires, since) => {
    const resources = new Map([
      ['early', known({})],
      ['late', known({ since: NOON + 1_000 })],
      ['up', known({ state: 'up', since: NOON - 1_000 })],
      ['never', known({ state: 'undef', since: null })],
    ]);
    expect(unmetSince(parseRequires(requires), (name) => resources.get(name))).toBe(since);
  });
});
