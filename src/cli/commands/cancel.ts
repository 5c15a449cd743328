import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { UsageError } from '../../core/errors.ts';
import { awaitEnd, endingSeconds, inSeconds } from '../../runner/await-end.ts';
import { askToCancel } from '../../store/cancel-request.ts';
import { findRunById } from '../../store/history.ts';
import { actorName } from '../actor.ts';
import type { ActionOf } from '../command-list.ts';
import type { Context } from '../context.ts';
import { type Cancelled, describeCancelled, exitCodeOfCancelled } from '../manual/tell-cancelled.ts';
import { runJson } from '../run-view.ts';
import { type Session, withSession } from '../session.ts';
import { printable } from '../terminal.ts';
import { countValue, durationValue } from '../values.ts';

/** `wait` is false for `--no-wait`. */
type CancelFlags = { readonly wait?: string | false; readonly reason?: string };

const MAX_REASON = 1_000;

export function define(command: Command, actionOf: ActionOf): void {
  command
    .description(
      'Ask live runs to end, on this or another node, whoever started them: the task is told to end, and killed after its grace. A cancelled run is never retried.',
    )
    .argument('<run...>', 'numbers of runs, as history prints them')
    .option(
      '--wait <D>',
      'wait so long for the end, such as 2m (default: the grace of the task and 10 seconds)',
    )
    .option('--no-wait', 'only ask')
    .option('--reason <TEXT>', 'why, for the audit')
    .addHelpText(
      'after',
      `
The request goes through the database, where the runner of the run looks every other second. Exit status: 0 when each of
the runs has ended (with --no-wait: was asked), 5 when there is no such run or it had ended before, 1 when one was asked
and has not ended in time.

Examples:
  periodic-cron history --status running
  periodic-cron cancel 4711
  periodic-cron cancel 4711 4712 --wait 2m --reason 'disk is full'`,
    )
    .action(actionOf(cancel));
}

function cancel(context: Context, words: readonly string[], flags: CancelFlags): Promise<number> {
  const ids = [...new Set(words)].map((word) =>
    countValue('cancel', word, { min: 1, max: Number.MAX_SAFE_INTEGER }),
  );
  const waitSeconds = typeof flags.wait === 'string' ? durationValue('--wait', flags.wait, 1) : undefined;
  const reason = reasonOf(flags.reason);
  return withSession(context, {}, async (session) => {
    const asked: Cancelled[] = [];
    for (const id of ids) {
      asked.push(await ask(context, session, id, reason));
    }
    // Asked together, so that they end beside each other.
    const ended: Cancelled[] = [];
    for (const one of asked) {
      const done = flags.wait === false ? one : await ending(context, session, one, waitSeconds);
      tell(context, done);
      ended.push(done);
    }
    if (context.output.isJson) {
      context.output.document({ runs: ended.map(toJson) });
    }
    return exitCodeOfCancelled(ended);
  });
}

function reasonOf(text: string | undefined): string | null {
  const reason = text?.trim() ?? '';
  if (reason.length > MAX_REASON) {
    throw new UsageError(`--reason: expected at most ${MAX_REASON} characters, got ${reason.length}`);
  }
  return reason === '' ? null : reason;
}

async function ask(
  { io }: Context,
  { store, clock }: Session,
  id: number,
  reason: string | null,
): Promise<Cancelled> {
  const found = await findRunById(store.database, id);
  if (found === undefined) {
    return { kind: 'unknown', id };
  }
  const audit = { at: clock(), actor: actorName(io.uid), reason };
  if (found.run.status === 'running' && (await askToCancel(store.driver, found.run, audit))) {
    return { kind: 'asked', run: found.run };
  }
  // It may have ended since it was looked up.
  const now = await findRunById(store.database, id);
  return { kind: 'over', run: now?.run ?? found.run };
}

async function ending(
  { output }: Context,
  { store, clock }: Session,
  asked: Cancelled,
  waitSeconds: number | undefined,
): Promise<Cancelled> {
  if (asked.kind !== 'asked') {
    return asked;
  }
  const { run } = asked;
  const seconds = waitSeconds ?? (await endingSeconds(store.driver, run));
  let isTold = false;
  const onLook = () => {
    if (!isTold && output.isVerbose) {
      isTold = true;
      output.note(
        `run ${run.id} of task ${JSON.stringify(run.taskName)} is asked to end; waiting up to ${seconds}s`,
      );
    }
  };
  const wait = { driver: store.driver, clock, pause: sleep, onLook };
  const last = await awaitEnd(wait, run.token, inSeconds(clock, seconds));
  if (last?.status === 'running') {
    return { kind: 'still-running', run: last, seconds };
  }
  return { kind: 'ended', run: last ?? run };
}

function tell({ output }: Context, done: Cancelled): void {
  const text = describeCancelled(done);
  if (done.kind === 'ended' || done.kind === 'asked') {
    if (!output.isJson) {
      output.line(printable(text));
    }
  } else {
    output.note(text);
  }
}

function toJson(done: Cancelled) {
  return done.kind === 'unknown'
    ? { id: done.id, outcome: done.kind }
    : { ...runJson(done.run), outcome: done.kind };
}
