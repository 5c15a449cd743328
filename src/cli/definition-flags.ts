import type { Command } from 'commander';
import type { TaskDefinition } from '../core/task.ts';
import { definitionSchema } from '../core/task-schema.ts';
import { fieldText } from './describe-task.ts';
import { type Flag, flagNotation } from './flags.ts';

/** How the text of a policy flag becomes the value of its field. */
type PolicyReading = 'duration' | 'count' | 'bytes' | 'word' | 'words' | 'trimmed' | 'deactivation';

/** A flag that sets one policy of a task. */
export type PolicyFlag = Flag & {
  readonly field: keyof TaskDefinition;
  /** Absent for a switch, which takes no value. */
  readonly reads?: PolicyReading;
  /** Words that stand for a value; `default`, which every policy takes, is not among them. */
  readonly words?: Readonly<Record<string, number | string | null>>;
};

/** The policies of a task, in the order of the help: columns without their unit. */
export const POLICY_FLAGS: readonly PolicyFlag[] = [
  {
    field: 'anchor',
    long: '--anchor',
    value: 'FROM',
    reads: 'word',
    description:
      'with --every: count from the slot before (slot), or from the last start or end (start, finish)',
  },
  {
    field: 'runImmediately',
    long: '--run-immediately',
    description: 'make the minute of the creation the first slot',
  },
  {
    field: 'firstDelaySeconds',
    long: '--first-delay',
    value: 'D',
    reads: 'duration',
    words: { none: null },
    description: 'make the minute so long after the creation the first slot; only add does that',
  },
  {
    field: 'enabledDelaySeconds',
    long: '--enabled-delay',
    value: 'D',
    reads: 'duration',
    words: { none: null },
    description: 'each time it is enabled again, make the minute so long after that the first slot',
  },
  {
    field: 'randomOffsetSeconds',
    long: '--random-offset',
    value: 'D',
    reads: 'duration',
    words: { none: 0 },
    description: 'start up to so long after the slot: a stable part of it for each slot and node',
  },
  {
    field: 'catchUp',
    long: '--catch-up',
    value: 'RULE',
    reads: 'word',
    description:
      'missed slots share the run of the newest (latest), run one by one (each) or are skipped (skip)',
  },
  {
    field: 'catchUpMax',
    long: '--catch-up-max',
    value: 'N',
    reads: 'count',
    description: 'with --catch-up each: run the newest N and skip what is older',
  },
  {
    field: 'startDeadlineSeconds',
    long: '--start-deadline',
    value: 'D',
    reads: 'duration',
    words: { none: null },
    description: 'skip a slot that would start later than this; none: however late',
  },
  {
    field: 'timeoutSeconds',
    long: '--timeout',
    value: 'D',
    reads: 'duration',
    words: { none: 0 },
    description: 'end a run that takes longer; 0 or none: no limit',
  },
  {
    field: 'killGraceSeconds',
    long: '--kill-grace',
    value: 'D',
    reads: 'duration',
    description: 'kill what still runs so long after it was told to end',
  },
  {
    field: 'retryLimit',
    long: '--retry-limit',
    value: 'N',
    reads: 'count',
    description: 'try a failed slot again up to N times',
  },
  {
    field: 'retryDelaySeconds',
    long: '--retry-delay',
    value: 'D',
    reads: 'duration',
    description: 'wait before the second attempt; doubles with each further one',
  },
  {
    field: 'retryMaxDelaySeconds',
    long: '--retry-max-delay',
    value: 'D',
    reads: 'duration',
    description: 'wait no longer than this between attempts',
  },
  {
    field: 'retryOn',
    long: '--retry-on',
    value: 'ENDS',
    reads: 'words',
    description: 'which ends are tried again: failed,timed_out,lost,shutdown',
  },
  {
    field: 'retryPastNext',
    long: '--retry-past-next',
    description: 'go on trying when the next slot is due',
  },
  {
    field: 'backoff',
    long: '--backoff',
    value: 'RULE',
    reads: 'word',
    description:
      'with --every: double the period with each failure (on_failure) or run (every_run), or never (none)',
  },
  {
    field: 'maxPeriodSeconds',
    long: '--max-period',
    value: 'D',
    reads: 'duration',
    words: { none: null },
    description: 'with --backoff: make the period no longer than this',
  },
  {
    field: 'deactivateAfter',
    long: '--deactivate-after',
    value: 'TEXT',
    reads: 'deactivation',
    words: { none: '' },
    description: 'give the task up after "5 failures" (or just 5), or after "5 failures and 7 days" of them',
  },
  {
    field: 'overlap',
    long: '--overlap',
    value: 'RULE',
    reads: 'word',
    description: 'a slot that is due while the task runs waits (forbid), is skipped (skip) or runs (allow)',
  },
  {
    field: 'maxParallel',
    long: '--max-parallel',
    value: 'N',
    reads: 'count',
    description: 'with --overlap allow: at most N runs at once',
  },
  {
    field: 'requires',
    long: '--requires',
    value: 'TEXT',
    reads: 'trimmed',
    words: { none: '' },
    description: 'run only while resources of the node are so, such as "ip#0 fs#1(up,stdby up)"',
  },
  {
    field: 'offlineResource',
    long: '--offline-resource',
    value: 'NAME',
    reads: 'word',
    words: { none: null },
    description: 'the resource without which the task is offline',
  },
  {
    field: 'offline',
    long: '--offline',
    value: 'RULE',
    reads: 'word',
    description: 'while offline, run all the same (execute), skip what is due (skip) or rest (disable)',
  },
  {
    field: 'confirmation',
    long: '--confirmation',
    description: 'start it by hand only, and ask for a confirmation then',
  },
  {
    field: 'runUser',
    long: '--run-user',
    value: 'USER',
    reads: 'word',
    words: { none: null },
    description: 'run the module in its child process as this user; a command has the option user',
  },
  {
    field: 'memoryLimitBytes',
    long: '--memory-limit',
    value: 'SIZE',
    reads: 'bytes',
    words: { none: null },
    description: 'let the module in its child process take no more memory, such as 256MiB',
  },
];

