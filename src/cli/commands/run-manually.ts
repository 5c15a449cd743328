import type { Command } from 'commander';
import { messageOf, PeriodicCronError, UsageError } from '../../core/errors.ts';
import { nameOf } from '../../core/task.ts';
import { runByHand } from '../../runner/manual.ts';
import type { ActionOf } from '../command-list.ts';
import type { Context } from '../context.ts';
import { type EndSignals, withEndSignals } from '../end-signals.ts';
import { flagNotation, RUN_SCHEDULED_FLAGS } from '../flags.ts';
import { type HandFlags, type Hands, openHands } from '../manual/hands.ts';
import { readOverrides, type TaskToRun } from '../manual/overrides.ts';
import { selectTasks } from '../manual/select-tasks.ts';
import { exitCodeOfEnds, isDatabaseTrouble, type ManualEnd, tellEnds } from '../manual/tell-ends.ts';
import { type Session, withSession } from '../session.ts';

type ManualFlags = HandFlags & {
  readonly task?: readonly string[];
  readonly tags?: string;
  readonly option?: readonly string[];
};

export function define(command: Command, actionOf: ActionOf): void {
  const collect = (value: string, before: readonly string[] = []) => [...before, value];
  command
    .description(
      'Run tasks now, whatever their schedules say. It uses no slot and moves none; an inactive or terminated task runs too.',
    )
    .option(
      '-t, --task <NAME>',
      "the task, or those of this node whose names match a pattern such as 'backup-*'; repeatable",
      collect,
    )
    .option('--tags <TAGS>', 'the tasks of this node with these tags: a+b,c is both a and b, or c')
    .option('-o, --option <KEY=VALUE>', 'an option of the module for this run, repeatable', collect)
    .option('--confirm', 'confirm the tasks that ask for a confirmation (for scripts)')
    .option('-n, --node <NAME>', 'act as this node')
    .option(
      flagNotation(RUN_SCHEDULED_FLAGS.takeover),
      'act under the name of this node though another machine, which is gone, ticked under it',
    )
    .addHelpText(
      'after',
      `
Patterns know *, ? and [a-z], [!a-z]; quote them, or the shell may take them for file names. A task with exactly that
name comes before its reading as a pattern. With --task and --tags both, only the tasks that are named and have the
tags run.

Several tasks run one after another, in ascending order; options that one of them does not take are refused before any
of them runs. The exit status of a single "command" task is that of its command; otherwise 1 says that a run failed or
was refused, or that it was not confirmed.

A task with "confirmation" shows what it is about to do and asks. Only the answer yes starts it, within 30 seconds;
anything else is recorded, and the status is 1. Without a terminal it is refused at once unless --confirm is given.

Examples:
  periodic-cron run_manually -t backup
  periodic-cron run_manually -t 'backup-*' -t tidy
  periodic-cron run_manually --tags nightly+db,reports
  periodic-cron run_manually -t 'backup-*' --tags nightly
  periodic-cron run_manually -t tidy -o max_runs=500
  periodic-cron run_manually -t drop_archive --confirm`,
    )
    .action(actionOf(runManually));
}

function runManually(context: Context, flags: ManualFlags): Promise<number> {
  if (flags.task === undefined && flags.tags === undefined) {
    throw new UsageError('run_manually: expected --task or --tags, got neither');
  }
  return withEndSignals((signals) =>
    withSession(context, { node: flags.node }, async (session) => {
      const tasks = await selectTasks(session.store.database, session.config.node, flags);
      return runSelected(context, session, { signals, flags, tasks });
    }),
  );
}

type Selected = {
  readonly signals: EndSignals;
  readonly flags: ManualFlags;
  readonly tasks: Awaited<ReturnType<typeof selectTasks>>;
};

async function runSelected(
  context: Context,
  session: Session,
  { signals, flags, tasks: records }: Selected,
): Promise<number> {
  const hands = await openHands(context, session, { signals, flags });
  const tasks = await readOverrides('run_manually', records, {
    words: flags.option ?? [],
    registry: hands.runner.registry,
  });
  const ends = await runAll(hands, tasks, flags.node === undefined);
  tellEnds(context.output, tasks, ends);
  return signals.exitCode() ?? exitCodeOfEnds(tasks, ends);
}

/** One refused task does not keep the others from running; a database that is away does. */
async function runAll(
  { runner, confirm }: Hands,
  tasks: readonly TaskToRun[],
  isOwnNode: boolean,
): Promise<readonly ManualEnd[]> {
  const ends: ManualEnd[] = [];
  for (const { record, overrides } of tasks) {
    if (runner.cancel.aborted || ends.some(isDatabaseTrouble)) {
      break;
    }
    try {
      const run = await runByHand(runner, { taskId: record.id, overrides, isOwnNode, confirm });
      ends.push({ kind: 'ended', run });
    } catch (error) {
      const isAlone = tasks.length === 1 && !runner.cancel.aborted;
      if (!(error instanceof PeriodicCronError) || isAlone) {
        throw error;
      }
      runner.onEvent({ kind: 'warning', message: messageOf(error) });
      ends.push({ kind: 'refused', task: nameOf(record), error });
    }
  }
  return ends;
}
