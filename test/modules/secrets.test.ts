import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { checkOptions, describeOptions, parseOptions } from '../../src/modules/options.ts';

const secret = z.string().min(8).meta({ secret: true });
const schema = z.strictObject({ token: secret, user: z.string().min(2).default('root') });

const NO_REFERENCE = 'expected a reference such as env:NAME or file:/path, got another value';

function fileWith(content: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'secrets-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'secret'), content);
  return join(folder, 'secret');
}

describe('a secret that is written', () => {
  test.each(['env:TOKEN', 'env:_t0', 'file:/run/secrets/api token', 'file:///run/secrets/token'])(
    'may be the reference %s',
    async (token) => {
      expect(await checkOptions(schema, { token })).toEqual([]);
    },
  );

  test.each([
    ['the secret itself', 'hunter2-hunter2'],
    ['a variable without a name', 'env:'],
    ['a variable with a name that none has', 'env:A-B'],
    ['a file without a path', 'file:'],
    ['a file with a relative path', 'file:secrets/token'],
    ['an empty text', ''],
    ['a number', 7],
    ['an object', {}],
    ['a list with a reference', ['env:TOKEN']],
  ])('may not be %s', async (_, token) => {
    expect(await checkOptions(schema, { token })).toEqual([
      { field: 'options.token', message: NO_REFERENCE },
    ]);
  });

  test('leaves the other options checked', async () => {
    expect(await checkOptions(schema, { token: 'hunter2-hunter2', user: 'x' })).toEqual([
      { field: 'options.token', message: NO_REFERENCE },
      { field: 'options.user', message: 'expected at least 2 characters, got "x"' },
    ]);
  });

  test('has to be there when the module requires it', async () => {
    expect(await checkOptions(schema, {})).toEqual([
      { field: 'options.token', message: 'expected string, got nothing' },
    ]);
  });

  test('does not reach the messages of a check over several options', async () => {
    const several = schema.refine(({ token, user }) => token === user, 'expected them to be the same');
    expect(await checkOptions(several, { token: 'hunter2-hunter2' })).toEqual([
      { field: 'options.token', message: NO_REFERENCE },
      { field: 'options', message: 'expected them to be the same' },
    ]);
  });

  test('is not refused because its check cannot take a reference', async () => {
    const key = z.strictObject({
      key: z
        .string()
        .transform((text): unknown => JSON.parse(text))
        .meta({ secret: true }),
    });
    expect(await checkOptions(key, { key: 'env:KEY' })).toEqual([]);
  });

  test.each([
    ['that is optional', secret.optional(), (value: unknown) => value, ''],
    ['that may be null', secret.nullable(), (value: unknown) => value, ''],
    [
      'marked after its default',
      z.string().default('x').meta({ secret: true }),
      (value: unknown) => value,
      '',
    ],
    ['that is transformed', secret.transform(Number), (value: unknown) => value, ''],
    ['with an id', z.string().meta({ secret: true, id: 'any/~token' }), (value: unknown) => value, ''],
    ['among alternatives', z.union([z.number(), secret]), (value: unknown) => value, ''],
    ['in a list', z.array(secret), (value: unknown) => [value], '[0]'],
    ['in a tuple', z.tuple([z.string(), secret]), (value: unknown) => ['public', value], '[1]'],
    ['in an object', z.strictObject({ b: secret }), (value: unknown) => ({ b: value }), '.b'],
    ['in a record', z.record(z.string(), secret), (value: unknown) => ({ c: value }), '.c'],
  ])('is found %s', async (_, option, around, place) => {
    const nested = z.strictObject({ a: option });
    expect(await checkOptions(nested, { a: around('hunter2-hunter2') })).toEqual([
      { field: `options.a${place}`, message: NO_REFERENCE },
    ]);
    expect(await checkOptions(nested, { a: around('env:TOKEN') })).toEqual([]);
    expect(await parseOptions(nested, { a: around('env:TOKEN') }, {})).toEqual({
      kind: 'invalid',
      faults: [
        { field: `options.a${place}`, message: 'expected the variable TOKEN in the environment, got none' },
      ],
    });
  });

  test('may be null where the schema says so', async () => {
    const nullable = z.strictObject({ token: secret.nullable() });
    expect(await checkOptions(nullable, { token: null })).toEqual([]);
    expect(await parseOptions(nullable, { token: null }, {})).toEqual({
      kind: 'valid',
      options: { token: null },
    });
  });
});

