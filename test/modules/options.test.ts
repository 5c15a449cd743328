import { expect, test } from 'vitest';
import { z } from 'zod';
import { checkOptions, describeOptions, parseOptions } from '../../src/modules/options.ts';

const schema = z.strictObject({
  message: z.string().min(2).describe('What to say'),
  count: z.number().int().min(1).default(1),
  token: z.string().optional().meta({ secret: true }),
  tone: z.enum(['warm', 'cold']).default('warm'),
  tags: z.array(z.string()).max(1).default([]),
});

test('valid options have no fault', async () => {
  expect(await checkOptions(schema, { message: 'hello', token: 'env:TOKEN' })).toEqual([]);
  expect(await checkOptions(schema, { message: 'hello' })).toEqual([]);
});

test('valid options come back with their defaults', async () => {
  expect(await parseOptions(schema, { message: 'hello' })).toEqual({
    kind: 'valid',
    options: { message: 'hello', count: 1, tone: 'warm', tags: [] },
  });
});

test.each([
  [{}, 'options.message', 'expected string, got nothing'],
  [{ message: 5 }, 'options.message', 'expected string, got 5'],
  [{ message: 'x' }, 'options.message', 'expected at least 2 characters, got "x"'],
  [{ message: 'ok', count: 1.5 }, 'options.count', 'expected int, got 1.5'],
  [{ message: 'ok', count: 0 }, 'options.count', 'expected at least 1, got 0'],
  [{ message: 'ok', tone: 'hot' }, 'options.tone', 'expected "warm" or "cold", got "hot"'],
  [{ message: 'ok', tags: [1] }, 'options.tags[0]', 'expected string, got 1'],
  [{ message: 'ok', tags: ['a', 'b'] }, 'options.tags', 'expected at most 1 items, got ["a","b"]'],
  [
    { message: 'ok', mesage: 1 },
    'options.mesage',
    'expected one of message, count, token, tone, tags, got "mesage" (did you mean message?)',
  ],
])('%j is refused', async (options, field, message) => {
  expect(await checkOptions(schema, options)).toEqual([{ field, message }]);
  expect(await parseOptions(schema, options)).toEqual({ kind: 'invalid', faults: [{ field, message }] });
});

test('a module without a schema takes no options', async () => {
  expect(await parseOptions(undefined, {})).toEqual({ kind: 'valid', options: {} });
  const fault = { field: 'options.a', message: 'expected no options, got "a"' };
  expect(await parseOptions(undefined, { a: 1 })).toEqual({ kind: 'invalid', faults: [fault] });
  expect(await checkOptions(undefined, {})).toEqual([]);
  expect(await checkOptions(undefined, { a: 1 })).toEqual([fault]);
});

test('options describe themselves', async () => {
  expect(await describeOptions(schema)).toEqual([
    { name: 'message', type: 'string', description: 'What to say', required: true, secret: false },
    { name: 'count', type: 'integer', description: '', required: false, secret: false, default: 1 },
    { name: 'token', type: 'string', description: '', required: false, secret: true },
    {
      name: 'tone',
      type: '"warm" | "cold"',
      description: '',
      required: false,
      secret: false,
      default: 'warm',
    },
    { name: 'tags', type: 'string[]', description: '', required: false, secret: false, default: [] },
  ]);
});
