import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { main } from '../../../src/cli/main.ts';
import { loadConfig } from '../../../src/config/sources.ts';
import { parseDuration } from '../../../src/core/durations.ts';
import { once } from '../../../src/core/once.ts';
import { openChildPool } from '../../../src/execute/child-pool.ts';
import { openRegistry } from '../../../src/runner/open-runner.ts';
import type { Runner } from '../../../src/runner/runner.ts';
import type { Row } from '../../../src/store/driver.ts';
import { type FakeIo, fakeIo } from '../../cli/fake-io.ts';
import { type ApiCase, instantAt, setupOf } from '../../core/cases/world.ts';
import type { Columns, PlainTask } from '../../support/virtual-database.ts';
import { withLookFor } from '../../support/virtual-faults.ts';
import { openVirtualWorld, tickOf, type VirtualWorld } from '../../support/virtual-runner.ts';
import { textAt, timeIn, urlOf } from './stored-world.ts';

/** What a case of oslo.service says of a task that it declares. */
export type DeclaredCase = {
  readonly name: string;
  readonly spacing?: number | null;
  readonly enabled?: boolean;
  readonly run_immediately?: boolean;
};

/** What the program answered to `modules sync`. */
export type SyncAnswer = { readonly exitCode: number; readonly out: string; readonly err: string };

/** What a tick made of the tasks, times in minutes. */
export type PassReport = {
  /** The tasks that ran, in that order; each with success. */
  readonly ran: readonly string[];
  readonly idle_for: number | null;
};

/** A node with a folder of modules, whose tasks the real command registers and real ticks run. Times are minutes. */
export type RegistrationWorld = {
  readonly world: VirtualWorld;
  /** Writes a file of modules: what it declares, as source text. */
  readonly write: (file: string, ...declarations: readonly string[]) => void;
  readonly sync: (node?: string) => Promise<SyncAnswer>;
  /** Syncs, which is to succeed, and lets what was added be registered at the time. */
  readonly register: (time: number, node?: string) => Promise<void>;
  readonly pass: (time: number, node?: string) => Promise<PassReport>;
  readonly task: (name: string) => Row | undefined;
  /** The spacing of each task that is scheduled. */
  readonly spacings: () => Readonly<Record<string, number>>;
  /** What oslo calls the last run: the slot that is handled, else from when the task counts. */
  readonly lastRun: (name: string) => number;
};

/** Oslo's default spacing, which is a setting here. */
const DEFAULT_SPACING = 60;

export type WorldOptions = {
  /** Ticks run what the files declare; else a module of the tests in its place. */
  readonly forReal: boolean;
};

export async function openRegistrationWorld(
  options: WorldOptions = { forReal: false },
): Promise<RegistrationWorld> {
  const world = await openVirtualWorld();
  const { folder } = world;
  mkdirSync(join(folder, 'modules'));
  writeFileSync(
    join(folder, 'periodic-cron.json'),
    JSON.stringify({
      database: urlOf(world),
      state_directory: join(folder, 'state'),
      modules: { folders: ['modules'] },
      default_spacing: `${DEFAULT_SPACING}m`,
    }),
  );
  const sync: RegistrationWorld['sync'] = async (node = 'alpha') => {
    const io = ioOf(world, node);
    return { exitCode: await main(['modules', 'sync'], io), ...io.printed };
  };
  const tasks = (): readonly Row[] =>
    world.sql.prepare('SELECT * FROM periodic_task ORDER BY id').all() as Row[];
  return {
    ...{ world, sync, pass: ticksOf(world, options) },
    write: (file, ...declarations) => {
      const head = "import { periodicTask } from 'periodic-cron';\n";
      const body = declarations.map((text, index) => `export const d${index} = ${text};\n`);
      writeFileSync(join(folder, 'modules', file), head + body.join(''));
    },
    register: async (time, node) => {
      const known = tasks().map((row) => row['id']);
      const { exitCode, err } = await sync(node);
      if (exitCode !== 0) {
        throw new Error(`expected modules sync to succeed, got ${exitCode}: ${err}`);
      }
      world.clock.now = instantAt(time);
      for (const row of tasks().filter(({ id }) => !known.includes(id))) {
        addAgain(world, row);
      }
    },
    task: (name) => tasks().find((row) => row['name'] === name),
    spacings: () =>
      Object.fromEntries(
        tasks()
          .map((row) => [String(row['name']), parseDuration(String(row['schedule'])) / 60] as const)
          .filter(([, spacing]) => spacing > 0),
      ),
    lastRun: (name) => {
      const state = world.stateRow(name);
      return timeIn(state['handled_slot'] ?? state['counted_from']) ?? Number.NaN;
    },
  };
}

