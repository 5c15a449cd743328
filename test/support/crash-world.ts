import { appendFileSync, existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { Engine } from '../../src/store/driver.ts';
import { commandColumns, openNodeBeside, openStockedWorld, type ProgramWorld } from './processes.ts';
import type { Columns, Operator } from './virtual-database.ts';

/** A world whose first node, `alpha`, is killed now and then; `beta` is beside it where the database is shared. */
export type CrashWorld = ProgramWorld &
  Operator & {
    readonly nodes: readonly ProgramWorld[];
    /** Where the commands of the tasks write that they were started. */
    readonly startsPath: string;
    /** The slots that each task was given, by its name. */
    readonly slots: Map<string, string[]>;
  };

/** The slot of a task's creation, and the one after it. */
export const FIRST_SLOT = '2024-01-01T00:00:00.000Z';
export const NEXT_SLOT = '2024-01-01T00:01:00.000Z';

// A node is never too full for what a scene leaves alive.
const SETTINGS = { max_running: 20 };

export async function openCrashWorld(engine: Engine): Promise<CrashWorld> {
  const world = await openStockedWorld(SETTINGS, engine);
  const startsPath = join(world.folder, 'starts');
  appendFileSync(startsPath, '');
  const beside = engine === 'sqlite' ? [] : [openNodeBeside(world, 'beta', SETTINGS)];
  return { ...world, nodes: [world, ...beside], startsPath, slots: new Map() };
}

export const SCOPES = ['each', 'one'] as const;

/** Both, where that is quick; on a server, the scope in which nodes meet. What differs between scopes runs with both. */
export function scopesOn(engine: Engine): readonly (typeof SCOPES)[number][] {
  return engine === 'sqlite' ? SCOPES : ['one'];
}

export type CrashTask = {
  readonly name: string;
  readonly scope: (typeof SCOPES)[number];
  /** What the command does after it has told of its start, in the shell. */
  readonly script?: string | undefined;
  readonly columns?: Columns | undefined;
};

const TELL_START =
  'echo "$PERIODIC_CRON_RUN_ID,$PERIODIC_CRON_SLOT,$PERIODIC_CRON_ATTEMPT,$PERIODIC_CRON_EPOCH" >> "$0"';

/** Adds a task of all nodes with one slot that is due. Each start of its command is a line in the file of starts. */
export function addCrashTask(world: CrashWorld, { name, scope, script = '', columns = {} }: CrashTask): void {
  const argv = ['sh', '-c', `${TELL_START}\n${script}`, world.startsPath];
  const nodes = world.nodes.length === 1 ? ['alpha'] : ['alpha', 'beta'];
  world.addTask({ name, nodes, columns: { ...commandColumns(argv), scope, ...columns } });
  world.slots.set(name, [FIRST_SLOT]);
}

/** Gives tasks one more slot, due now. */
export function arm({ sql, slots }: CrashWorld, slot: string, names: Iterable<string> = slots.keys()): void {
  const update = sql.prepare(
    `UPDATE periodic_task_state SET epoch = epoch + 1, first_slot = ?, earliest_start = ''
     WHERE terminated_at IS NULL AND task_id = (SELECT id FROM periodic_task WHERE name = ?)`,
  );
  for (const name of names) {
    update.run(slot, name);
    slots.get(name)?.push(slot);
  }
}

/** The ends of a task's runs on the node that is killed, or of the runs that nodes share: see `ledgerLine`. */
export function endsOf({ runRows, ledger }: Operator, name: string): readonly string[] {
  const lines = ledger();
  return runRows()
    .flatMap((row, index) =>
      row['task_name'] === name && row['scope_key'] !== 'beta' ? [lines[index] ?? ''] : [],
    )
    .map((line) => line.slice(name.length + 1).replaceAll('2024-01-01T', ''));
}

/** Every start that a command has told of: the token of its run, slot, attempt and epoch. */
export function startsOf({ startsPath }: Pick<CrashWorld, 'startsPath'>): readonly (readonly string[])[] {
  const lines = readFileSync(startsPath, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => line.split(','));
}

/** Where the results of a node wait for the database. */
export function spoolOf({ folder }: Pick<ProgramWorld, 'folder'>): string {
  return join(folder, 'state', 'spool');
}

/** Takes what is spooled from a node; the answer gives it back. */
export function hideSpool(node: Pick<ProgramWorld, 'folder'>): () => void {
  const spool = spoolOf(node);
  renameSync(spool, `${spool}.hidden`);
  return () => {
    if (existsSync(spool)) {
      throw new Error('expected no other spool while the first is hidden');
    }
    renameSync(`${spool}.hidden`, spool);
  };
}

/** Makes the database refuse the end of a task's runs; the answer makes it take them again. */
export function refuseEnds({ engine, sql }: Operator, name: string): () => void {
  const { create, drop } = REFUSALS[engine](name);
  sql.exec(create);
  return () => {
    sql.exec(drop);
  };
}

type Refusal = { readonly create: string; readonly drop: string };

const REFUSALS: Readonly<Record<Engine, (name: string) => Refusal>> = {
  sqlite: (name) => ({
    create: `CREATE TRIGGER refuse_end BEFORE UPDATE ON periodic_run
      WHEN OLD.task_name = '${name}' AND OLD.status = 'running' AND NEW.live_node IS NULL
      BEGIN SELECT RAISE(ABORT, 'refused by a test'); END`,
    drop: 'DROP TRIGGER refuse_end',
  }),
  postgres: (name) => ({
    create: `CREATE FUNCTION refuse_end() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'refused by a test'; END $$;
      CREATE TRIGGER refuse_end BEFORE UPDATE ON periodic_run FOR EACH ROW
        WHEN (OLD.task_name = '${name}' AND OLD.status = 'running' AND NEW.live_node IS NULL)
        EXECUTE FUNCTION refuse_end()`,
    drop: 'DROP TRIGGER refuse_end ON periodic_run; DROP FUNCTION refuse_end()',
  }),
  mariadb: (name) => ({
    create: `CREATE TRIGGER refuse_end BEFORE UPDATE ON periodic_run FOR EACH ROW
      IF OLD.task_name = '${name}' AND OLD.status = 'running' AND NEW.live_node IS NULL THEN
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refused by a test';
      END IF`,
    drop: 'DROP TRIGGER refuse_end',
  }),
};
