import { expect, test } from 'vitest';
import { faultOfName, normalizeName } from '../../src/core/names.ts';

test.each([
  ['a'],
  ['nightly backup'],
  ['Grüße, 東京 🚀'],
  ["'; DROP TABLE periodic_task; --"],
  ['a/b\\c%_*'],
  ['🚀'.repeat(255)],
])('%j may be stored', (name) => {
  expect(faultOfName(name)).toBeUndefined();
});

test.each([
  ['', 'expected 1 to 255 characters, got none'],
  ['x'.repeat(256), 'expected 1 to 255 characters, got 256'],
  ['a\tb', 'expected no control characters, got "a\\tb"'],
  ['a\u0000', 'expected no control characters, got "a\\u0000"'],
  ['a\u001b[31m', 'expected no control characters, got "a\\u001b[31m"'],
  ['a\u0085b', 'expected no control characters'],
  ['a\u2028b', 'expected no control characters'],
  ['a\ud800', 'expected no control characters'],
  [' a', 'expected a name without spaces around it, in Unicode form NFC, got " a"'],
  ['cafe\u0301', 'expected a name without spaces around it, in Unicode form NFC'],
])('%j is refused', (name, fault) => {
  expect(faultOfName(name)).toContain(fault);
});

test('the normal form is trimmed and composed', () => {
  expect(normalizeName('  cafe\u0301 \u00a0')).toBe('caf\u00e9');
});
