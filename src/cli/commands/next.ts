import type { Command } from 'commander';
import { UsageError } from '../../core/errors.ts';
import { floorToMinute, type Instant, toShortText } from '../../core/instants.ts';
import { ZONED_KINDS } from '../../core/policy-faults.ts';
import type { ActionOf } from '../command-list.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import type { Answer, Question } from '../next/answer.ts';
import { answerOfText, type TypedSchedule } from '../next/of-text.ts';
import type { Output } from '../output.ts';
import { ticksText } from '../read-definition.ts';
import { printable } from '../terminal.ts';
import { instantText, relativeTime } from '../times.ts';
import { countValue, instantValue } from '../values.ts';
import { wallTimeText } from '../wall-time.ts';

const DEFAULT_COUNT = 5;
const MAX_COUNT = 10_000;

type Flags = {
  readonly cron?: string;
  readonly every?: string;
  readonly window?: string;
  readonly ticks?: string;
  readonly repeat?: boolean;
  readonly once?: string;
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
    .option('--window <text>', 'time ranges, such as "02:00-06:00@60 mon-fri", or a JSON list of them')
    .option('--ticks <n>', 'a number of ticks, such as 3')
    .option('--repeat', 'with --ticks: again and again')
    .option('--once <instant>', 'an instant, such as 2026-11-21T09:30')
    .option(
      '--timezone <zone>',
      "the IANA zone in which --cron, --window and --once are meant; this machine's if not given",
    )
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
  periodic-cron next --every 90s --count 3 --json
  periodic-cron next --window '02:00-06:00@60 mon-fri' --last 2026-11-20T03:10Z

Shown are the instants at which it would start: the spread of ~ and --random-offset are in them.`,
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
    throw new UsageError(`next: expected either tasks or one of ${TYPED_FLAGS}, got both`);
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
    throw new UsageError(`next: expected a task or one of ${TYPED_FLAGS}, got none`);
  }
  if (flags.timezone !== undefined) {
    throw new UsageError(
      'next: expected --timezone with a schedule, got it with a task, which has a zone of its own',
    );
  }
  const { answersOfTasks } = await import('../next/of-tasks.ts');
  return answersOfTasks(context, { names, node: flags.node }, question);
}

const TYPED_FLAGS = '--cron, --every, --window, --ticks and --once';

function typedSchedule(flags: Flags): TypedSchedule | undefined {
  const { cron, every, window, ticks, repeat = false, once, timezone } = flags;
  if (repeat && ticks === undefined) {
    throw new UsageError('next: --repeat: expected it with --ticks, got it without');
  }
  const texts = [
    { kind: 'cron', flag: '--cron', text: cron },
    { kind: 'every', flag: '--every', text: every },
    { kind: 'window', flag: '--window', text: window },
    { kind: 'ticks', flag: '--ticks', text: ticks === undefined ? undefined : ticksText(ticks, repeat) },
    { kind: 'at', flag: '--once', text: once },
  ] as const;
  const typed = texts.flatMap(({ text, ...named }) =>
    text === undefined ? [] : [{ ...named, text, timezone }],
  );
  if (typed.length > 1) {
    const got = typed.map(({ flag }) => flag).join(' and ');
    throw new UsageError(`next: expected one of ${TYPED_FLAGS}, got ${got}`);
  }
  return typed[0];
}

function questionOf(flags: Flags, now: Instant): Question {
  const { from, last, until, count } = flags;
  const defaultCount = until === undefined ? DEFAULT_COUNT : MAX_COUNT;
  return {
    isFromNow: from === undefined,
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
  const isZoned = ZONED_KINDS.some((zoned) => zoned === kind) && timezone !== '';
  const zone = isZoned ? ` in ${timezone}` : '';
  output.line(printable(`${subject}${`${kind} ${schedule}`.trimEnd()}${zone}`));
  for (const remark of remarks) {
    output.line(`  ${printable(remark)}`);
  }
  for (const start of starts) {
    const local = isZoned && timezone !== 'UTC' ? `${localText(start, timezone)}  ` : '';
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
  return wallTimeText(instant, timezone).replace(/:00 (?=[+-])/, ' ');
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
