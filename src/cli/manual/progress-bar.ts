import type { Progress } from '../../execute/execution.ts';
import { percentText, shareOf } from '../run-view.ts';
import { cut, type Paint, pad, printable, widthOf } from '../terminal.ts';

/** One line at the bottom of a terminal that says how far a task is. */
export type ProgressBar = {
  readonly show: (task: string, progress: Progress) => void;
  /** Takes the line away, so that something else can be printed; the next {@link resume} brings it back. */
  readonly pause: () => void;
  readonly resume: () => void;
  /** Takes the line away until another task shows its progress. */
  readonly end: () => void;
};

export type BarTerminal = {
  readonly write: (text: string) => void;
  /** Its width in cells, now. */
  readonly columns: () => number;
  readonly paint: Paint;
};

/** A timer, and how to stop it. */
export type After = (ms: number, call: () => void) => () => void;

/** For what is no terminal. */
export const NO_BAR: ProgressBar = {
  show: () => undefined,
  pause: () => undefined,
  resume: () => undefined,
  end: () => undefined,
};

/** It is drawn anew at most that often. */
const REDRAW_EVERY_MS = 100;
const CLEAR_LINE = '\r\u001b[K';

/** A bar on a terminal that understands how to clear a line. */
export function openProgressBar(terminal: BarTerminal, after: After): ProgressBar {
  let newest: { readonly task: string; readonly progress: Progress } | undefined;
  let isDrawn = false;
  let isPaused = false;
  /** Runs while the last drawing is young. */
  let stopTimer: (() => void) | undefined;
  let isStale = false;
  const draw = (): void => {
    if (newest === undefined || isPaused) {
      return;
    }
    if (stopTimer !== undefined) {
      isStale = true;
      return;
    }
    terminal.write(`${CLEAR_LINE}${barLine(newest.task, newest.progress, terminal)}`);
    isDrawn = true;
    isStale = false;
    stopTimer = after(REDRAW_EVERY_MS, () => {
      stopTimer = undefined;
      if (isStale) {
        draw();
      }
    });
  };
  const clear = (): void => {
    if (isDrawn) {
      terminal.write(CLEAR_LINE);
      isDrawn = false;
      isStale = true;
    }
  };
  return {
    show: (task, progress) => {
      newest = { task, progress };
      draw();
    },
    pause: () => {
      isPaused = true;
      clear();
    },
    resume: () => {
      isPaused = false;
      draw();
    },
    end: () => {
      clear();
      newest = undefined;
      isPaused = false;
      isStale = false;
      stopTimer?.();
      stopTimer = undefined;
    },
  };
}

const MOST_BAR = 40;
const LEAST_BAR = 5;

/** `backup  45 % [=========>          ] 450/1000`, or what of it fits into the width. */
export function barLine(
  task: string,
  { done, total }: Progress,
  { columns, paint }: Pick<BarTerminal, 'columns' | 'paint'>,
): string {
  // A terminal may go to the next line after its last cell.
  const width = columns() - 1;
  const percent = pad(percentText({ done, total }), 5, 'right');
  const counts = `${numberText(done)}/${numberText(total)}`;
  const name = cut(printable(task), Math.max(8, Math.floor(width / 3)));
  const room = Math.min(MOST_BAR, width - widthOf(name) - percent.length - counts.length - 5);
  if (room >= LEAST_BAR) {
    const full = Math.floor(room * shareOf({ done, total }));
    const bar = `${'='.repeat(full)}${' '.repeat(room - full)}`;
    return `${name} ${percent} [${paint('green', bar)}] ${counts}`;
  }
  return cut(`${name} ${percent} ${counts}`, width);
}

function numberText(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(1);
}
