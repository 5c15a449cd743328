import { dirname } from 'node:path';
import { type Config, type DatabaseLocation, databaseName } from '../../config/config.ts';
import { loadConfig } from '../../config/sources.ts';
import { PeriodicCronError } from '../../core/errors.ts';
import { sqliteFacts } from '../../store/health.ts';
import { SCHEMA_VERSION } from '../../store/migrations.ts';
import type { OpenedStore } from '../../store/open.ts';
import type { Io } from '../io.ts';
import { checkServer } from './check-server.ts';
import { type Finding, fail, listed, ok, warn } from './finding.ts';
import type { World } from './world.ts';

const OTHERS_WRITE = 0o002;
const GROUP_WRITES = 0o020;
const ANYBODY_ELSE = 0o077;
const STICKY = 0o1000;

const MEBIBYTE = 1_024 * 1_024;
const LITTLE_SPACE_BYTES = 256 * MEBIBYTE;
const NO_SPACE_BYTES = 16 * MEBIBYTE;

/** Who may read and write the file and its folder, and whether its disk has room. */
export function checkDatabaseFile({ database }: Config, world: World, io: Io): readonly Finding[] {
  if (database.engine !== 'sqlite') {
    return [];
  }
  const { path } = database;
  const file = world.fileFacts(path);
  const folder = world.fileFacts(dirname(path));
  if (file === undefined || folder === undefined) {
    // Opening it says what is wrong.
    return [];
  }
  return [
    ...checkFileMode(path, file.mode),
    ...checkFolderMode(dirname(path), folder.mode),
    ...checkOwner(path, { owner: file.uid, uid: io.uid, isWritable: file.isWritable && folder.isWritable }),
    ...checkSpace(path, world.freeBytes(path)),
  ];
}

function checkFileMode(path: string, mode: number): readonly Finding[] {
  if ((mode & OTHERS_WRITE) !== 0) {
    const message = `every user may write to ${path} (mode ${octal(mode)}), and so have any command run`;
    return [fail('database', message, `chmod 600 ${path}`)];
  }
  return (mode & ANYBODY_ELSE) === 0
    ? []
    : [
        warn(
          'database',
          `other users may read or write ${path} (mode ${octal(mode)}), which holds what tasks print`,
          `chmod 600 ${path}`,
        ),
      ];
}

function checkFolderMode(folder: string, mode: number): readonly Finding[] {
  if ((mode & (OTHERS_WRITE | GROUP_WRITES)) === 0) {
    return [];
  }
  const message = `other users may write to ${folder}, the folder of the database (mode ${octal(mode)})`;
  // In a folder such as /tmp they can at least not replace the file.
  const canReplace = (mode & OTHERS_WRITE) !== 0 && (mode & STICKY) === 0;
  return [(canReplace ? fail : warn)('database', message, `keep it in a folder of its own, mode 700`)];
}

function checkOwner(
  path: string,
  {
    owner,
    uid,
    isWritable,
  }: { readonly owner: number; readonly uid: number | undefined; readonly isWritable: boolean },
): readonly Finding[] {
  if (!isWritable) {
    return [
      fail(
        'database',
        `this user may not write to ${path} or to its folder`,
        'run as the owner, or change the owner of the file and its folder',
      ),
    ];
  }
  return uid === undefined || uid === 0 || uid === owner
    ? []
    : [
        warn(
          'database',
          `${path} belongs to the user with id ${owner}, this call runs as ${uid}`,
          'let one user own the file, its folder and the crontab',
        ),
      ];
}

