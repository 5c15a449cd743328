/**
 * Makes output of a task safe to show on a terminal: colours are dropped, every other control character becomes
 * visible (many of the same in a row with their number), and so do characters that turn the direction of text around. Tabs and line ends stay; a carriage return
 * becomes a line end, so that nothing is written over.
 */
export function harmless(text: string): string {
  return text
    .replaceAll(COLOUR, '')
    .replaceAll(/\r+\n?/g, '\n')
    .replaceAll(CONTROL, shownRun);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what this looks for.
const COLOUR = /\u001b\[[\d;:]*m/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for.
const CONTROL = /([\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069])\1*/g;

/** So many of the same are shown one by one; a flood of zeros would only grow by being shown. */
const SHOWN_OF_THE_SAME = 16;

function shownRun(same: string): string {
  const character = visible(same.codePointAt(0) ?? 0);
  return same.length > SHOWN_OF_THE_SAME
    ? `${character}[${same.length} times]`
    : character.repeat(same.length);
}

function visible(code: number): string {
  if (code < 0x20) {
    return String.fromCodePoint(0x2400 + code);
  }
  return code === 0x7f ? '\u2421' : `\\u${code.toString(16).padStart(4, '0')}`;
}
