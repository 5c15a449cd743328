const SPACE = /[ \t\n\r]*/y;
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids exactly these inside a string
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"/y;

/** Carries the offset out of the nested values. */
class FaultFound extends Error {
  readonly offset: number;

  constructor(offset: number) {
    super(`fault at ${offset}`);
    this.offset = offset;
  }
}

/**
 * The offset of the first character at which a text stops being JSON; its length if the text ends too early or is
 * JSON. The messages of `JSON.parse` do not tell it reliably.
 */
export function firstJsonFault(text: string): number {
  try {
    return skip(text, SPACE, afterValue(text, skip(text, SPACE, 0)));
  } catch (error) {
    if (error instanceof FaultFound) {
      return error.offset;
    }
    throw error;
  }
}

/** The offset after the value that starts at `at`. */
function afterValue(text: string, at: number): number {
  if (text[at] === '{') {
    return afterItems(text, at, { close: '}', afterItem: afterMember });
  }
  if (text[at] === '[') {
    return afterItems(text, at, { close: ']', afterItem: afterValue });
  }
  const end = Math.max(skip(text, STRING, at), skip(text, SCALAR, at));
  if (end === at) {
    throw new FaultFound(at);
  }
  return end;
}

type Items = { readonly close: string; readonly afterItem: (text: string, at: number) => number };

function afterItems(text: string, open: number, { close, afterItem }: Items): number {
  let at = skip(text, SPACE, open + 1);
  if (text[at] === close) {
    return at + 1;
  }
  for (;;) {
    at = skip(text, SPACE, afterItem(text, at));
    if (text[at] === close) {
      return at + 1;
    }
    at = skip(text, SPACE, expectedAt(text, at, ','));
  }
}

function afterMember(text: string, at: number): number {
  const key = skip(text, STRING, at);
  if (key === at) {
    throw new FaultFound(at);
  }
  const colon = skip(text, SPACE, key);
  return afterValue(text, skip(text, SPACE, expectedAt(text, colon, ':')));
}

function expectedAt(text: string, at: number, character: string): number {
  if (text[at] !== character) {
    throw new FaultFound(at);
  }
  return at + 1;
}

function skip(text: string, pattern: RegExp, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}
