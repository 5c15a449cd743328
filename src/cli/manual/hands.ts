import type { Writable } from 'node:stream';
import { PeriodicCronError } from '../../core/errors.ts';
import type { Confirm } from '../../runner/confirmation.ts';
import { refuseForeignName } from '../../runner/node-identity.ts';
import type { Runner } from '../../runner/runner.ts';
import { actorName } from '../actor.ts';
import type { Context } from '../context.ts';
import type { EndSignals } from '../end-signals.ts';
import { type EventLog, openEventLog } from '../event-log.ts';
import type { Output } from '../output.ts';
import { runnerOf, type Session } from '../session.ts';
import { paintFor } from '../terminal.ts';
import { CONFIRMED_BY_FLAG, confirmAt } from './confirm.ts';
import { type After, NO_BAR, openProgressBar, type ProgressBar } from './progress-bar.ts';
import { showEvents } from './show-events.ts';

/** What a command works with that runs tasks by hand. */
export type Hands = { readonly runner: Runner; readonly confirm: Confirm };

export type HandFlags = { readonly confirm?: boolean; readonly node?: string; readonly takeover?: boolean };

const DEFAULT_COLUMNS = 80;

/**
 * A runner whose events are shown and logged as those of the person who calls, and a way to ask that person.
 *
 * @throws ConfigError when the name of this node is another machine's
 */
export async function openHands(
  context: Context,
  session: Session,
  { signals, flags }: { readonly signals: EndSignals; readonly flags: HandFlags },
): Promise<Hands> {
  const { io, output } = context;
  const actor = actorName(io.uid);
  const log = signed(await openEventLog(context, session, { show: true }), actor);
  const bar = barOf(context);
  const onEvent = showEvents({ output, log, bar, isShared: io.stdoutIsTerminal });
  const runner = runnerOf(context, session, { cancel: signals.cancel, onEvent });
  if (flags.node === undefined && flags.takeover !== true) {
    await refuseForeignName(runner);
  }
  const confirm =
    flags.confirm === true
      ? CONFIRMED_BY_FLAG
      : confirmAt({
          get stdin() {
            return io.stdin;
          },
          write: writeTo(context),
          paint: stderrPaint(context),
          get isTerminal() {
            return io.stdinIsTerminal && io.stderrIsTerminal;
          },
          cancel: signals.cancel,
          after,
          actor,
        });
  return { runner, confirm };
}

/** The log of what one person did. */
function signed(log: EventLog, actor: string): EventLog {
  return { ...log, write: (life) => log.write({ ...life, actor }) };
}

function barOf(context: Context): ProgressBar {
  const { io, output } = context;
  if (!io.stderrIsTerminal || output.isJson || io.env['TERM'] === 'dumb') {
    return NO_BAR;
  }
  const terminal: Writable & { readonly columns?: number } = io.stderr;
  return openProgressBar(
    {
      write: writeTo(context),
      // A terminal that nobody has told its size says 0.
      columns: () => terminal.columns || io.columns || DEFAULT_COLUMNS,
      paint: stderrPaint(context),
    },
    after,
  );
}

/** Writes to stderr as it is. A terminal that has gone away is told of elsewhere, by what has to be printed. */
function writeTo({ io }: Context): (text: string) => void {
  let isWatched = false;
  return (text) => {
    if (!isWatched) {
      isWatched = true;
      io.stderr.on('error', () => undefined);
    }
    io.stderr.write(text);
  };
}

function stderrPaint({ io, globals }: Context) {
  return paintFor({ env: io.env, isTerminal: io.stderrIsTerminal, allowed: globals.color });
}

const after: After = (ms, call) => {
  const timer = setTimeout(call, ms);
  return () => clearTimeout(timer);
};

/**
 * Tells why a task was not started, where a signal ended the call meanwhile, and returns the exit code of that; throws
 * anything else.
 */
export function interruptedBy(signals: EndSignals, output: Output, error: unknown): number {
  const exitCode = signals.exitCode();
  if (exitCode === undefined || !(error instanceof PeriodicCronError)) {
    throw error;
  }
  output.note(error.message);
  return exitCode;
}