const SCHEDULE_FLAGS: readonly Flag[] = [
  { long: '--cron', value: 'T', description: 'run at these times: five cron fields, or @hourly to @yearly' },
  {
    long: '--every',
    value: 'D',
    description: 'run once in this period, such as 90s or 1h30m; 0: the default spacing',
  },
  {
    long: '--window',
    value: 'T',
    description: 'run in these time ranges, such as "02:00-06:00@60 mon-fri", or a JSON list of them',
  },
  {
    long: '--ticks',
    value: 'N',
    description: 'run once after N further ticks have passed; 0: at the next tick',
  },
  { long: '--repeat', description: 'with --ticks: run again each time that N ticks have passed' },
  {
    long: '--once',
    value: 'T',
    description: 'run once at this instant, such as 2026-11-21T09:30 or 2026-11-21T08:30Z',
  },
  {
    long: '--past',
    value: 'run',
    description: 'with --once: run at the next tick if the instant has passed',
  },
  { long: '--manual', description: 'run by hand only' },
  {
    long: '--timezone',
    value: 'Z',
    description: "IANA zone of --cron, --window and --once; '' is that of the node",
  },
];

/** The flags of which one says when a task runs, for messages. */
export const KIND_FLAGS = '--cron, --every, --window, --ticks, --once and --manual';

const PLACE_FLAGS: readonly Flag[] = [
  {
    long: '--scope',
    value: 'each|one',
    description: 'every node runs each slot, or one of them does (default: each)',
  },
  { long: '--order', value: 'N', description: 'lower ones start first within a tick (default: 0)' },
];

const ADD_FLAGS: readonly Flag[] = [{ long: '--inactive', description: 'add the task switched off' }];

/** What the words of `add` or `set` said, before any of it was checked. */
export type GivenFlags = {
  readonly module?: string;
  readonly cron?: string;
  readonly every?: string;
  readonly window?: string;
  readonly ticks?: string;
  readonly repeat?: boolean;
  readonly once?: string;
  readonly past?: string;
  readonly manual?: boolean;
  readonly timezone?: string;
  readonly node?: readonly string[];
  readonly scope?: string;
  readonly order?: string;
  /** False for `--no-tag`. */
  readonly tag?: readonly string[] | boolean;
  readonly option?: readonly string[];
  readonly optionRemove?: readonly string[];
  readonly inactive?: boolean;
  readonly name?: string;
  readonly [policy: string]: string | boolean | readonly string[] | undefined;
};

/** Gives `add` or `set` its flags. `set` can also take back what a flag has set. */
export function addDefinitionFlags(command: Command, kind: 'add' | 'set'): void {
  const plain = (flag: Flag) => command.option(flagNotation(flag), flag.description);
  const repeated = (flag: Flag) =>
    command.option(flagNotation(flag), flag.description, (value: string, before: readonly string[] = []) => [
      ...before,
      value,
    ]);
  if (kind === 'set') {
    plain({ long: '--name', value: 'NEW', description: 'rename the task' });
  }
  plain({
    long: '--module',
    value: 'ID',
    description: 'the module that the task runs ("periodic-cron modules")',
  });
  SCHEDULE_FLAGS.forEach(plain);
  repeated({
    long: '--node',
    short: '-n',
    value: 'NAME',
    description: `a node of the task, repeatable; * is every node${kind === 'add' ? ' (default: this node)' : '; replaces all'}`,
  });
  PLACE_FLAGS.forEach(plain);
  repeated({
    long: '--tag',
    value: 'TAG',
    description: `a tag, repeatable${kind === 'set' ? '; replaces all' : ''}`,
  });
  repeated({
    long: '--option',
    short: '-o',
    value: 'KEY=VALUE',
    description: 'an option of the module, repeatable; JSON where the module asks for other than text',
  });
  if (kind === 'set') {
    plain({ long: '--no-tag', description: 'remove all tags' });
    repeated({ long: '--option-remove', value: 'KEY', description: 'remove an option, repeatable' });
  } else {
    ADD_FLAGS.forEach(plain);
  }
  for (const flag of POLICY_FLAGS) {
    plain({ ...flag, description: `${flag.description} (default: ${defaultText(flag.field)})` });
    if (kind === 'set' && flag.reads === undefined) {
      plain({ long: flag.long.replace('--', '--no-'), description: `take ${flag.long} back` });
    }
  }
}

/** The default of a policy in words: `1h`, `none`. */
export function defaultText(field: PolicyFlag['field']): string {
  return fieldText(field, definitionSchema.shape[field].parse(undefined));
}

/** The text or switch given for a policy; undefined when it was not named. */
export function policyGiven(given: GivenFlags, { long }: PolicyFlag): string | boolean | undefined {
  const value = given[long.slice(2).replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())];
  return typeof value === 'string' || typeof value === 'boolean' ? value : undefined;
}
