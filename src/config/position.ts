/** A place in a text, both counted from 1. A column is a UTF-16 unit, as in most editors. */
export type Position = { readonly line: number; readonly column: number };

/** The place of an offset in a text; an offset past the end is the end. */
export function positionIn(text: string, offset: number): Position {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}
