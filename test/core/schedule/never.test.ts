import { expect, test } from 'vitest';
import { saysNever } from '../../../src/core/schedule/never.ts';

test.each([
  ['every', '-5m', true],
  ['every', ' -1s ', true],
  ['every', '5m', false],
  ['every', '-soon', false],
  ['window', '', true],
  ['window', '@0', true],
  ['window', '["@0", ""]', true],
  ['window', '@10', false],
  ['window', '! 02:00-03:00', false],
  ['cron', '', false],
  ['manual', '', false],
] as const)('%s %j says never: %s', (kind, text, never) => {
  expect(saysNever(kind, text)).toBe(never);
});
