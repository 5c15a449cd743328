/** A part of a pattern: any number of characters, one of any kind, or one that is among some. */
type Part =
  | { readonly kind: 'any-number' }
  | { readonly kind: 'one'; readonly fits: (character: string) => boolean };

/** True for a text in which a character means more than itself. */
export function isGlob(text: string): boolean {
  return /[*?[]/.test(text);
}

/**
 * Makes a test of a pattern in the notation of shells: `*` is any number of characters, `?` is one, `[a-f_]` is one of
 * those and `[!a-f]` one of the others. A bracket that nothing closes stands for itself. The whole text has to match.
 */
export function globTest(pattern: string): (text: string) => boolean {
  const parts = partsOf(Array.from(pattern));
  return (text) => matches(parts, Array.from(text));
}

function partsOf(pattern: readonly string[]): readonly Part[] {
  const parts: Part[] = [];
  let at = 0;
  while (at < pattern.length) {
    const character = pattern[at] ?? '';
    const set = character === '[' ? setAt(pattern, at) : undefined;
    if (set !== undefined) {
      parts.push({ kind: 'one', fits: set.fits });
      at = set.end;
      continue;
    }
    parts.push(partOf(character));
    at += 1;
  }
  return parts;
}

function partOf(character: string): Part {
  switch (character) {
    case '*':
      return { kind: 'any-number' };
    case '?':
      return { kind: 'one', fits: () => true };
    default:
      return { kind: 'one', fits: (other) => other === character };
  }
}

type CharacterSet = { readonly fits: (character: string) => boolean; readonly end: number };

/** The set that begins with the bracket there; undefined if nothing closes it. */
function setAt(pattern: readonly string[], start: number): CharacterSet | undefined {
  const isNegated = ['!', '^'].includes(pattern[start + 1] ?? '');
  const first = start + (isNegated ? 2 : 1);
  // A closing bracket that comes first is one of the set.
  const close = pattern.indexOf(']', first + 1);
  if (close < 0) {
    return undefined;
  }
  const ranges = rangesOf(pattern.slice(first, close));
  const isAmong = (character: string) =>
    ranges.some(([from, to]) => from <= pointOf(character) && pointOf(character) <= to);
  return { fits: (character) => isAmong(character) !== isNegated, end: close + 1 };
}

type Range = readonly [from: number, to: number];

/** What the characters between the brackets stand for. A dash with one on either side is a part of its range alone. */
function rangesOf(members: readonly string[]): readonly Range[] {
  const ranges: Range[] = [];
  let at = 0;
  while (at < members.length) {
    const [from = '', dash, to] = members.slice(at, at + 3);
    const isRange = dash === '-' && to !== undefined;
    ranges.push([pointOf(from), pointOf(isRange ? to : from)]);
    at += isRange ? 3 : 1;
  }
  return ranges;
}

function pointOf(character: string): number {
  return character.codePointAt(0) ?? 0;
}

/** Goes back to the last `*` only, so that no pattern takes long. */
function matches(parts: readonly Part[], text: readonly string[]): boolean {
  let [part, at] = [0, 0];
  let again: { readonly part: number; readonly at: number } | undefined;
  while (at < text.length) {
    const wanted = parts[part];
    if (wanted?.kind === 'any-number') {
      part += 1;
      again = { part, at };
    } else if (wanted?.fits(text[at] ?? '') === true) {
      part += 1;
      at += 1;
    } else if (again === undefined) {
      return false;
    } else {
      again = { part: again.part, at: again.at + 1 };
      ({ part, at } = again);
    }
  }
  return parts.slice(part).every(({ kind }) => kind === 'any-number');
}
