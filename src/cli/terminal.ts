const ASCII = /^[\x20-\x7e]*$/;
// Controls, surrogates without a partner, line and paragraph separators, and what turns the direction of text.
const HARMFUL = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu;
const SHORT_ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

const ZERO_WIDTH = /^[\p{M}\p{Cf}\u1160-\u11ff]$/u;
const EMOJI_CLUSTER = /\ufe0f|\p{Extended_Pictographic}\u200d|^\p{Regional_Indicator}{2}$/u;
const EMOJI = /^\p{Emoji_Presentation}$/u;
// East Asian Width "wide" and "fullwidth" (Unicode Standard Annex 11), without what is emoji by presentation.
const WIDE_RANGES: ReadonlyArray<readonly [number, number]> = [
  [0x1100, 0x115f],
  [0x2329, 0x232a],
  [0x2e80, 0x303e],
  [0x3041, 0x3247],
  [0x3250, 0xa4cf],
  [0xa960, 0xa97c],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6f],
  [0xff01, 0xff60],
  [0xffe0, 0xffe6],
  [0x16fe0, 0x18dff],
  [0x1aff0, 0x1b2ff],
  [0x1f200, 0x1f265],
  [0x20000, 0x3fffd],
];

let segmenter: Intl.Segmenter | undefined;

/**
 * A value as one line that is harmless on a terminal: control characters, escape sequences among them, become visible
 * (`\n`, `\x1b`), as does what turns the direction of text.
 */
export function printable(text: string): string {
  return text.replace(HARMFUL, (character) => SHORT_ESCAPES[character] ?? escaped(character));
}

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return code < 0x100
    ? `\\x${code.toString(16).padStart(2, '0')}`
    : `\\u${code.toString(16).padStart(4, '0')}`;
}

/** How many terminal cells a printable text takes: two for East Asian wide characters and emoji, none for marks. */
export function widthOf(text: string): number {
  if (ASCII.test(text)) {
    return text.length;
  }
  return clustersOf(text).reduce((width, cluster) => width + clusterWidth(cluster), 0);
}

/** Cuts a printable text to at most `width` cells, the last of them `…` if something is left out. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) {
    return text;
  }
  let kept = '';
  let used = 1;
  for (const cluster of clustersOf(text)) {
    used += clusterWidth(cluster);
    if (used > width) {
      break;
    }
    kept += cluster;
  }
  return width > 0 ? `${kept}…` : '';
}

/** Fills a printable text with spaces to `width` cells. */
export function pad(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const fill = ' '.repeat(Math.max(0, width - widthOf(text)));
  return align === 'left' ? text + fill : fill + text;
}

// Made at the first text that needs it: loading Intl is slow.
function clustersOf(text: string): string[] {
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

function clusterWidth(cluster: string): number {
  if (EMOJI_CLUSTER.test(cluster)) {
    return 2;
  }
  const characters = Array.from(cluster);
  // A skin tone is drawn into the emoji before it.
  const drawn = characters.filter(
    (character, index) => index === 0 || !/\p{Emoji_Modifier}/u.test(character),
  );
  return drawn.reduce((width, character) => width + characterWidth(character), 0);
}

function characterWidth(character: string): number {
  if (ZERO_WIDTH.test(character)) {
    return 0;
  }
  return EMOJI.test(character) || isWide(character.codePointAt(0) ?? 0) ? 2 : 1;
}

function isWide(code: number): boolean {
  return WIDE_RANGES.some(([first, last]) => code >= first && code <= last);
}

const COLORS = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39] } as const;
export type Color = keyof typeof COLORS;

/** Colours a text, or leaves it as it is where colours are not wanted. */
export type Paint = (color: Color, text: string) => string;

export type ColorWish = {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly isTerminal: boolean;
  /** False for `--no-color`. */
  readonly allowed: boolean;
};

/**
 * Colours on a terminal only, unless `FORCE_COLOR` asks for them (0 and false do not). `--no-color`, a `NO_COLOR` that
 * is not empty and, without `FORCE_COLOR`, `TERM=dumb` switch them off.
 */
export function paintFor({ env, isTerminal, allowed }: ColorWish): Paint {
  const isForced = !['', '0', 'false'].includes(env['FORCE_COLOR'] ?? '');
  const isRefused = !allowed || (env['NO_COLOR'] ?? '') !== '';
  const isOn = !isRefused && (isForced || (isTerminal && env['TERM'] !== 'dumb'));
  return isOn ? painted : plain;
}

function painted(color: Color, text: string): string {
  const [on, off] = COLORS[color];
  return `\x1b[${on}m${text}\x1b[${off}m`;
}

function plain(_color: Color, text: string): string {
  return text;
}
