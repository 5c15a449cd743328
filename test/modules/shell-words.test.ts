import fc from 'fast-check';
import { expect, test } from 'vitest';
import { splitShellWords } from '../../src/modules/shell-words.ts';

test.each([
  ['backup --full /var', ['backup', '--full', '/var']],
  ['  spaces\t and\n lines ', ['spaces', 'and', 'lines']],
  ["echo 'single quoted; words' end", ['echo', 'single quoted; words', 'end']],
  ['echo "double \\"quoted\\" \\$HOME \\n"', ['echo', 'double "quoted" $HOME \\n']],
  ['join" these "\'three\'parts', ['join these threeparts']],
  ['\'\' ""', ['', '']],
  ['escaped\\ space \\; \\\\', ['escaped space', ';', '\\']],
  ['no $HOME no * no ~', ['no', '$HOME', 'no', '*', 'no', '~']],
  ['one \\\n  two', ['one', 'two']],
  ['li\\\nne', ['line']],
  ["'grüße 世界' 🌍", ['grüße 世界', '🌍']],
  ['', []],
])('%j has its words', (text, words) => {
  expect(splitShellWords(text)).toEqual({ kind: 'words', words });
});

const HINT = 'quote it to pass it on as it is; for a shell, say so with shell: true';

test.each([
  ["echo 'open", "expected a closing ', got the end of the text", 6],
  ['echo "open', 'expected a closing ", got the end of the text', 6],
  ['echo end\\', 'expected a character after \\, got the end of the text', 9],
  ['ls | wc', `expected a word, got "|": ${HINT}`, 4],
  ['ls >out', `expected a word, got ">": ${HINT}`, 4],
  ['ls 2>&1', `expected a word, got ">": ${HINT}`, 5],
  ['sort <in', `expected a word, got "<": ${HINT}`, 6],
  ['a && b', `expected a word, got "&": ${HINT}`, 3],
  ['a; b', `expected a word, got ";": ${HINT}`, 2],
  ['(a)', `expected a word, got "(": ${HINT}`, 1],
  ['echo $(date)', `expected a word, got "$(": ${HINT}`, 6],
  ['echo `date`', `expected a word, got "\`": ${HINT}`, 6],
])('%j is refused where the fault is', (text, message, position) => {
  expect(splitShellWords(text)).toEqual({ kind: 'fault', message, position });
});

test('words in single quotes come back as they were', () => {
  fc.assert(
    fc.property(fc.array(fc.string().filter((word) => !word.includes("'"))), (words) => {
      const text = words.map((word) => `'${word}'`).join(' ');
      expect(splitShellWords(text)).toEqual({ kind: 'words', words });
    }),
  );
});

test('any text gives words or a fault inside the text', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('a', ' ', "'", '"', '\\', '|', '$', '(', '\n') }),
      (text) => {
        const split = splitShellWords(text);
        const position = split.kind === 'fault' ? split.position : 1;
        expect(position).toBeGreaterThanOrEqual(1);
        expect(position).toBeLessThanOrEqual(Math.max(1, text.length));
      },
    ),
  );
});
