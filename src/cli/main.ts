import { messageOf, PeriodicCronError } from '../core/errors.ts';
import { parseRunScheduled, type RunScheduledFlags } from './arguments.ts';
import { type Context, openContext } from './context.ts';
import { EXIT } from './exit-codes.ts';
import type { Io } from './io.ts';

export { processIo } from './io.ts';

import { createPrinter, noteLine, type Printer } from './output.ts';

/** What a call may load, each only when it needs it. */
export type Parts = {
  readonly loadTick: () => Promise<{
    readonly runScheduled: (flags: RunScheduledFlags, context: Context) => Promise<number>;
  }>;
  readonly loadProgram: () => Promise<{
    readonly runProgram: (words: readonly string[], io: Io, printer: Printer) => Promise<number>;
  }>;
};

const PARTS: Parts = {
  loadTick: () => import('./commands/run-scheduled.ts'),
  loadProgram: () => import('./program.ts'),
};

const VERBOSE = /^(--verbose|-[a-zA-Z]*v[a-zA-Z]*)$/;

/**
 * Runs one command line (the words after the name of the program) and returns the exit code. Never throws; when it
 * returns, all output has been taken by whoever reads it.
 */
export async function main(words: readonly string[], io: Io, parts = PARTS): Promise<number> {
  const printer = createPrinter(io);
  const isVerbose = words.some((word) => VERBOSE.test(word));
  const exitCode = await run(words, { io, printer, parts }).catch((error: unknown) =>
    report(error, printer, isVerbose),
  );
  const fault = await printer.flush();
  if (fault === undefined) {
    return exitCode;
  }
  printer.err(noteLine(`cannot write the output: ${fault.message}`));
  await printer.flush();
  return EXIT.internal;
}

type World = { readonly io: Io; readonly printer: Printer; readonly parts: Parts };

async function run(words: readonly string[], { io, printer, parts }: World): Promise<number> {
  const call = parseRunScheduled(words);
  if (call !== undefined) {
    const { runScheduled } = await parts.loadTick();
    return await runScheduled(call.flags, openContext(io, printer, call.globals));
  }
  const { runProgram } = await parts.loadProgram();
  return await runProgram(words, io, printer);
}

function report(error: unknown, printer: Printer, isVerbose: boolean): number {
  if (error instanceof PeriodicCronError) {
    printer.err(noteLine(error.message));
    if (isVerbose && error.cause !== undefined) {
      printer.err(noteLine(`caused by: ${messageOf(error.cause)}`));
    }
    return error.exitCode;
  }
  if (!isVerbose) {
    printer.err(noteLine(`internal error: ${messageOf(error)}; run with -v for details`));
    return EXIT.internal;
  }
  printer.err(noteLine(`internal error: ${messageOf(error)}`));
  printer.err(error instanceof Error ? `${error.stack}\n` : '');
  return EXIT.internal;
}
