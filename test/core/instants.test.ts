import { expect, test } from 'vitest';
import { floorToMinute, fromText, toShortText, toText } from '../../src/core/instants.ts';

test('an instant is stored as UTC text of fixed width, and read back', () => {
  expect(toText(1_795_218_925_123)).toBe('2026-11-20T23:55:25.123Z');
  expect(fromText('2026-11-20T23:55:25.123Z')).toBe(1_795_218_925_123);
});

test('people see no milliseconds where there are none', () => {
  expect(toShortText(1_795_218_925_000)).toBe('2026-11-20T23:55:25Z');
  expect(toShortText(1_795_218_925_100)).toBe('2026-11-20T23:55:25.100Z');
});

test.each([
  [''],
  ['2026-11-20'],
  ['2026-11-20T23:55:25Z'],
  ['2026-11-20T23:55:25.123+01:00'],
  ['2026-13-20T23:55:25.123Z'],
  ['2026-11-20T25:55:25.123Z'],
  [' 2026-11-20T23:55:25.123Z'],
])('%j, which a hand may have written, is no instant', (text) => {
  expect(fromText(text)).toBeUndefined();
});

test.each([
  ['2026-11-20T23:55:00.000Z', '2026-11-20T23:55:00.000Z'],
  ['2026-11-20T23:55:59.999Z', '2026-11-20T23:55:00.000Z'],
  ['1969-12-31T23:59:30.000Z', '1969-12-31T23:59:00.000Z'],
])('the full minute of %s is %s', (instant, minute) => {
  expect(floorToMinute(Date.parse(instant))).toBe(Date.parse(minute));
});
