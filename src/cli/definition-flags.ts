import type { Command } from 'commander';
import { type Flag, flagNotation } from './flags.ts';
import { defaultText, POLICY_FLAGS, type PolicyFlag } from './policy-flags.ts';

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

/** The text or switch given for a policy; undefined when it was not named. */
export function policyGiven(given: GivenFlags, { long }: PolicyFlag): string | boolean | undefined {
  const value = given[long.slice(2).replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())];
  return typeof value === 'string' || typeof value === 'boolean' ? value : undefined;
}
