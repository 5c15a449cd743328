import { formatDuration } from '../core/durations.ts';
import { formatByteSize } from './byte-size.ts';
import { DEFAULT_SETTINGS, type HttpSettings } from './config.ts';
import { type ConfigFile, configFileSchema } from './schema.ts';

type Key = keyof typeof configFileSchema.shape;

type Entry = {
  readonly comment: readonly string[];
  /** YAML after `key:`. */
  readonly value: string;
  /** Whether that is what holds without the key; else it is an example and stays a comment. */
  readonly isDefault: boolean;
};

const ENTRIES = {
  database: {
    comment: [
      'The database: a server that many nodes share, or sqlite:PATH, a file for this machine alone (a relative',
      'path counts from the folder of this file). MariaDB: mariadb://cron@db/cron?ssl-mode=VERIFY_IDENTITY',
      'Without it: the file periodic-cron.sqlite in the state directory.',
    ],
    value: 'postgres://cron@db1.example,db2.example/cron?sslmode=verify-full',
    isDefault: false,
  },
  database_password: {
    comment: [
      'Where the password for a server is read: env:NAME (a variable) or file:PATH (a relative path counts from',
      'the folder of this file). Only beside the URL of a server, and only if that holds no password.',
    ],
    value: 'file:/etc/periodic-cron/database-password',
    isDefault: false,
  },
  node: {
    comment: ['The name of this machine. Without it: its host name.'],
    value: 'alpha',
    isDefault: false,
  },
  state_directory: {
    comment: [
      'Folder for what a node keeps beside the database. Without it: the folder of the database file; with a',
      'server /var/lib/periodic-cron for root, else periodic-cron in the state folder of the user.',
      'A relative path counts from the folder of this file.',
    ],
    value: '/var/lib/periodic-cron',
    isDefault: false,
  },
  tick_every: {
    comment: ['How often the crontab calls run_scheduled. Without it: measured. Late ticks are told by it.'],
    value: '5m',
    isDefault: false,
  },
  max_running: {
    comment: ['How many runs may be alive at once on this node, over all its ticks (1 to 1000).'],
    value: String(DEFAULT_SETTINGS.maxRunning),
    isDefault: true,
  },
  default_timeout: {
    comment: ['Time limit of a task that names none; 0 is no limit.'],
    value: formatDuration(DEFAULT_SETTINGS.defaultTimeoutSeconds),
    isDefault: true,
  },
  default_spacing: {
    comment: ['What `--every 0` stands for.'],
    value: formatDuration(DEFAULT_SETTINGS.defaultSpacingSeconds),
    isDefault: true,
  },
  output_limit: {
    comment: ["How much of a run's output is kept: its head and its tail (1KiB to 64MiB)."],
    value: formatByteSize(DEFAULT_SETTINGS.outputLimitBytes),
    isDefault: true,
  },
  modules: {
    comment: [
      'Where task modules come from besides the shipped ones: folders with module files (a relative path',
      'counts from the folder of this file), and npm packages, such as [periodic-cron-backup].',
    ],
    value: inlineYaml(DEFAULT_SETTINGS.modules),
    isDefault: true,
  },
  connections: {
    comment: [
      'Databases for tasks of the module sql, by name: url as for the key database (the file of SQLite must be',
      'there), password as for database_password, unless it stands in the URL.',
    ],
    value: '{ warehouse: { url: postgres://reports@db2.example/sales, password: env:WAREHOUSE_PASSWORD } }',
    isDefault: false,
  },
  http: {
    comment: [
      'Whether tasks of the module http may reach this machine itself, and what shares its link, such as the',
      'metadata service of a cloud.',
    ],
    value: httpYaml(DEFAULT_SETTINGS.http),
    isDefault: true,
  },
  systemd_scope: {
    comment: [
      'Whether each command runs in a scope of systemd of its own, so that nothing it starts escapes its end.',
    ],
    value: String(DEFAULT_SETTINGS.systemdScope),
    isDefault: true,
  },
  log: {
    comment: [
      'A file that gets a line of JSON for every event in the life of a task (a relative path counts from the',
      'folder of this file). Levels: debug, info or warn; without one: info. Without the key: no log file.',
    ],
    value: `{ file: /var/log/periodic-cron.log, level: ${DEFAULT_SETTINGS.log.level} }`,
    isDefault: false,
  },
} satisfies Record<Key, Entry>;

/**
 * A commented YAML configuration file with every key of the schema: keys with a default hold it, so that the sample as
 * it stands changes nothing; the others are comments.
 */
export function sampleConfig(): string {
  const head = '# Configuration of periodic-cron. Durations are such as 90s, 15m, 1h30m or 2d.\n';
  return head + Object.keys(configFileSchema.shape).map(entryText).join('');
}

function entryText(key: string): string {
  const { comment, value, isDefault } = ENTRIES[key as keyof ConfigFile];
  const comments = comment.map((line) => `# ${line}\n`).join('');
  return `\n${comments}${isDefault ? '' : '#'}${key}: ${value}\n`;
}

function inlineYaml(lists: Readonly<Record<string, readonly string[]>>): string {
  const items = Object.entries(lists).map(([key, values]) => `${key}: [${values.join(', ')}]`);
  return `{ ${items.join(', ')} }`;
}

function httpYaml({ allowLoopback, allowLinkLocal }: HttpSettings): string {
  return `{ allow_loopback: ${allowLoopback}, allow_link_local: ${allowLinkLocal} }`;
}
