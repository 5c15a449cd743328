import type { Writable } from 'node:stream';
import type { Io } from './io.ts';
import { type Column, renderFields, renderTable } from './table.ts';
import { type Paint, paintFor, printable } from './terminal.ts';

/** How a command speaks: results on stdout, words for people on stderr. */
export type Output = {
  readonly isJson: boolean;
  readonly isVerbose: boolean;
  /** Colours for stdout. */
  readonly paint: Paint;
  /** Width of the terminal that stdout is; undefined when it is none. */
  readonly columns: number | undefined;
  /** Writes text to stdout as it is. What the user's data put into it must have gone through `printable`. */
  readonly text: (text: string) => void;
  /** Resolves when stdout has taken what was written; undefined while it keeps up. */
  readonly drained: () => Promise<void> | undefined;
  /** Writes one line to stdout, and a line break. */
  readonly line: (text: string) => void;
  readonly table: <Row>(columns: readonly Column<Row>[], rows: readonly Row[]) => void;
  readonly fields: (fields: ReadonlyArray<readonly [label: string, value: string]>) => void;
  /** Writes the one document of `--json`. */
  readonly document: (value: unknown) => void;
  /** Writes one harmless line to stderr, after the name of the program. */
  readonly note: (message: string) => void;
};

export type OutputWishes = { readonly json: boolean; readonly color: boolean; readonly verbose: boolean };

export function createOutput(io: Io, printer: Printer, wishes: OutputWishes): Output {
  return {
    isJson: wishes.json,
    isVerbose: wishes.verbose,
    get paint() {
      return paintFor({ env: io.env, isTerminal: io.stdoutIsTerminal, allowed: wishes.color });
    },
    get columns() {
      return io.stdoutIsTerminal ? io.columns : undefined;
    },
    text: printer.out,
    drained: printer.drained,
    line: (text) => printer.out(`${text}\n`),
    table(tableColumns, rows) {
      printer.out(renderTable(tableColumns, rows, { columns: this.columns, paint: this.paint }));
    },
    fields(fields) {
      printer.out(renderFields(fields, this.paint));
    },
    document: (value) => printer.out(`${JSON.stringify(value, null, 2)}\n`),
    note: (message) => printer.err(noteLine(message)),
  };
}

/** A message as stderr shows it. */
export function noteLine(message: string): string {
  return `periodic-cron: ${printable(message.replaceAll(/\s*\n\s*/g, ' '))}\n`;
}

/** Writes to stdout and stderr of a call, and knows when all of it has been taken. */
export type Printer = {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Resolves when stdout has taken what was written; undefined while it keeps up. */
  readonly drained: () => Promise<void> | undefined;
  /**
   * Resolves when everything written has been taken or refused, to the fault that stdout gave, if any. A reader that
   * went away (`| head -1`) is no fault: the rest is dropped quietly.
   */
  readonly flush: () => Promise<Error | undefined>;
};

export function createPrinter(io: Pick<Io, 'stdout' | 'stderr'>): Printer {
  const out = createSink(() => io.stdout);
  const err = createSink(() => io.stderr);
  return {
    out: out.write,
    err: err.write,
    drained: out.drained,
    flush: async () => {
      const [fault] = await Promise.all([out.flush(), err.flush()]);
      return fault;
    },
  };
}

/** Opens its stream with the first write. */
function createSink(open: () => Writable) {
  const pending = new Set<Promise<void>>();
  let stream: Writable | undefined;
  let fault: Error | undefined;
  const refuse = (error: Error) => {
    fault ??= error;
  };
  const opened = (): Writable => {
    if (stream === undefined) {
      stream = open();
      // Stays for good: an error may come after the last write, and without a listener it would end the process.
      stream.on('error', refuse);
    }
    return stream;
  };
  return {
    write: (text: string) => {
      if (fault !== undefined || text === '') {
        return;
      }
      const taken = new Promise<void>((resolve) => {
        opened().write(text, (error) => {
          if (error) {
            refuse(error);
          }
          resolve();
        });
      }).finally(() => pending.delete(taken));
      pending.add(taken);
    },
    drained: () =>
      stream?.writableNeedDrain === true ? Promise.all(pending).then(() => undefined) : undefined,
    flush: async () => {
      await Promise.all(pending);
      return isReaderGone(fault) ? undefined : fault;
    },
  };
}

function isReaderGone(fault: Error | undefined): boolean {
  return fault !== undefined && 'code' in fault && fault.code === 'EPIPE';
}
