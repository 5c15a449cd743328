import { expect, test } from 'vitest';
import { harmless } from '../../src/execute/harmless.ts';

test.each([
  ['plain text with tabs and line ends', 'a\tb\nc', 'a\tb\nc'],
  ['a colour', '\u001b[1;31mred\u001b[0m', 'red'],
  ['a cursor movement', '\u001b[2Jgone', '␛[2Jgone'],
  ['a window title', '\u001b]0;title\u0007', '␛]0;title␇'],
  ['a line end of two characters', 'a\r\nb', 'a\nb'],
  ['a line that is written over', '10%\r20%\r', '10%\n20%\n'],
  ['a backspace and a bell', 'a\b\u0007', 'a␈␇'],
  ['delete', '\u007f', '␡'],
  ['a control character of eight bits', '\u009b31m', '\\u009b31m'],
  ['a change of the text direction', 'a\u202eb', 'a\\u202eb'],
  ['a flood of zeros', `a${'\0'.repeat(70_000)}b\u0007`, 'a␀[70000 times]b␇'],
  ['sixteen of the same', '\u0001'.repeat(16), '␁'.repeat(16)],
  ['text of other scripts', 'grüße 世界 🌍', 'grüße 世界 🌍'],
])('%s is harmless', (_, text, expected) => {
  expect(harmless(text)).toBe(expected);
});
