import { type Color, cut, type Paint, pad, printable, widthOf } from './terminal.ts';

const GAP = '  ';

export type Column<Row> = {
  readonly title: string;
  readonly value: (row: Row) => string;
  readonly align?: 'left' | 'right';
  /** Below this a column is not cut, as long as the terminal allows; the width of its title if absent. */
  readonly minWidth?: number;
  readonly color?: (row: Row) => Color | undefined;
};

export type TableFrame = {
  /** Cells of the terminal; without it nothing is cut. */
  readonly columns: number | undefined;
  readonly paint: Paint;
};

/**
 * Writes rows as aligned lines, each ended by a newline, under a line of titles. Values are made harmless for a
 * terminal. Where a line would not fit, the widest columns are cut first.
 */
export function renderTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  frame: TableFrame,
): string {
  const cells = rows.map((row) => columns.map((column) => printable(column.value(row))));
  const natural = columns.map((column, index) =>
    cells.reduce((width, line) => Math.max(width, widthOf(line[index] ?? '')), widthOf(column.title)),
  );
  const widths = frame.columns === undefined ? natural : fitted(natural, minimumsOf(columns), frame.columns);
  const titles = columns.map((column) => ({ text: column.title, column, color: 'bold' as const }));
  const lines = rows.map((row, at) =>
    columns.map((column, index) => ({ text: cells[at]?.[index] ?? '', column, color: column.color?.(row) })),
  );
  return [titles, ...lines].map((line) => `${renderLine(line, widths, frame.paint)}\n`).join('');
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

function minimumsOf<Row>(columns: readonly Column<Row>[]): number[] {
  return columns.map((column) => column.minWidth ?? widthOf(column.title));
}

/** Lowers the widest columns to a common width until the line fits, first down to their minimums, then below. */
function fitted(natural: readonly number[], minimums: readonly number[], columns: number): number[] {
  const room = columns - GAP.length * (natural.length - 1);
  for (const floor of [minimums, natural.map(() => 1)]) {
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
