import type { TaskDefinition } from '../core/task.ts';
import { definitionSchema } from '../core/task-schema.ts';
import { fieldText } from './describe-task.ts';
import type { Flag } from './flags.ts';

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

/** The default of a policy in words: `1h`, `none`. */
export function defaultText(field: PolicyFlag['field']): string {
  return fieldText(field, definitionSchema.shape[field].parse(undefined));
}
