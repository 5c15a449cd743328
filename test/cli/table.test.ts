import { describe, expect, test } from 'vitest';
import { renderFields, renderTable } from '../../src/cli/table.ts';
import { cut, pad, paintFor, printable, widthOf } from '../../src/cli/terminal.ts';
import { instantText, relativeTime } from '../../src/cli/times.ts';

const plain = paintFor({ env: {}, isTerminal: false, allowed: true });

type Row = { readonly id: number; readonly name: string; readonly note: string };

const COLUMNS = [
  { title: 'ID', value: (row: Row) => String(row.id), align: 'right' },
  { title: 'NAME', value: (row: Row) => row.name },
  { title: 'NOTE', value: (row: Row) => row.note },
] as const;

function table(rows: readonly Row[], columns?: number): string[] {
  return renderTable(COLUMNS, rows, { columns, paint: plain }).split('\n');
}

describe('a table', () => {
  test('aligns its columns and ends no line in spaces', () => {
    expect(
      table([
        { id: 1, name: 'backup', note: '' },
        { id: 12, name: 'a', note: 'nightly' },
      ]),
    ).toEqual(['ID  NAME    NOTE', ' 1  backup', '12  a       nightly', '']);
  });

  test('without rows is its titles', () => {
    expect(table([])).toEqual(['ID  NAME  NOTE', '']);
  });

  test('is not cut where stdout is no terminal', () => {
    const note = 'x'.repeat(300);
    expect(table([{ id: 1, name: 'a', note }])[1]).toBe(` 1  a     ${note}`);
  });

  test('that just fits the terminal is not cut', () => {
    expect(table([{ id: 1, name: 'backup', note: '1234567890' }], 22)[1]).toBe(' 1  backup  1234567890');
  });

  test('cuts the widest column first', () => {
    expect(table([{ id: 1, name: 'backup', note: '1234567890' }], 20)).toEqual([
      'ID  NAME    NOTE',
      ' 1  backup  1234567…',
      '',
    ]);
  });

  test('cuts several wide columns to one width', () => {
    expect(table([{ id: 1, name: 'abcdefghij', note: '1234567890' }], 18)[1]).toBe(' 1  abcde…  12345…');
  });

  test('keeps columns at the width of their titles as long as it can', () => {
    expect(table([{ id: 1, name: 'backup', note: '1234567890' }], 14)).toEqual([
      'ID  NAME  NOTE',
      ' 1  bac…  123…',
      '',
    ]);
  });

  test('goes below the titles before it leaves the terminal', () => {
    expect(table([{ id: 1, name: 'backup', note: '1234567890' }], 10)).toEqual([
      'ID  N…  N…',
      ' 1  b…  1…',
      '',
    ]);
  });

  test('keeps a column at its own minimum', () => {
    const columns = [
      { title: 'NAME', value: (row: Row) => row.name, minWidth: 8 },
      { title: 'NOTE', value: (row: Row) => row.note },
    ];
    const rows = [{ id: 1, name: 'abcdefghij', note: '1234567890' }];
    expect(renderTable(columns, rows, { columns: 14, paint: plain })).toBe(
      'NAME      NOTE\nabcdefg…  123…\n',
    );
  });

  describe('with short values and columns that may be left out', () => {
    const columns = [
      { title: 'ID', value: (row: Row) => String(row.id), worth: 2 },
      { title: 'NAME', value: (row: Row) => row.name, minWidth: 6 },
      { title: 'NOTE', value: (row: Row) => row.note, shortValue: () => 'soon', minWidth: 10 },
      { title: 'MORE', value: () => 'abcdefgh', worth: 1 },
    ];

    test.each([
      [32, '1   backup  1234567890  abcdefgh'],
      [31, '1   backup  1234567890  abcdef…'],
      [28, '1   backup  1234567890  abc…'],
      [27, '1   backup  soon  abcdefgh'],
      [22, '1   backup  soon  abc…'],
      [21, '1   backup  soon'],
      [16, '1   backup  soon'],
      [15, 'backup  soon'],
      [11, 'back…  soon'],
    ])('keeps to %i cells as %j', (width, expected) => {
      const rows = [{ id: 1, name: 'backup', note: '1234567890' }];
      const line = renderTable(columns, rows, { columns: width, paint: plain }).split('\n')[1];
      expect(line).toBe(expected);
    });
  });

  test('counts two cells for wide characters', () => {
    expect(
      table([
        { id: 1, name: '備份', note: 'nightly' },
        { id: 2, name: 'été', note: 'x' },
        { id: 3, name: '👩‍👩‍👧 b', note: 'y' },
      ]),
    ).toEqual(['ID  NAME  NOTE', ' 1  備份  nightly', ' 2  été   x', ' 3  👩‍👩‍👧 b  y', '']);
  });

  test('cuts before a wide character that would only half fit', () => {
    expect(table([{ id: 1, name: '備份備份備份', note: 'n' }], 15)[1]).toBe(' 1  備份…  n');
    expect(table([{ id: 1, name: '備份備份備份', note: 'n' }], 16)[1]).toBe(' 1  備份…   n');
  });

  test('makes values harmless', () => {
    expect(table([{ id: 1, name: 'a\nb', note: '\x1b[31mred\x07' }])[1]).toBe(
      String.raw` 1  a\nb  \x1b[31mred\x07`,
    );
  });

  test('colours titles and cells after it aligned them', () => {
    const columns = [
      { title: 'S', value: (row: Row) => row.name, color: () => 'red' as const },
      { title: 'N', value: (row: Row) => row.note },
    ];
    const paint = paintFor({ env: {}, isTerminal: true, allowed: true });
    expect(renderTable(columns, [{ id: 1, name: 'bad', note: 'x' }], { columns: 80, paint })).toBe(
      '\x1b[1mS  \x1b[22m  \x1b[1mN\x1b[22m\n\x1b[31mbad\x1b[39m  x\n',
    );
  });

  test('can have very many rows', () => {
    const rows = Array.from({ length: 150_000 }, (_, id) => ({ id, name: 'n', note: '' }));
    expect(table(rows)).toHaveLength(150_002);
  });
});

