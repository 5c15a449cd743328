import { expect, test } from 'vitest';
import { jsonCopyOf } from '../../src/modules/json-copy.ts';

test.each([
  [
    { a: [1, 'b', null, true], c: { d: undefined } },
    { a: [1, 'b', null, true], c: {} },
  ],
  [new Date('2026-11-20T23:55:00Z'), '2026-11-20T23:55:00.000Z'],
  [null, null],
])('%j is copied as JSON', (value, expected) => {
  expect(jsonCopyOf(value, 'result')).toEqual({ kind: 'json', value: expected });
});

const cycle: { self?: unknown } = {};
cycle.self = [cycle];
const failing = {
  get a(): never {
    throw new Error('no');
  },
};

test.each([
  ['a function', { f: () => 1 }, 'result.f: expected JSON, got a function'],
  ['a big integer in a list', [1, 2n], 'result[1]: expected JSON, got a bigint'],
  ['undefined in a list', [undefined], 'result[0]: expected JSON, got undefined'],
  ['a number that is none', { n: Number.NaN }, 'result.n: expected JSON, got NaN'],
  ['a map', { m: new Map() }, 'result.m: expected JSON, got a Map'],
  ['a cycle', cycle, 'result.self[0]: expected JSON, got an object that contains itself'],
  ['a getter that throws', failing, 'result: expected JSON, got a value that fails: no'],
  ['too much', 'x'.repeat(1_048_575), 'result: expected at most 1048576 bytes of JSON, got 1048577'],
])('%s is no JSON', (_, value, message) => {
  expect(jsonCopyOf(value, 'result')).toEqual({ kind: 'fault', message });
});