describe('a secret of a run', () => {
  test('comes from the environment', async () => {
    const env = { TOKEN: 'hunter2-hunter2' };
    expect(await parseOptions(schema, { token: 'env:TOKEN' }, env)).toEqual({
      kind: 'valid',
      options: { token: 'hunter2-hunter2', user: 'root' },
    });
  });

  test.each([
    ['hunter2-hunter2', 'hunter2-hunter2'],
    ['hunter2-hunter2\n', 'hunter2-hunter2'],
    ['hunter2-hunter2\r\n', 'hunter2-hunter2'],
    ['two lines\n\n', 'two lines\n'],
  ])('comes from a file that holds %j, as %j', async (content, token) => {
    const options = { token: `file:${fileWith(content)}` };
    expect(await parseOptions(schema, options, {})).toEqual({
      kind: 'valid',
      options: { token, user: 'root' },
    });
    expect(Object.keys(options)).toEqual(['token']);
  });

  test('is replaced at any depth, and nothing else is', async () => {
    const nested = z.looseObject({ list: z.array(z.looseObject({ token: secret })) });
    const given = { list: [{ token: 'env:A', note: 'env:A' }, { token: 'env:B' }], other: 'env:A' };
    expect(await parseOptions(nested, given, { A: 'secret of A', B: 'secret of B' })).toEqual({
      kind: 'valid',
      options: { list: [{ token: 'secret of A', note: 'env:A' }, { token: 'secret of B' }], other: 'env:A' },
    });
    expect(given.list[0]?.token).toBe('env:A');
  });

  test.each([
    ['a variable that is missing', 'env:TOKEN', 'expected the variable TOKEN in the environment, got none'],
    [
      'a file that is missing',
      'file:/does/not/exist',
      "expected a readable file at /does/not/exist, got ENOENT: no such file or directory, open '/does/not/exist'",
    ],
    ['a value that is no reference', 'hunter2-hunter2', NO_REFERENCE],
  ])('that is %s fails it', async (_, token, message) => {
    expect(await parseOptions(schema, { token }, {})).toEqual({
      kind: 'invalid',
      faults: [{ field: 'options.token', message }],
    });
  });

  test.each([
    ['its length', secret, 'expected at least 8 characters, got another value'],
    ['its form', z.email().meta({ secret: true }), 'expected email, got another value'],
    ['its type', z.number().meta({ secret: true }), 'expected number, got another value'],
    [
      'what the module says of it',
      z
        .string()
        .refine(() => false, { error: ({ input }) => `${String(input)} is refused` })
        .meta({ secret: true }),
      'expected another value',
    ],
  ])('that the schema refuses for %s is not shown', async (_, token, message) => {
    const refusing = z.strictObject({ token });
    expect(await parseOptions(refusing, { token: 'env:TOKEN' }, { TOKEN: 'hunter2' })).toEqual({
      kind: 'invalid',
      faults: [{ field: 'options.token', message }],
    });
  });

  test('is not told by a gap in a message, however short it is', async () => {
    const refused = await parseOptions(schema, { token: 'env:TOKEN' }, { TOKEN: 'no' });
    expect(refused).toEqual({
      kind: 'invalid',
      faults: [{ field: 'options.token', message: 'expected at least 8 characters, got another value' }],
    });
  });

  test('is not shown by a fault of another option that got it', async () => {
    const copying = z
      .looseObject({ token: secret })
      .transform(({ token }) => ({ copy: `Bearer ${token}` }))
      .pipe(z.strictObject({ copy: z.string().max(4) }));
    expect(await parseOptions(copying, { token: 'env:TOKEN' }, { TOKEN: 'hunter2-hunter2' })).toEqual({
      kind: 'invalid',
      faults: [{ field: 'options.copy', message: 'expected at most 4 characters, got another value' }],
    });
  });

  test('is not shown by a fault of what it is in', async () => {
    const options = { tokens: ['env:A', 'env:A'] };
    const few = z.strictObject({ tokens: z.array(secret).max(1) });
    expect(await parseOptions(few, options, { A: 'hunter2-hunter2' })).toEqual({
      kind: 'invalid',
      faults: [{ field: 'options.tokens', message: 'expected at most 1 items, got another value' }],
    });
  });

  test('is not shown by an error that its check throws', async () => {
    const key = z.strictObject({
      key: z
        .string()
        .transform((text): unknown => JSON.parse(text))
        .meta({ secret: true }),
    });
    expect(await parseOptions(key, { key: 'env:KEY' }, { KEY: 'hunter2' })).toEqual({
      kind: 'invalid',
      faults: [
        {
          field: 'options',
          message: 'their check threw an error, which is not shown since it may tell a secret',
        },
      ],
    });
  });
});

test('a secret is described without its default', async () => {
  const described = await describeOptions(
    z.strictObject({
      a: z.string().default('hunter2').meta({ secret: true }),
      b: secret.nullable().default(null),
    }),
  );
  expect(described).toEqual([
    { name: 'a', type: 'string', description: '', required: false, secret: true },
    { name: 'b', type: 'string | null', description: '', required: false, secret: true },
  ]);
});