function checkSpace(path: string, freeBytes: number | undefined): readonly Finding[] {
  if (freeBytes === undefined || freeBytes >= LITTLE_SPACE_BYTES) {
    return [];
  }
  const message = `the disk of ${path} has ${Math.floor(freeBytes / MEBIBYTE)} MiB left`;
  const remedy = 'free space there; "periodic-cron prune" deletes history';
  return [(freeBytes < NO_SPACE_BYTES ? fail : warn)('database', message, remedy)];
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

/** The triggers without which changes by plain SQL, and those of this program, would not reach the ticks. */
const TRIGGERS = [
  'periodic_node_inserted',
  'periodic_task_deleted',
  'periodic_task_inserted',
  'periodic_task_node_deleted',
  'periodic_task_node_inserted',
  'periodic_task_node_inserting',
  'periodic_task_node_updated',
  'periodic_task_node_updating',
  'periodic_task_tag_deleted',
  'periodic_task_tag_inserted',
  'periodic_task_tag_updated',
  'periodic_task_updated',
];

/** What the engine says of the file, or of itself. */
export async function checkIntegrity({ driver, database }: OpenedStore): Promise<readonly Finding[]> {
  if (database.engine !== 'sqlite') {
    return checkServer({ driver }, database);
  }
  const { path } = database;
  const { version, journalMode, damages, triggers } = await sqliteFacts(driver);
  const missing = TRIGGERS.filter((name) => !triggers.includes(name));
  return [
    damages.length === 0
      ? ok('database', `${path}, sound, by SQLite ${version}`)
      : fail(
          'database',
          `${path} is damaged: ${listed(damages)}`,
          `restore it from a backup, or run "sqlite3 ${path} .recover"`,
        ),
    ...(journalMode === 'wal'
      ? []
      : [
          warn(
            'database',
            `${path} cannot keep a write-ahead log (its journal mode is ${journalMode}), as on network file systems: ticks wait for each other, and a lock may not hold`,
            'move it to a local disk',
          ),
        ]),
    ...(missing.length === 0
      ? []
      : [
          fail(
            'database',
            `${path} lacks the triggers ${missing.join(', ')}: changed tasks do not reach the ticks`,
            'restore it from a backup; copying only the tables loses them',
          ),
        ]),
  ];
}

/** Which version the schema has. One that this program may not work with was refused before. */
export function checkSchema({ schema }: OpenedStore): Finding {
  return schema.version === SCHEMA_VERSION
    ? ok('schema', `version ${schema.version}`)
    : warn(
        'schema',
        `version ${schema.version}, of a newer periodic-cron; this one knows version ${SCHEMA_VERSION}, and may work with it`,
        'upgrade this one too',
      );
}

/**
 * Other databases where this user's calls, or root's cron, would look without being told: what is defined in one is not
 * seen by who looks at the other.
 */
export async function checkOtherDatabases(config: Config, world: World, io: Io): Promise<readonly Finding[]> {
  const places = [await defaultPath(io, 0), await defaultPath(io, io.uid), await defaultPath(io, undefined)];
  const others = [...new Set(places)].filter(
    (path) => path !== undefined && path !== pathOf(config.database) && world.fileFacts(path) !== undefined,
  );
  return others.map((path) =>
    warn(
      'other database',
      `there is a second database, ${path}; this call looks at ${databaseName(config.database)} (${config.database.origin})`,
      'if both are in use, name one of them for all users in /etc/periodic-cron/config.yaml; if not, move the unused one away',
    ),
  );
}

function pathOf(database: DatabaseLocation): string | undefined {
  return database.engine === 'sqlite' ? database.path : undefined;
}

/** Where a call of that user without any configuration keeps its database; undefined without a home. */
async function defaultPath(io: Io, uid: number | undefined): Promise<string | undefined> {
  const { HOME, XDG_STATE_HOME } = io.env;
  try {
    const { database } = await loadConfig({
      flags: {},
      env: { HOME, XDG_STATE_HOME },
      cwd: '/',
      uid,
      hostName: io.hostName,
      readFile: () => {
        throw Object.assign(new Error('no configuration'), { code: 'ENOENT' });
      },
    });
    return pathOf(database);
  } catch (error) {
    if (error instanceof PeriodicCronError) {
      return undefined;
    }
    throw error;
  }
}
