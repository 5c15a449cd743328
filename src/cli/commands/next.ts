import type { Command } from 'commander';
import { UsageError } from '../../core/errors.ts';
import { floorToMinute, type Instant, toShortText } from '../../core/instants.ts';
import { zoneOf } from '../../core/zone.ts';
import type { ActionOf } from '../command-list.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import type { Answer, Question } from '../next/answer.ts';
import { answerOfText, type TypedSchedule } from '../next/of-text.ts';
import type { Output } from '../output.ts';
import { printable } from '../terminal.ts';
import { instantText, relativeTime } from '../times.ts';
import { countValue, instantValue } from '../values.ts';

const DEFAULT_COUNT = 5;
const MAX_COUNT = 10_000;

type Flags = {
  readonly cron?: string;
  readonly every?: string;
  readonly timezone?: string;
  readonly from?: string;
  readonly last?: string;
  readonly until?: string;
  readonly count?: string;
  readonly node?: string;
};

export function define(command: Command, actionOf: ActionOf): void {
  command
    .description(
      'Print the coming instants at which a schedule starts: of tasks, or of a schedule that is typed here, which needs no database.',
    )
    .argument('[task...]', 'names of tasks')
    .option('--cron <text>', 'a cron schedule, such as "30 2 * * *"')
    .option('--every <duration>', 'a period, such as 15m')
    .option('--timezone <zone>', "the IANA zone in which --cron is meant; this machine's if not given")
    .option('--from <instant>', 'print what comes after this instant; now if not given')
    .option(
      '--last <instant>',
      'the last handled slot; --from if not given, or "never" for a task that never ran',
    )
    .option('--until <instant>', 'print nothing after this instant')
    .option('--count <n>', `print at most so many; ${DEFAULT_COUNT} if neither this nor --until is given`)
    .option('-n, --node <name>', 'as which node to look at the tasks')
    .addHelpText(
      'after',
      `
Examples:
  periodic-cron next backup mirror
  periodic-cron next --cron '30 2 * * *' --timezone Europe/Berlin --from 2027-03-27T12:00Z
  periodic-cron next --every 90s --count 3 --json`,
    )
    .action(actionOf(next));
}

async function next(context: Context, names: string[], flags: Flags): Promise<number> {
  const question = questionOf(flags, context.io.now());
  const answers = await answersTo(context, names, flags, question);
  if (context.output.isJson) {
    context.output.document({ schedules: answers.map(toJson) });
  } else {
    for (const [index, answer] of answers.entries()) {
      context.output.text(index === 0 ? '' : '\n');
      print(answer, context.output, context.io.now());
    }
  }
  return EXIT.ok;
}

async function answersTo(
  context: Context,
  names: readonly string[],
  flags: Flags,
  question: Question,
): Promise<readonly Answer[]> {
  const typed = typedSchedule(flags);
  if (typed !== undefined && names.length > 0) {
    throw new UsageError('next: expected either tasks or one of --cron and --every, got both');
  }
  if (typed !== undefined) {
    if (flags.node !== undefined) {
      throw new UsageError(
        'next: expected --node with tasks, got it with a schedule, which belongs to no node',
      );
    }
    // Without --from it counts from this minute, as a task does that is added now.
    const from = flags.from === undefined ? floorToMinute(question.from) : question.from;
    return [await answerOfText(context, typed, { ...question, from })];
  }
  if (names.length === 0) {
    throw new UsageError('next: expected a task, --cron or --every, got none of them');
  }
  if (flags.timezone !== undefined) {
    throw new UsageError(
      'next: expected --timezone with --cron, got it with a task, which has a zone of its own',
    );
  }
  const { answersOfTasks } = await import('../next/of-tasks.ts');
  return answersOfTasks(context, { names, node: flags.node }, question);
}

function typedSchedule({ cron, every, timezone }: Flags): TypedSchedule | undefined {
  if (cron !== undefined && every !== undefined) {
    throw new UsageError('next: expected one of --cron and --every, got both');
  }
  if (cron !== undefined) {
    return { kind: 'cron', text: cron, timezone };
  }
  return every === undefined ? undefined : { kind: 'every', text: every, timezone };
}

function questionOf(flags: Flags, now: Instant): Question {
  const { from, last, until, count } = flags;
  const defaultCount = until === undefined ? DEFAULT_COUNT : MAX_COUNT;
  return {
    from: from === undefined ? now : instantValue('next: --from', from),
    last: last === undefined || last === 'never' ? last : instantValue('next: --last', last),
    until: until === undefined ? undefined : instantValue('next: --until', until),
    count:
      count === undefined ? defaultCount : countValue('next: --count', count, { min: 1, max: MAX_COUNT }),
  };
}

function print(
  { task, kind, schedule, timezone, next: starts, remarks, clockChanges }: Answer,
  output: Output,
  now: Instant,
): void {
  const subject = task === null ? '' : `task ${JSON.stringify(task)}: `;
  const zone = kind === 'cron' && timezone !== '' ? ` in ${timezone}` : '';
  output.line(printable(`${subject}${`${kind} ${schedule}`.trimEnd()}${zone}`));
  for (const remark of remarks) {
    output.line(`  ${printable(remark)}`);
  }
  for (const start of starts) {
    const local = kind === 'cron' && timezone !== 'UTC' ? `${localText(start, timezone)}  ` : '';
    output.line(`  ${local}${instantText(start)}  (${relativeTime(start, now)})`);
  }
  if (starts.length === 0 && remarks.length === 0) {
    output.line('  nothing comes');
  }
  for (const { text } of clockChanges) {
    output.line(`  ${printable(text)}`);
  }
}

/** The wall clock of the zone with its offset, such as `2027-03-28 03:00 +02:00`. */
function localText(instant: Instant, timezone: string): string {
  const { offsetMs } = zoneOf(timezone).segmentAt(instant);
  const minutes = Math.round(Math.abs(offsetMs) / 60_000);
  const offset = [Math.floor(minutes / 60), minutes % 60]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
  const wall = toShortText(instant + offsetMs)
    .slice(0, 16)
    .replace('T', ' ');
  return `${wall} ${offsetMs < 0 ? '-' : '+'}${offset}`;
}

function toJson({ task, kind, schedule, timezone, next: starts, remarks, clockChanges }: Answer) {
  return {
    task,
    kind,
    schedule,
    timezone,
    next: starts.map(toShortText),
    remarks,
    clockChanges: clockChanges.map(({ at, text }) => ({ at: toShortText(at), text })),
  };
}
