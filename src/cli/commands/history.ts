import type { Command } from 'commander';
import { didYouMean } from '../../config/near-miss.ts';
import { UsageError } from '../../core/errors.ts';
import type { Instant } from '../../core/instants.ts';
import { normalizeName } from '../../core/names.ts';
import { RUN_STATUSES, type RunStatus } from '../../core/state.ts';
import { listRuns, type RunFilter, runsToRetry } from '../../store/history.ts';
import { knownTaskNames } from '../../store/known-tasks.ts';
import type { Run } from '../../store/run-row.ts';
import type { ActionOf } from '../command-list.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import type { Output } from '../output.ts';
import { elapsedText, runColor, runJson, slotText, statusText, warningOf } from '../run-view.ts';
import { withSession } from '../session.ts';
import type { Column } from '../table.ts';
import { collected, pastValue, requireOrder } from '../time-flags.ts';
import { instantText } from '../times.ts';
import { countValue } from '../values.ts';

const DEFAULT_LIMIT = 50;
const MOST_ROWS = 1_000_000;

export function define(command: Command, actionOf: ActionOf): void {
  command
    .description('Print what the ledger holds, newest first: runs, skipped slots, faults of definitions.')
    .argument('[task]', 'only of this task; the ledger remembers removed ones too')
    .option('-n, --node <NAME>', 'only of this node')
    .option(
      '--status <STATUS>',
      `only with this status; may be repeated (${RUN_STATUSES.join(', ')})`,
      (value: string, before: readonly string[] | undefined) => collected(value, before ?? []),
    )
    .option('--since <T>', 'only from this instant on, or from so long ago, such as 2h')
    .option('--until <T>', 'only up to this instant, or up to so long ago')
    .option('--limit <N>', `print at most the newest N, ${DEFAULT_LIMIT} if not given`)
    .option('--reverse', 'print the oldest of them first')
    .action(actionOf(showHistory));
}

type Flags = {
  readonly node?: string;
  readonly status?: readonly string[];
  readonly since?: string;
  readonly until?: string;
  readonly limit?: string;
  readonly reverse?: boolean;
};

function showHistory(context: Context, task: string | undefined, flags: Flags): Promise<number> {
  return withSession(context, { readOnly: true }, async ({ store, clock }) => {
    const filter = filterOf(task, flags, clock());
    const newest = await listRuns(store.database, filter);
    const runs = flags.reverse === true ? newest.toReversed() : newest;
    print(context.output, runs, await runsToRetry(store.database));
    if (runs.length > 0) {
      return EXIT.ok;
    }
    context.output.note(nothingText(filter, await knownTaskNames(store.database)));
    return EXIT.nothingMatched;
  });
}

function filterOf(task: string | undefined, flags: Flags, now: Instant): RunFilter {
  const since = flags.since === undefined ? undefined : pastValue('--since', flags.since, now);
  const until = flags.until === undefined ? undefined : pastValue('--until', flags.until, now);
  requireOrder(since, until, '--since and --until');
  return {
    task,
    node: flags.node === undefined ? undefined : normalizeName(flags.node),
    statuses: (flags.status ?? []).map(statusValue),
    since,
    until,
    limit:
      flags.limit === undefined
        ? DEFAULT_LIMIT
        : countValue('--limit', flags.limit, { min: 1, max: MOST_ROWS }),
  };
}

function statusValue(word: string): RunStatus {
  const status = RUN_STATUSES.find((known) => known === word);
  if (status === undefined) {
    throw new UsageError(
      `--status: expected ${RUN_STATUSES.join(', ')}, got ${JSON.stringify(word)}${didYouMean(word, RUN_STATUSES)}`,
    );
  }
  return status;
}

function print(output: Output, runs: readonly Run[], toRetry: ReadonlySet<number>): void {
  if (output.isJson) {
    output.document({ runs: runs.map(runJson) });
  } else if (runs.length > 0) {
    output.table(columnsWith(toRetry), runs);
  }
}

function columnsWith(toRetry: ReadonlySet<number>): readonly Column<Run>[] {
  return [
    { title: 'RUN', value: ({ id }) => String(id), align: 'right' },
    { title: 'TASK', value: ({ taskName }) => taskName, minWidth: 12 },
    { title: 'NODE', value: ({ node }) => node, worth: 1 },
    { title: 'SLOT', value: slotText, shortValue: (run) => shortened(slotText(run)), minWidth: 22 },
    { title: 'TRY', value: ({ attempt }) => String(attempt), align: 'right', worth: 2 },
    {
      title: 'STATUS',
      value: statusText,
      minWidth: 9,
      color: runColor,
    },
    {
      title: 'STARTED',
      value: startedText,
      shortValue: (run) => shortened(startedText(run)),
      minWidth: 20,
      worth: 4,
    },
    { title: 'TOOK', value: tookText, align: 'right', worth: 3 },
    { title: 'WHY', value: (run) => whyText(run, toRetry.has(run.id)), minWidth: 10 },
  ];
}

/** Instants without their year and seconds: `11-21 00:50Z`. */
function shortened(text: string): string {
  return text.replaceAll(/\b\d{4}-(?=\d\d-)/g, '').replaceAll(/(\d\d:\d\d):\d\d/g, '$1');
}

function startedText({ startedAt }: Run): string {
  return startedAt === null ? '-' : instantText(startedAt);
}

function tookText({ durationMs }: Run): string {
  return durationMs === null ? '-' : elapsedText(durationMs);
}

function whyText(run: Run, isRetried: boolean): string {
  const { reason, message, lateResult } = run;
  const warning = warningOf(run);
  const next = run.status === 'skipped' ? undefined : nextAttemptText(reason, isRetried);
  return [
    warning === null ? (message ?? (next === undefined ? reason : null) ?? '') : `warning: ${warning}`,
    ...(run.status === 'running' && run.cancelRequested !== null ? ['asked to end'] : []),
    ...(next === undefined ? [] : [next]),
    ...(lateResult === null ? [] : ['a late result is kept beside it']),
  ]
    .filter((part) => part !== '')
    .join('; ');
}

/** What became of the attempt that was to follow a failed run; undefined if there is nothing to tell. */
function nextAttemptText(reason: string | null, isRetried: boolean): string | undefined {
  switch (reason) {
    case 'retry':
      return isRetried ? 'another attempt follows' : undefined;
    case 'superseded':
      return 'its next attempt was superseded by a newer slot';
    case 'offline':
      return 'its next attempt was left out, since the task was offline';
    case 'postponed':
      return 'its next attempt was left out, since the task was postponed';
    case 'rerun':
      return 'its next attempt gave way to a rerun';
    case 'dropped':
      return 'its next attempt was dropped';
    default:
      return undefined;
  }
}

function nothingText({ task: typed, ...others }: RunFilter, names: readonly string[]): string {
  const task = typed === undefined || names.includes(typed) ? typed : normalizeName(typed);
  if (task !== undefined && !names.includes(task)) {
    return `there is no task ${JSON.stringify(task)}, and the ledger remembers none of that name${didYouMean(task, names)}`;
  }
  const { node, statuses, since, until } = others;
  const restricted = node !== undefined || statuses.length > 0 || since !== undefined || until !== undefined;
  const whose = task === undefined ? '' : ` of task ${JSON.stringify(task)}`;
  return `the ledger holds nothing${whose}${restricted ? ' that matches' : ' yet'}`;
}
