import type { Command } from 'commander';
import type { DatabaseLocation } from '../../config/config.ts';
import { messageOf, NotFoundError, PeriodicCronError, UsageError } from '../../core/errors.ts';
import { normalizeName } from '../../core/names.ts';
import { nameOf, runsOn, type TaskRecord } from '../../core/task.ts';
import { harmless } from '../../execute/harmless.ts';
import { COMMAND_ID } from '../../modules/shipped/command.ts';
import { runByHand } from '../../runner/manual.ts';
import { refuseForeignName } from '../../runner/node-identity.ts';
import { failedForGood, type Runner, type RunnerEvent, type RunReport } from '../../runner/runner.ts';
import { findTask, listTasks } from '../../store/definitions.ts';
import { actorName } from '../actor.ts';
import type { ActionOf } from '../command-list.ts';
import type { Context } from '../context.ts';
import { nodesOf } from '../describe-task.ts';
import { withEndSignals } from '../end-signals.ts';
import { type EventLog, logRunnerEvent, openEventLog } from '../event-log.ts';
import { EXIT } from '../exit-codes.ts';
import { flagNotation, RUN_SCHEDULED_FLAGS } from '../flags.ts';
import { readOptionValues } from '../option-values.ts';
import type { Output } from '../output.ts';
import { runReportJson } from '../run-json.ts';
import { runnerOf, withSession } from '../session.ts';
import { tellRun } from '../tell-run.ts';

type ManualFlags = {
  readonly task?: readonly string[];
  readonly tags?: string;
  readonly option?: readonly string[];
  readonly node?: string;
  readonly takeover?: boolean;
};

export function define(command: Command, actionOf: ActionOf): void {
  const collect = (value: string, before: readonly string[] = []) => [...before, value];
  command
    .description(
      'Run tasks now, whatever their schedules say. It uses no slot and moves none; an inactive or terminated task runs too.',
    )
    .option('-t, --task <NAME>', 'the task, repeatable', collect)
    .option('--tags <TAGS>', 'the tasks of this node with these tags: a+b,c is both a and b, or c')
    .option('-o, --option <KEY=VALUE>', 'an option of the module for this run, repeatable', collect)
    .option('-n, --node <NAME>', 'act as this node')
    .option(
      flagNotation(RUN_SCHEDULED_FLAGS.takeover),
      'act under the name of this node though another machine, which is gone, ticked under it',
    )
    .addHelpText(
      'after',
      `
Several tasks run one after another, in ascending order. The exit status of a single "command" task is that of its
command; otherwise 1 says that a run failed or was refused.

Examples:
  periodic-cron run_manually -t backup
  periodic-cron run_manually --tags nightly+db,reports
  periodic-cron run_manually -t tidy -o max_runs=500`,
    )
    .action(actionOf(runManually));
}

function runManually(context: Context, flags: ManualFlags): Promise<number> {
  if ((flags.task === undefined) === (flags.tags === undefined)) {
    throw new UsageError(
      `run_manually: expected --task or --tags, got ${flags.task === undefined ? 'neither' : 'both'}`,
    );
  }
  return withEndSignals((signals) =>
    withSession(context, { node: flags.node }, async (session) => {
      const records = await recordsWanted(session.store.database, session.config.node, flags);
      const log = signed(await openEventLog(context, session, { show: true }), actorName(context.io.uid));
      const show = showEvent(context.output, log);
      const runner = runnerOf(context, session, { cancel: signals.cancel, onEvent: show });
      if (flags.node === undefined && flags.takeover !== true) {
        await refuseForeignName(runner);
      }
      const wishes = { words: flags.option ?? [], isOwnNode: flags.node === undefined };
      const ends = await runAll(runner, records, wishes);
      tellEnds(context.output, ends);
      return signals.exitCode() ?? exitCodeOf(records, ends);
    }),
  );
}

/** Those named, or those of this node that the tags select, ascending by (ordering, id). */
async function recordsWanted(
  database: DatabaseLocation,
  node: string,
  { task, tags }: ManualFlags,
): Promise<readonly TaskRecord[]> {
  if (task !== undefined) {
    const names = new Set(task);
    for (const name of names) {
      await findTask(database, name);
    }
    const named = (await listTasks(database, [...names])).map(({ record }) => record);
    refuseElsewhere(named, node);
    return named;
  }
  const wanted = tagsWanted(tags ?? '');
  const records = (await listTasks(database))
    .map(({ record }) => record)
    .filter((record) => runsOn(nodesOf(record), node) && hasTags(record, wanted));
  if (records.length === 0) {
    throw new NotFoundError(`node ${JSON.stringify(node)} has no task with the tags ${JSON.stringify(tags)}`);
  }
  return records;
}

