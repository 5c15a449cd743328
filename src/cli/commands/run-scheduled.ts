import { formatDuration } from '../../core/durations.ts';
import { stableHash } from '../../core/hash.ts';
import { type Instant, toShortText } from '../../core/instants.ts';
import type { NotRun, Runner, RunnerEvent, RunReport } from '../../runner/runner.ts';
import { exitCodeOf, runTick, type TickOptions, type TickReport } from '../../runner/tick.ts';
import { waitsForTicks } from '../../store/tick-statements.ts';
import type { RunScheduledFlags } from '../arguments.ts';
import type { Context } from '../context.ts';
import { withEndSignals } from '../end-signals.ts';
import { logRunnerEvent, openEventLog, SILENT_LOG } from '../event-log.ts';
import type { Output } from '../output.ts';
import { runnerOf, type Session, withSession } from '../session.ts';
import type { SlotAccount } from '../slot-account.ts';
import { describeRun, tellRun } from '../tell-run.ts';
import { printable } from '../terminal.ts';

/**
 * One tick, as cron calls it: prints what ran and what comes next; with `-c` only what is wrong, on stderr.
 */
export function runScheduled(flags: RunScheduledFlags, context: Context): Promise<number> {
  return withEndSignals(async (signals) => {
    await splay(flags, context, signals.cancel);
    const report = await tick(flags, context, signals.cancel);
    const loud = !flags.cron || flags.dryRun;
    if (context.output.isJson && loud) {
      context.output.document(toJson(report));
    } else if (loud) {
      context.output.line(comesNext(report));
    }
    return signals.exitCode() ?? (flags.dryRun ? 0 : exitCodeOf(report));
  });
}

/** A stable part of the span, by the node's name, so that many nodes do not meet at the database in the same second. */
async function splay(
  { splaySeconds, node }: RunScheduledFlags,
  context: Context,
  signal: AbortSignal,
): Promise<void> {
  if (splaySeconds === undefined || splaySeconds === 0) {
    return;
  }
  const config = await context.loadConfig({ node });
  const ms = stableHash(config.node) % (splaySeconds * 1_000);
  const { setTimeout: pause } = await import('node:timers/promises');
  await pause(ms, undefined, { signal }).catch(() => undefined);
}

/** What a tick did; a dry run also accounts for the slots that are due. */
type Told = TickReport & {
  readonly slots?: readonly SlotAccount[];
  /** A task of the node counts ticks: no instant says when it becomes due. Asked for only where it is told. */
  readonly waitsForTicks?: boolean;
};

function tick(flags: RunScheduledFlags, context: Context, cancel: AbortSignal): Promise<Told> {
  const session = { node: flags.node, readOnly: flags.dryRun, quiet: flags.cron };
  return withSession(context, session, async (opened) => {
    const log = flags.dryRun ? SILENT_LOG : await openEventLog(context, opened, { show: !flags.cron });
    const runner = runnerOf(context, opened, {
      cancel,
      onEvent: (event) => {
        logRunnerEvent(log, event);
        tell(event, flags, { output: context.output, now: opened.clock() });
      },
    });
    const report = flags.dryRun
      ? await dryRun(context, opened, { runner, at: flags.at ?? runner.clock() })
      : await runTick(runner, passOptions(flags, runner));
    const isTold = !context.output.isJson && (!flags.cron || flags.dryRun);
    return isTold
      ? { ...report, waitsForTicks: await waitsForTicks(runner.driver, runner.node.name) }
      : report;
  });
}

function passOptions(
  { parallel, failFast, limitSeconds, takeover }: RunScheduledFlags,
  { clock }: Runner,
): TickOptions {
  const noStartAfter = limitSeconds === undefined ? undefined : clock() + limitSeconds * 1_000;
  return { parallel, failFast, noStartAfter, takeover };
}

async function dryRun(
  context: Context,
  session: Session,
  { runner, at }: { readonly runner: Runner; readonly at: Instant },
): Promise<Told> {
  const { previewTick } = await import('../../runner/preview.ts');
  const { accountText, slotAccounts } = await import('../slot-account.ts');
  const report = await previewTick(runner, at);
  const slots = await slotAccounts(context, session, { report, at });
  tellPreview(report, { output: context.output, now: at });
  if (!context.output.isJson) {
    for (const account of slots.filter(({ due }) => due > 1)) {
      context.output.line(printable(`due        ${JSON.stringify(account.task)}  ${accountText(account)}`));
    }
  }
  return { ...report, slots };
}

/** Where it is told, and what is past there. */
type Telling = { readonly output: Output; readonly now: Instant };

function tell(event: RunnerEvent, { cron }: RunScheduledFlags, { output, now }: Telling): void {
  switch (event.kind) {
    case 'warning':
      output.note(event.message);
      return;
    case 'ended':
      tellRun(event.run, { cron, output });
      return;
    case 'not-run':
      tellNotRun(event.notRun, cron, { output, now });
      return;
    case 'life':
    case 'resource':
    case 'started':
    case 'output':
      return;
  }
}

function tellNotRun(
  { task, reason, nextSlotAt, newFault }: NotRun,
  cron: boolean,
  { output, now }: Telling,
): void {
  if (newFault) {
    output.note(`task ${JSON.stringify(task)} is ${reason}`);
    return;
  }
  if (!cron && !output.isJson && (output.isVerbose || !reason.startsWith('not due'))) {
    output.line(`not run  ${JSON.stringify(task)}  ${reason}${slotText(reason, nextSlotAt, now)}`);
  }
}

/** The slot that is left due is no next one; the reason of a tick that leaves one ends so. */
function slotText(reason: string, slotAt: Instant | null, now: Instant): string {
  if (slotAt === null) {
    return '';
  }
  const isLeft = reason.endsWith('stays due') && slotAt <= now;
  return `${isLeft ? ', since' : '; next slot'} ${toShortText(slotAt)}`;
}

function tellPreview(report: TickReport, { output, now }: Telling): void {
  if (output.isJson) {
    return;
  }
  for (const run of report.runs) {
    output.line(`would run  ${describeRun(run)}`);
  }
  for (const notRun of report.notRun) {
    tellNotRun(notRun, false, { output, now });
  }
}

function comesNext({ idleForSeconds, waitsForTicks = false, node }: Told): string {
  const place = `node ${JSON.stringify(node)}`;
  if (idleForSeconds === null) {
    return waitsForTicks ? `tasks of ${place} wait for its ticks` : `nothing waits on ${place}`;
  }
  const counted = waitsForTicks ? '; others wait for ticks' : '';
  if (idleForSeconds === 0) {
    return `what stays due on ${place} waits for its next tick${counted}`;
  }
  return `next task of ${place} in ${formatDuration(idleForSeconds)}${counted}`;
}

function toJson({ node, tickAt, runs, notRun, slots, idleForSeconds }: Told) {
  return {
    node,
    tickAt: toShortText(tickAt),
    runs: runs.map(runJson),
    notRun: notRun.map(({ task, reason, nextSlotAt }) => ({
      task,
      reason,
      nextSlotAt: nextSlotAt === null ? null : toShortText(nextSlotAt),
    })),
    ...(slots === undefined ? {} : { slots }),
    idleForSeconds,
  };
}

function runJson({ task, slotAt, missed, status, durationMs, error, warning }: RunReport) {
  return {
    task,
    slotAt: slotAt === null ? null : toShortText(slotAt),
    missed,
    status,
    durationMs,
    error,
    warning,
  };
}