test('fields are two columns, and a value of several lines keeps its indent', () => {
  expect(
    renderFields(
      [
        ['name', 'backup'],
        ['description', 'first\nsecond\x1b'],
        ['tags', ''],
      ],
      plain,
    ),
  ).toBe('name         backup\ndescription  first\n             second\\x1b\ntags\n');
});

describe('width of text', () => {
  test.each([
    ['', 0],
    ['abc', 3],
    ['é', 1],
    ['e\u0301', 1],
    ['日本', 4],
    ['ﾊﾝｶｸ', 4],
    ['ＡＢ', 4],
    ['한글', 4],
    ['\u1112\u1161\u11ab', 2],
    ['👍', 2],
    ['👍🏽', 2],
    ['👩‍👩‍👧', 2],
    ['🇩🇪', 2],
    ['❤', 1],
    ['❤\ufe0f', 2],
    ['1\ufe0f\u20e3', 2],
    ['→', 1],
    ['…', 1],
    ['a\u200bb', 2],
    ['नमस्ते', 4],
    ['𠀋', 2],
  ])('%j takes %i cells', (text, width) => {
    expect(widthOf(text)).toBe(width);
  });

  test.each([
    ['abc', 3, 'abc'],
    ['abcd', 3, 'ab…'],
    ['abcd', 1, '…'],
    ['abcd', 0, ''],
    ['日本語', 5, '日本…'],
    ['日本語', 4, '日…'],
    ['e\u0301e\u0301e\u0301', 2, 'e\u0301…'],
    ['👩‍👩‍👧x👩‍👩‍👧', 4, '👩‍👩‍👧x…'],
  ])('%j cut to %i cells is %j', (text, width, expected) => {
    expect(cut(text, width)).toBe(expected);
  });

  test.each([
    ['日', 4, 'left', '日  '],
    ['日', 4, 'right', '  日'],
    ['abcde', 4, 'left', 'abcde'],
  ] as const)('%j in %i cells on the %s is %j', (text, width, align, expected) => {
    expect(pad(text, width, align)).toBe(expected);
  });
});

describe('printable text', () => {
  test.each([
    ['plain ümlaut 日本 👩‍👩‍👧', 'plain ümlaut 日本 👩‍👩‍👧'],
    ['a\tb\r\n', String.raw`a\tb\r\n`],
    ['\x1b]0;title\x07', String.raw`\x1b]0;title\x07`],
    ['\x9b31m', String.raw`\x9b31m`],
    ['\x00\x7f', String.raw`\x00\x7f`],
    ['\u202eevil\u2066', String.raw`\u202eevil\u2066`],
    ['\u2028', String.raw`\u2028`],
    ['\ud800', String.raw`\ud800`],
  ])('of %j shows what is not', (text, expected) => {
    expect(printable(text)).toBe(expected);
  });
});

describe('colours', () => {
  const terminal = { env: {}, isTerminal: true, allowed: true };

  test.each([
    ['on a terminal', terminal, true],
    ['without a terminal', { ...terminal, isTerminal: false }, false],
    ['with --no-color', { ...terminal, allowed: false }, false],
    ['with NO_COLOR', { ...terminal, env: { NO_COLOR: '1' } }, false],
    ['with an empty NO_COLOR', { ...terminal, env: { NO_COLOR: '' } }, true],
    ['on a dumb terminal', { ...terminal, env: { TERM: 'dumb' } }, false],
    [
      'with FORCE_COLOR and no terminal',
      { env: { FORCE_COLOR: '1' }, isTerminal: false, allowed: true },
      true,
    ],
    [
      'with FORCE_COLOR=0 and no terminal',
      { env: { FORCE_COLOR: '0' }, isTerminal: false, allowed: true },
      false,
    ],
    ['with FORCE_COLOR and NO_COLOR', { ...terminal, env: { FORCE_COLOR: '1', NO_COLOR: '1' } }, false],
    [
      'with FORCE_COLOR and --no-color',
      { env: { FORCE_COLOR: '1' }, isTerminal: true, allowed: false },
      false,
    ],
  ])('%s', (_case, wish, isOn) => {
    expect(paintFor(wish)('red', 'x')).toBe(isOn ? '\x1b[31mx\x1b[39m' : 'x');
  });
});

describe('times', () => {
  const now = Date.parse('2026-11-21T00:55:00Z');

  test('an instant is shown in UTC to the second', () => {
    expect(instantText(Date.parse('2026-11-21T01:55:00.987+01:00'))).toBe('2026-11-21 00:55:00Z');
  });

  test.each([
    ['2026-11-21T00:55:00.999Z', 'now'],
    ['2026-11-21T00:54:59.001Z', 'now'],
    ['2026-11-21T00:55:59Z', 'in 59 s'],
    ['2026-11-21T00:56:00Z', 'in 1 min'],
    ['2026-11-21T00:59:59Z', 'in 4 min'],
    ['2026-11-20T21:55:00Z', '3 h ago'],
    ['2026-11-23T00:54:59Z', 'in 47 h'],
    ['2026-11-23T00:55:00Z', 'in 2 d'],
    ['2025-11-21T00:55:00Z', '365 d ago'],
  ])('%s is %s', (instant, expected) => {
    expect(relativeTime(Date.parse(instant), now)).toBe(expected);
  });
});