/** A declaration of the case as source text: its seconds are minutes. */
export function declarationOf({ name, spacing, enabled, run_immediately }: DeclaredCase): string {
  const settings = {
    ...(spacing === undefined ? {} : { spacing: spacing === null ? null : spacing * 60 }),
    ...(enabled === undefined ? {} : { enabled }),
    ...(run_immediately === undefined ? {} : { runImmediately: run_immediately }),
  };
  return `periodicTask(${JSON.stringify(settings)}, async function ${name}() {})`;
}

/** A world whose only file declares the tasks of the case, registered at the time. */
export async function registeredWorld(one: ApiCase, time: number): Promise<RegistrationWorld> {
  const { tasks } = setupOf<{ tasks: readonly DeclaredCase[] }>(one);
  const registration = await openRegistrationWorld();
  registration.write('tasks.mjs', ...tasks.map(declarationOf));
  await registration.register(time);
  return registration;
}

/**
 * The triggers that serve the command read the real clock, so the row is added once more, as it is, at the time of the
 * world.
 */
function addAgain(world: VirtualWorld, { id, created_at: _, updated_at: __, ...row }: Row): void {
  const nodes = world.sql
    .prepare('SELECT node FROM periodic_task_node WHERE task_id = ?')
    .pluck()
    .all(Number(id));
  world.sql.prepare('DELETE FROM periodic_task WHERE id = ?').run(Number(id));
  const task: PlainTask = { name: String(row['name']), nodes: nodes.map(String), columns: row as Columns };
  world.addTask(task);
}

/**
 * A tick of a node with the modules of the folder. Starting a child takes longer than all the rest, so what is declared
 * runs for real only where that is what the case is about.
 */
function ticksOf(world: VirtualWorld, { forReal }: WorldOptions): RegistrationWorld['pass'] {
  return async (time, node = 'alpha') => {
    const runner = world.otherRunner({ node: { ...world.runner.node, name: node } });
    const equipped = forReal ? await withModules(world, runner) : await withLookFor(runner, () => 'succeed');
    const { runs, notRun, idleForSeconds } = await tickOf(equipped, world, textAt(time));
    const wrong = [
      ...runs.filter(({ status }) => status !== 'succeeded'),
      ...notRun.filter(({ newFault }) => newFault),
    ];
    if (wrong.length > 0) {
      throw new Error(`expected runs that succeed, got ${JSON.stringify(wrong)}`);
    }
    return {
      ran: runs.map(({ task }) => task),
      idle_for: idleForSeconds === null ? null : idleForSeconds / 60,
    };
  };
}

/** What a tick of the program runs tasks with: a child of Node for each file. */
async function withModules(world: VirtualWorld, runner: Runner): Promise<Runner> {
  const config = await loadConfig({ flags: {}, ...ioOf(world, runner.node.name) });
  const pool = openChildPool();
  onTestFinished(() => pool.close());
  return {
    ...runner,
    settings: config,
    registry: once(() => openRegistry(config, world.folder, () => world.clock.now)),
    children: { take: () => Promise.resolve(pool), close: pool.close },
  };
}

function ioOf({ folder }: VirtualWorld, node: string): FakeIo {
  return fakeIo({ cwd: folder, env: { HOME: folder, TZ: 'UTC', PERIODIC_CRON_NODE: node } });
}
