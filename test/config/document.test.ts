import { describe, expect, test } from 'vitest';
import { parseDocument } from '../../src/config/document.ts';
import { ConfigError } from '../../src/core/errors.ts';

test.each([
  ['/c.yaml', 'a: 1\nb: [x]\n', { a: 1, b: ['x'] }],
  ['/c.yaml', '', null],
  ['/c.yaml', '# nothing\n', null],
  ['/c.yaml', '\uFEFFa: 1', { a: 1 }],
  ['/c.yml', 'a: on', { a: 'on' }],
  ['/c', 'a: 1', { a: 1 }],
  ['/c.json', '{"a": 1, "b": ["x"]}', { a: 1, b: ['x'] }],
  ['/c.JSON', '\uFEFF{}', {}],
])('%s with %j is read', async (file, text, expected) => {
  expect(await parseDocument(text, file)).toEqual(expected);
});

describe('JSON', () => {
  test.each([
    ['', 1, 1, 'the end of the file'],
    ['{', 1, 2, 'the end of the file'],
    ['{"a": 1,\n  "b" 2}', 2, 7, '"2"'],
    ['{\n  "a": 1,\n}', 3, 1, '"}"'],
    ['[1, 2,, 3]', 1, 7, '","'],
    ['{"a": tru}', 1, 7, '"t"'],
    ['{"a": 01}', 1, 8, '"1"'],
    ['{"a": "x\ny"}', 1, 7, '"\\""'],
    ['{"a": {"b": [1, {"c": nul}]}}', 1, 23, '"n"'],
    ['{} x', 1, 4, '"x"'],
    ["{'a': 1}", 1, 2, '"\'"'],
    ['{"a": 1} // comment', 1, 10, '"/"'],
    ['[-1.5e+3, "\\u00e9\\n", true, false, null, {}, [], x]', 1, 50, '"x"'],
  ])('%j stops being JSON at line %i, column %i', async (...args) => {
    const [text, line, column, got] = args;
    await expect(parseDocument(text, '/c.json')).rejects.toThrow(
      new ConfigError(`/c.json: line ${line}, column ${column}: expected JSON, got ${got}`),
    );
  });
});

describe('YAML', () => {
  test.each([
    ['a: 1\n  b: 2', 'line 1, column 4: expected YAML: Nested mappings are not allowed in compact mappings'],
    [
      'a: [1',
      'line 1, column 6: expected YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
    ['a: 1\nb: 2\na: 3', 'line 3, column 1: expected YAML: Map keys must be unique'],
    ['a: !custom 1', 'line 1, column 4: expected YAML: Unresolved tag'],
    [
      'a: 1\n---\nb: 2',
      'line 2, column 1: expected YAML: Source contains multiple documents; please use YAML.parseAllDocuments()',
    ],
    ['a: *b', 'expected YAML: Unresolved alias'],
  ])('%j is refused, with its place where the parser tells it', async (text, message) => {
    await expect(parseDocument(text, '/c.yaml')).rejects.toThrow(new ConfigError(`/c.yaml: ${message}`));
  });

  test('with aliases that grow without end is refused', async () => {
    const levels = Array.from(
      { length: 9 },
      (_, level) => `l${level + 1}: &l${level + 1} [${Array(9).fill(`*l${level}`).join(',')}]`,
    );
    await expect(parseDocument(`l0: &l0 [x]\n${levels.join('\n')}`, '/c.yaml')).rejects.toThrow(
      '/c.yaml: expected YAML: Excessive alias count indicates a resource exhaustion attack',
    );
  });

  test('that is refused is not quoted, since a line may hold a password', async () => {
    await expect(parseDocument('database: "postgres://ann:secret@h/x', '/c.yaml')).rejects.toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('secret') }),
    );
  });
});
