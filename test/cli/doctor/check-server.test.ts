import { describe, expect, test } from 'vitest';
import { judgeServer } from '../../../src/cli/doctor/check-server.ts';
import type { ServerFacts } from '../../../src/store/server-facts.ts';
import { problems } from './doctor-world.ts';

const URL = 'postgres://cron@db.example/tasks';
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

const POSTGRES: ServerFacts = {
  product: 'PostgreSQL',
  version: '15.4',
  encodings: ['UTF8'],
  triggers: TRIGGERS,
  settings: new Map([
    ['fsync', 'on'],
    ['full_page_writes', 'on'],
    ['synchronous_commit', 'on'],
  ]),
  isWritableReplica: false,
  cluster: undefined,
};
const MARIADB: ServerFacts = {
  product: 'MariaDB',
  version: '10.11.6',
  encodings: ['utf8mb4'],
  triggers: TRIGGERS,
  settings: new Map([
    ['innodb_flush_log_at_trx_commit', '1'],
    ['innodb_doublewrite', 'ON'],
    ['log_bin', 'OFF'],
    ['sync_binlog', '0'],
  ]),
  isWritableReplica: false,
  cluster: undefined,
};

function setting(facts: ServerFacts, ...changes: ReadonlyArray<readonly [string, string]>): ServerFacts {
  return { ...facts, settings: new Map([...facts.settings, ...changes]) };
}

describe('a server', () => {
  test.each([
    ['PostgreSQL', POSTGRES, 'PostgreSQL 15.4'],
    ['MariaDB', MARIADB, 'MariaDB 10.11.6'],
  ])('that is a sound %s is told with its version', (_product, facts, name) => {
    expect(judgeServer(facts, URL)).toEqual([
      { check: 'database', level: 'ok', message: `${URL}, ${name}`, remedy: null },
    ]);
  });

  test('that is a sound cluster is told with its size', () => {
    const [, cluster] = judgeServer({ ...MARIADB, cluster: { size: 3, status: 'Primary' } }, URL);
    expect(cluster).toMatchObject({ level: 'ok', message: 'Galera cluster of 3' });
  });

  test.each<[string, ServerFacts, string]>([
    [
      'is too old',
      { ...POSTGRES, version: '12.17' },
      'fail database: expected PostgreSQL 13 or later, got 12.17',
    ],
    [
      'is too old',
      { ...MARIADB, version: '10.5.9' },
      'fail database: expected MariaDB 10.6 or later, got 10.5.9',
    ],
    [
      'is MySQL',
      { ...MARIADB, product: 'MySQL', version: '8.0.36' },
      'warn database: the server is MySQL 8.0.36: this program is tested with MariaDB and PostgreSQL, not with it',
    ],
    [
      'stores another encoding',
      { ...POSTGRES, encodings: ['SQL_ASCII'] },
      'fail database: expected text to be stored as UTF-8, got SQL_ASCII: names and outputs may be cut or refused',
    ],
    [
      'stores three bytes only',
      { ...MARIADB, encodings: ['utf8mb4', 'utf8mb3'] },
      'fail database: expected text to be stored as UTF-8, got utf8mb3: names and outputs may be cut or refused',
    ],
    [
      'lost triggers',
      { ...MARIADB, triggers: TRIGGERS.slice(2) },
      'fail database: the triggers periodic_node_inserted, periodic_task_deleted are missing: changed tasks do not reach the ticks',
    ],
    [
      'shows no triggers',
      { ...MARIADB, triggers: [] },
      'warn database: this user sees no triggers: either it lacks the right TRIGGER, which it does not need otherwise, or they are missing, and changed tasks do not reach the ticks',
    ],
    [
      'may be damaged',
      setting(POSTGRES, ['fsync', 'off']),
      'fail database: the server has fsync = off: a power cut may damage the database',
    ],
    [
      'may be damaged',
      setting(POSTGRES, ['full_page_writes', 'off']),
      'warn database: the server has full_page_writes = off: a power cut may damage the database',
    ],
    [
      'may forget',
      setting(POSTGRES, ['synchronous_commit', 'off']),
      'warn database: the server has synchronous_commit = off: a power cut may undo what was acknowledged, and a slot may run twice',
    ],
    [
      'may forget',
      setting(MARIADB, ['innodb_flush_log_at_trx_commit', '2']),
      'warn database: the server has innodb_flush_log_at_trx_commit = 2: a power cut may undo what was acknowledged, and a slot may run twice',
    ],
    [
      'may be damaged',
      setting(MARIADB, ['innodb_doublewrite', 'OFF']),
      'warn database: the server has innodb_doublewrite = OFF: a power cut may damage the database',
    ],
    [
      'may part from its replicas',
      setting(MARIADB, ['log_bin', 'ON']),
      'warn database: the server has sync_binlog = 0: after a power cut its replicas may lack what it acknowledged, or have more',
    ],
    [
      'is one of several that replicate',
      { ...MARIADB, isWritableReplica: true },
      'warn database: the server takes changes from another one and can be written to as well: if nodes write to both, a task of scope one may run on several of them, since neither knows of the other in time',
    ],
    [
      'was cut off',
      { ...MARIADB, cluster: { size: 1, status: 'non-Primary' } },
      'fail database: the server is cut off from its Galera cluster (its status is non-Primary), and refuses to write',
    ],
    [
      'has one other beside it',
      { ...MARIADB, cluster: { size: 2, status: 'Primary' } },
      'warn database: the Galera cluster has 2 servers: when one is lost, the other stops as well',
    ],
  ])('that %s is told: %#', (_title, facts, message) => {
    expect(problems(judgeServer(facts, URL))).toEqual([message]);
  });

  test('that commits to a local disk, or to others as well, keeps what it acknowledged', () => {
    for (const value of ['local', 'remote_write', 'remote_apply']) {
      expect(problems(judgeServer(setting(POSTGRES, ['synchronous_commit', value]), URL))).toEqual([]);
    }
  });
});