function refuseElsewhere(records: readonly TaskRecord[], node: string): void {
  const elsewhere = records.find((record) => !runsOn(nodesOf(record), node));
  if (elsewhere !== undefined) {
    const nodes = nodesOf(elsewhere).join(', ') || 'none';
    throw new NotFoundError(
      `task ${JSON.stringify(nameOf(elsewhere))} is not a task of node ${JSON.stringify(node)} (its nodes: ${nodes}): name one with --node, or add this one with "periodic-cron set"`,
    );
  }
}

/** `a+b,c` is [[a, b], [c]]. */
function tagsWanted(text: string): readonly (readonly string[])[] {
  const choices = text.split(',').map((choice) => choice.split('+').map(normalizeName));
  if (choices.flat().includes('')) {
    throw new UsageError(`run_manually: --tags: expected tags such as a+b,c, got ${JSON.stringify(text)}`);
  }
  return choices;
}

function hasTags({ fields: { tags } }: TaskRecord, wanted: readonly (readonly string[])[]): boolean {
  return Array.isArray(tags) && wanted.some((choice) => choice.every((tag) => tags.includes(tag)));
}

type ManualEnd =
  | { readonly kind: 'ended'; readonly run: RunReport }
  | { readonly kind: 'refused'; readonly task: string; readonly error: PeriodicCronError };

type Wishes = { readonly words: readonly string[]; readonly isOwnNode: boolean };

/** One refused task does not keep the others from running. */
async function runAll(
  runner: Runner,
  records: readonly TaskRecord[],
  wishes: Wishes,
): Promise<readonly ManualEnd[]> {
  const ends: ManualEnd[] = [];
  for (const record of records) {
    if (runner.cancel.aborted) {
      break;
    }
    try {
      ends.push({ kind: 'ended', run: await runOne(runner, record, wishes) });
    } catch (error) {
      if (!(error instanceof PeriodicCronError) || records.length === 1) {
        throw error;
      }
      runner.onEvent({ kind: 'warning', message: messageOf(error) });
      ends.push({ kind: 'refused', task: nameOf(record), error });
    }
  }
  return ends;
}

async function runOne(runner: Runner, record: TaskRecord, { words, isOwnNode }: Wishes): Promise<RunReport> {
  const { values, faults } = await readOptionValues(words, record.fields.module, await runner.registry());
  const [fault] = faults;
  if (fault !== undefined) {
    throw new UsageError(`run_manually: --option: ${fault.message}`);
  }
  return runByHand(runner, { taskId: record.id, overrides: values, isOwnNode });
}

/** The log of what one person did. */
function signed(log: EventLog, actor: string): EventLog {
  return { ...log, write: (life) => log.write({ ...life, actor }) };
}

/** Shows output as it comes, and starts what follows it on a line of its own. */
function showEvent(output: Output, log: EventLog): Runner['onEvent'] {
  let isAtLineStart = true;
  const startLine = () => {
    if (!isAtLineStart) {
      output.line('');
      isAtLineStart = true;
    }
  };
  return (event: RunnerEvent) => {
    if (event.kind === 'ended' || (event.kind === 'life' && output.isVerbose)) {
      startLine();
    }
    logRunnerEvent(log, event);
    if (event.kind === 'output' && !output.isJson && event.text !== '') {
      output.text(harmless(event.text));
      isAtLineStart = /[\r\n]$/.test(event.text);
    }
    if (event.kind === 'ended') {
      tellRun(event.run, { cron: false, output });
    }
    if (event.kind === 'warning') {
      output.note(event.message);
    }
  };
}

function tellEnds(output: Output, ends: readonly ManualEnd[]): void {
  const runs = ends.flatMap((end) => (end.kind === 'ended' ? [end.run] : []));
  const refused = ends.flatMap((end) => (end.kind === 'refused' ? [end] : []));
  if (output.isJson) {
    output.document({
      runs: runs.map(runReportJson),
      notRun: refused.map(({ task, error }) => ({ task, reason: error.message })),
    });
    return;
  }
  if (ends.length > 1) {
    const failed = runs.filter(failedForGood).length;
    const counts = [`${runs.length - failed} done`, `${failed} failed`, `${refused.length} refused`];
    output.line(`${ends.length} tasks: ${counts.join(', ')}`);
  }
}

function exitCodeOf(records: readonly TaskRecord[], ends: readonly ManualEnd[]): number {
  const runs = ends.flatMap((end) => (end.kind === 'ended' ? [end.run] : []));
  const [only] = runs;
  // A command that was ended at its time limit may well say 0.
  if (isOneCommand(records) && (only?.exitCode ?? 0) !== 0) {
    return only?.exitCode ?? EXIT.taskFailed;
  }
  if (runs.some(({ spooled }) => spooled)) {
    return EXIT.database;
  }
  return runs.length < records.length || runs.some(failedForGood) ? EXIT.taskFailed : EXIT.ok;
}

function isOneCommand(records: readonly TaskRecord[]): boolean {
  return records.length === 1 && records[0]?.fields.module === COMMAND_ID;
}
