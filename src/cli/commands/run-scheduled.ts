import { formatDuration } from '../../core/durations.ts';
import { stableHash } from '../../core/hash.ts';
import { toShortText } from '../../core/instants.ts';
import type { NotRun, RunnerEvent, RunReport } from '../../runner/runner.ts';
import { exitCodeOf, runTick, type TickReport } from '../../runner/tick.ts';
import type { RunScheduledFlags } from '../arguments.ts';
import type { Context } from '../context.ts';
import { withEndSignals } from '../end-signals.ts';
import type { Output } from '../output.ts';
import { runnerOf, withSession } from '../session.ts';
import { describeRun, tellRun } from '../tell-run.ts';

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

function tick(flags: RunScheduledFlags, context: Context, cancel: AbortSignal): Promise<TickReport> {
  const session = { node: flags.node, readOnly: flags.dryRun, quiet: flags.cron };
  return withSession(context, session, async (opened) => {
    const runner = runnerOf(context, opened, {
      cancel,
      onEvent: (event) => tell(event, flags, context.output),
    });
    if (flags.dryRun) {
      const { previewTick } = await import('../../runner/preview.ts');
      const report = await previewTick(runner, flags.at ?? runner.clock());
      tellPreview(report, context.output);
      return report;
    }
    const noStartAfter =
      flags.limitSeconds === undefined ? undefined : runner.clock() + flags.limitSeconds * 1_000;
    return runTick(runner, { parallel: flags.parallel, failFast: flags.failFast, noStartAfter });
  });
}

function tell(event: RunnerEvent, { cron }: RunScheduledFlags, output: Output): void {
  switch (event.kind) {
    case 'warning':
      output.note(event.message);
      return;
    case 'ended':
      tellRun(event.run, { cron, output });
      return;
    case 'not-run':
      tellNotRun(event.notRun, cron, output);
      return;
    case 'started':
    case 'output':
      return;
  }
}

function tellNotRun({ task, reason, nextSlotAt, newFault }: NotRun, cron: boolean, output: Output): void {
  if (newFault) {
    output.note(`task ${JSON.stringify(task)} is ${reason}`);
    return;
  }
  if (!cron && !output.isJson && (output.isVerbose || !reason.startsWith('not due'))) {
    const next = nextSlotAt === null ? '' : `; next slot ${toShortText(nextSlotAt)}`;
    output.line(`not run  ${JSON.stringify(task)}  ${reason}${next}`);
  }
}

function tellPreview(report: TickReport, output: Output): void {
  if (output.isJson) {
    return;
  }
  for (const run of report.runs) {
    output.line(`would run  ${describeRun(run)}`);
  }
  for (const notRun of report.notRun) {
    tellNotRun(notRun, false, output);
  }
}

function comesNext({ idleForSeconds, node }: TickReport): string {
  return idleForSeconds === null
    ? `nothing waits on node ${JSON.stringify(node)}`
    : `next task of node ${JSON.stringify(node)} in ${formatDuration(idleForSeconds)}`;
}

function toJson({ node, tickAt, runs, notRun, idleForSeconds }: TickReport) {
  return {
    node,
    tickAt: toShortText(tickAt),
    runs: runs.map(runJson),
    notRun: notRun.map(({ task, reason, nextSlotAt }) => ({
      task,
      reason,
      nextSlotAt: nextSlotAt === null ? null : toShortText(nextSlotAt),
    })),
    idleForSeconds,
  };
}

function runJson({ task, slotAt, missed, status, durationMs, error }: RunReport) {
  return {
    task,
    slotAt: slotAt === null ? null : toShortText(slotAt),
    missed,
    status,
    durationMs,
    error,
  };
}
