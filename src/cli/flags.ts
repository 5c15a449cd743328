/** A flag as the command line knows it, for the quick parser and for the help texts alike. */
export type Flag = {
  readonly long: string;
  readonly short?: string;
  /** What stands for its value in the help; a flag without it takes none. */
  readonly value?: string;
  readonly description: string;
};

/** Flags that every command takes, before its name and after it. */
export const GLOBAL_FLAGS = {
  config: { long: '--config', value: 'FILE', description: 'configuration file' },
  database: {
    long: '--database',
    value: 'URL',
    description: 'database, such as sqlite:/var/lib/tasks.sqlite',
  },
  json: { long: '--json', description: 'print one JSON document' },
  noColor: { long: '--no-color', description: 'print without colours' },
  verbose: { long: '--verbose', short: '-v', description: 'tell more' },
} as const satisfies Record<string, Flag>;

export const RUN_SCHEDULED_FLAGS = {
  cron: {
    long: '--cron',
    short: '-c',
    description: 'print nothing but new errors, those on stderr (for crontabs)',
  },
  dryRun: { long: '--dryrun', short: '-d', description: 'decide and print, but start and change nothing' },
  at: { long: '--at', value: 'T', description: 'with --dryrun: decide for another instant (default: now)' },
  parallel: {
    long: '--parallel',
    value: 'N',
    description: 'run up to N tasks of one ordering at once (default: 1)',
  },
  failFast: { long: '--fail-fast', description: 'start nothing more after a final failure' },
  limit: {
    long: '--limit',
    value: 'D',
    description: 'start nothing more after this duration, such as 10m (default: no limit)',
  },
  splay: {
    long: '--splay',
    value: 'D',
    description: 'first wait a part of this duration, stable for the node (default: do not wait)',
  },
  takeover: {
    long: '--takeover',
    description: 'take the name of the node from another machine, which is gone',
  },
  node: { long: '--node', short: '-n', value: 'NAME', description: 'act as this node' },
} as const satisfies Record<string, Flag>;

/** A flag in the notation of commander: `-n, --node <NAME>`. */
export function flagNotation({ long, short, value }: Flag): string {
  const names = short === undefined ? long : `${short}, ${long}`;
  return value === undefined ? names : `${names} <${value}>`;
}
