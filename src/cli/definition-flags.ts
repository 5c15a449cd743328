import type { Command } from 'commander';
import type { TaskDefinition } from '../core/task.ts';
import { type Flag, flagNotation } from './flags.ts';

/** How the text of a policy flag becomes the value of its field. */
type PolicyReading = 'duration' | 'count' | 'word' | 'words';

/** A flag that sets one policy of a task. */
export type PolicyFlag = Flag & {
  readonly field: keyof TaskDefinition;
  /** Absent for a switch, which takes no value. */
  readonly reads?: PolicyReading;
  /** Words that stand for a value; `default`, which every policy takes, is not among them. */
  readonly words?: Readonly<Record<string, number | null>>;
};

/** The policies of a task, in the order of the help: columns without their unit. */
export const POLICY_FLAGS: readonly PolicyFlag[] = [
  {
    field: 'runImmediately',
    long: '--run-immediately',
    description: 'make the minute of the creation the first slot',
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
    description: 'end a run that takes longer; 0 or none: no limit; default: as configured',
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
];

const SCHEDULE_FLAGS: readonly Flag[] = [
  { long: '--cron', value: 'T', description: 'run at these times: five cron fields, or @hourly to @yearly' },
  {
    long: '--every',
    value: 'D',
    description: 'run once in this period, such as 90s or 1h30m; 0: the default spacing',
  },
  { long: '--manual', description: 'run by hand only' },
  { long: '--timezone', value: 'Z', description: "IANA zone of a cron schedule; '' is that of the node" },
];

const PLACE_FLAGS: readonly Flag[] = [
  { long: '--scope', value: 'each|one', description: 'every node runs each slot, or one of them does' },
  { long: '--order', value: 'N', description: 'lower ones start first within a tick' },
];

const ADD_FLAGS: readonly Flag[] = [{ long: '--inactive', description: 'add the task switched off' }];

/** What the words of `add` or `set` said, before any of it was checked. */
export type GivenFlags = {
  readonly module?: string;
  readonly cron?: string;
  readonly every?: string;
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
    plain(flag);
    if (kind === 'set' && flag.reads === undefined) {
      plain({ long: flag.long.replace('--', '--no-'), description: `take ${flag.long} back` });
    }
  }
}

/** The text or switch given for a policy; undefined when it was not named. */
export function policyGiven(given: GivenFlags, { long }: PolicyFlag): string | boolean | undefined {
  const value = given[long.slice(2).replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())];
  return typeof value === 'string' || typeof value === 'boolean' ? value : undefined;
}
