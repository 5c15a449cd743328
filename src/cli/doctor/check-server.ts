import type { ServerLocation } from '../../config/config.ts';
import type { OpenedStore } from '../../store/open.ts';
import { type ClusterFacts, readServerFacts, type ServerFacts } from '../../store/server-facts.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

/** Whether a server keeps what is promised of it, by what it says of itself. */
export async function checkServer(
  { driver }: Pick<OpenedStore, 'driver'>,
  location: ServerLocation,
): Promise<readonly Finding[]> {
  return judgeServer(await readServerFacts(driver), location.url);
}

/** Judges what a server says of itself. */
export function judgeServer(facts: ServerFacts, url: string): readonly Finding[] {
  return [
    ok('database', `${url}, ${facts.product} ${facts.version}`),
    ...checkProduct(facts),
    ...checkEncoding(facts),
    ...checkTriggers(facts),
    ...checkDurability(facts),
    ...checkReplication(facts),
    ...(facts.cluster === undefined ? [] : checkCluster(facts.cluster)),
  ];
}

const LEAST_VERSIONS = { PostgreSQL: '13', MariaDB: '10.6' } as const;

function checkProduct({ product, version }: ServerFacts): readonly Finding[] {
  if (product === 'MySQL') {
    const message = `the server is MySQL ${version}: this program is tested with MariaDB and PostgreSQL, not with it`;
    return [warn('database', message, 'use MariaDB or PostgreSQL where it matters')];
  }
  const least = LEAST_VERSIONS[product];
  return isAtLeast(version, least)
    ? []
    : [
        fail(
          'database',
          `expected ${product} ${least} or later, got ${version}`,
          'upgrade the server: this program uses what older ones lack',
        ),
      ];
}

function isAtLeast(version: string, least: string): boolean {
  const numbers = version.split('.').map(Number);
  const [major = 0, minor = 0] = least.split('.').map(Number);
  const [gotMajor = 0, gotMinor = 0] = numbers;
  return gotMajor > major || (gotMajor === major && gotMinor >= minor);
}

function checkEncoding({ encodings }: ServerFacts): readonly Finding[] {
  const others = encodings.filter((encoding) => !/^(?:UTF-?8|utf8mb4)$/i.test(encoding));
  return others.length === 0
    ? []
    : [
        fail(
          'database',
          `expected text to be stored as UTF-8, got ${others.join(', ')}: names and outputs may be cut or refused`,
          'create a database with UTF-8 (PostgreSQL: ENCODING UTF8; MariaDB: CHARACTER SET utf8mb4), and move over',
        ),
      ];
}

/** Triggers without which changed tasks do not reach the ticks; those of each engine that have one meaning. */
const TRIGGERS = [
  'periodic_node_inserted',
  'periodic_task_deleted',
  'periodic_task_inserted',
  'periodic_task_node_inserted',
  'periodic_task_node_inserting',
  'periodic_task_node_updated',
  'periodic_task_node_updating',
  'periodic_task_tag_deleted',
  'periodic_task_tag_inserted',
  'periodic_task_tag_updated',
  'periodic_task_updated',
  'periodic_task_updating',
];

function checkTriggers({ product, triggers }: ServerFacts): readonly Finding[] {
  const missing = TRIGGERS.filter((name) => !triggers.includes(name));
  if (missing.length === 0) {
    return [];
  }
  // MariaDB shows triggers only to those who may make them, which a runner need not.
  if (triggers.length === 0 && product !== 'PostgreSQL') {
    return [
      warn(
        'database',
        'this user sees no triggers: either it lacks the right TRIGGER, which it does not need otherwise, or they are missing, and changed tasks do not reach the ticks',
        'run "periodic-cron doctor" as the user that migrated the database',
      ),
    ];
  }
  return [
    fail(
      'database',
      `the triggers ${missing.join(', ')} are missing: changed tasks do not reach the ticks`,
      'restore the database from a backup with its triggers; copying only the tables loses them',
    ),
  ];
}

type Durability = {
  readonly setting: string;
  readonly isKept: (value: string) => boolean;
  readonly wanted: string;
  /** What a power cut does otherwise. */
  readonly loss: string;
  readonly level: typeof warn;
};

const LOSS = 'a power cut may undo what was acknowledged, and a slot may run twice';
const DAMAGE = 'a power cut may damage the database';

const DURABILITY: readonly Durability[] = [
  { setting: 'fsync', isKept: (value) => value === 'on', wanted: 'on', loss: DAMAGE, level: fail },
  { setting: 'full_page_writes', isKept: (value) => value === 'on', wanted: 'on', loss: DAMAGE, level: warn },
  {
    setting: 'synchronous_commit',
    isKept: (value) => value !== 'off',
    wanted: 'on',
    loss: LOSS,
    level: warn,
  },
  {
    setting: 'innodb_flush_log_at_trx_commit',
    isKept: (value) => value === '1',
    wanted: '1',
    loss: LOSS,
    level: warn,
  },
  {
    setting: 'innodb_doublewrite',
    isKept: (value) => !['OFF', '0'].includes(value),
    wanted: 'ON',
    loss: DAMAGE,
    level: warn,
  },
];

function checkDurability({ settings }: ServerFacts): readonly Finding[] {
  const binlog = settings.get('log_bin') === 'ON' ? settings.get('sync_binlog') : undefined;
  return [
    ...DURABILITY.flatMap(({ setting, isKept, wanted, loss, level }) => {
      const value = settings.get(setting);
      return value === undefined || isKept(value)
        ? []
        : [level('database', `the server has ${setting} = ${value}: ${loss}`, `set ${setting} = ${wanted}`)];
    }),
    ...(binlog === undefined || binlog === '1'
      ? []
      : [
          warn(
            'database',
            `the server has sync_binlog = ${binlog}: after a power cut its replicas may lack what it acknowledged, or have more`,
            'set sync_binlog = 1',
          ),
        ]),
  ];
}

function checkReplication({ isWritableReplica }: ServerFacts): readonly Finding[] {
  return isWritableReplica
    ? [
        warn(
          'database',
          'the server takes changes from another one and can be written to as well: if nodes write to both, a task of scope one may run on several of them, since neither knows of the other in time',
          'let all nodes write to one server, or use a Galera cluster; tasks of scope each are safe',
        ),
      ]
    : [];
}

function checkCluster({ size, status }: ClusterFacts): readonly Finding[] {
  if (status !== 'Primary') {
    return [
      fail(
        'database',
        `the server is cut off from its Galera cluster (its status is ${status}), and refuses to write`,
        'mend the way between the servers; see wsrep_cluster_status',
      ),
    ];
  }
  return size === 2
    ? [
        warn(
          'database',
          'the Galera cluster has 2 servers: when one is lost, the other stops as well',
          'add a third one, or an arbitrator (garbd)',
        ),
      ]
    : [ok('database', `Galera cluster of ${size}`)];
}
