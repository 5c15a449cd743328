import { type Color, cut, type Paint, pad, printable, widthOf } from './terminal.ts';

const GAP = '  ';

export type Column<Row> = {
  readonly title: string;
  readonly value: (row: Row) => string;
  readonly align?: 'left' | 'right';
  /** A shorter value, for a table that does not fit otherwise. */
  readonly shortValue?: (row: Row) => string;
  /** Below this a column is not cut, as long as the terminal allows; the width of its title if absent. */
  readonly minWidth?: number;
  /** Marks a column that may be left out of a table that does not fit: that of the least worth goes first. */
  readonly worth?: number;
  readonly color?: (row: Row) => Color | undefined;
};

export type TableFrame = {
  /** Cells of the terminal; without it nothing is cut. */
  readonly columns: number | undefined;
  readonly paint: Paint;
};

/**
 * Writes rows as aligned lines, each ended by a newline, under a line of titles. Values are made harmless for a
 * terminal. Where a line would not fit, the widest columns are cut first. Before a column is cut below its minimum,
 * values become short, and then columns are left out.
 */
export function renderTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  frame: TableFrame,
): string {
  const shown = columnsShown(columns, rows, frame.columns);
  const widths =
    frame.columns === undefined ? shown.map(({ natural }) => natural) : fitted(shown, frame.columns);
  const titles = shown.map(({ column }) => ({ text: column.title, column, color: 'bold' as const }));
  const lines = rows.map((row, at) =>
    shown.map(({ column, cells }) => ({ text: cells[at] ?? '', column, color: column.color?.(row) })),
  );
  return [titles, ...lines].map((line) => `${renderLine(line, widths, frame.paint)}\n`).join('');
}

/** A column with its printable values, the width that they take, and the least that it should be given. */
type Measured<Row> = {
  readonly column: Column<Row>;
  readonly cells: readonly string[];
  readonly natural: number;
  readonly least: number;
};

/** The columns as they are shown: in full if they fit, else short, and without those of least worth. */
function columnsShown<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width: number | undefined,
): readonly Measured<Row>[] {
  const full = columns.map((column) => measure(column, rows, column.value));
  if (width === undefined || leastWidth(full) <= width) {
    return full;
  }
  let kept = full.map((measured) => {
    const { column } = measured;
    return column.shortValue === undefined ? measured : measure(column, rows, column.shortValue);
  });
  const dispensable = columns
    .flatMap((column) => (column.worth === undefined ? [] : [{ column, worth: column.worth }]))
    .sort((a, b) => a.worth - b.worth);
  for (const { column: least } of dispensable) {
    if (leastWidth(kept) <= width) {
      break;
    }
    kept = kept.filter(({ column }) => column !== least);
  }
  return kept;
}

function measure<Row>(
  column: Column<Row>,
  rows: readonly Row[],
  textOf: (row: Row) => string,
): Measured<Row> {
  const cells = rows.map((row) => printable(textOf(row)));
  const title = widthOf(column.title);
  const natural = cells.reduce((width, cell) => Math.max(width, widthOf(cell)), title);
  return { column, cells, natural, least: Math.min(natural, column.minWidth ?? title) };
}

function leastWidth(columns: ReadonlyArray<{ readonly least: number }>): number {
  return columns.reduce((sum, { least }) => sum + least, GAP.length * (columns.length - 1));
}

type Cell = {
  readonly text: string;
  readonly column: { readonly align?: 'left' | 'right' };
  readonly color: Color | undefined;
};

function renderLine(cells: readonly Cell[], widths: readonly number[], paint: Paint): string {
  const last = cells.length - 1;
  const parts = cells.map(({ text, column, color }, index) => {
    const width = widths[index] ?? 0;
    const shown = cut(text, width);
    // The last column is not filled: a line does not end in spaces.
    const filled = index === last && column.align !== 'right' ? shown : pad(shown, width, column.align);
    return color === undefined ? filled : paint(color, filled);
  });
  return parts.join(GAP).trimEnd();
}

/** Lowers the widest columns to a common width until the line fits, first down to their minimums, then below. */
function fitted(
  measured: ReadonlyArray<{ readonly natural: number; readonly least: number }>,
  columns: number,
): readonly number[] {
  const natural = measured.map((column) => column.natural);
  const room = columns - GAP.length * (natural.length - 1);
  for (const floor of [measured.map(({ least }) => least), natural.map(() => 1)]) {
    for (let cap = Math.min(Math.max(...natural), room); cap > 0; cap -= 1) {
      const widths = natural.map((width, index) => Math.min(width, Math.max(cap, floor[index] ?? 0)));
      if (widths.reduce((sum, width) => sum + width, 0) <= room) {
        return widths;
      }
    }
  }
  return natural.map(() => 1);
}

/** Writes labels and values in two columns, one pair a line; a value with line breaks continues under its start. */
export function renderFields(
  fields: ReadonlyArray<readonly [label: string, value: string]>,
  paint: Paint,
): string {
  const width = Math.max(0, ...fields.map(([label]) => widthOf(label)));
  const indent = ' '.repeat(width + GAP.length);
  return fields
    .map(([label, value]) => {
      const lines = value.split('\n').map(printable);
      return `${`${paint('dim', pad(label, width))}${GAP}${lines.join(`\n${indent}`)}`.trimEnd()}\n`;
    })
    .join('');
}
