import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openStockedWorld, type ProgramSettings, type ProgramWorld } from './processes.ts';
import type { Operator } from './virtual-database.ts';

export type ModuleWorld = ProgramWorld &
  Operator & {
    /** Adds a task of a module that runs once, at the first tick after its creation. */
    readonly addRun: (
      name: string,
      module: string,
      columns?: Readonly<Record<string, string | number>>,
    ) => void;
    /** Runs one tick and returns its runs in the order in which they were claimed. */
    readonly runs: (...flags: readonly string[]) => Promise<readonly RunFactsTold[]>;
    readonly told: () => readonly RunFactsTold[];
  };

export type RunFactsTold = {
  readonly task: string;
  readonly status: string;
  readonly message: string | null;
  readonly result: unknown;
  readonly output: string;
  readonly endedAt: string;
};

/** A world whose modules stand in one file that everybody may read. */
export async function openModuleWorld(source: string, settings: ProgramSettings = {}): Promise<ModuleWorld> {
  const world = await openStockedWorld({ modules: { folders: ['modules'] }, ...settings });
  const folder = join(world.folder, 'modules');
  mkdirSync(folder);
  chmodSync(world.folder, 0o755);
  writeFileSync(join(folder, 'modules.mjs'), source);
  const told = (): readonly RunFactsTold[] =>
    world.runRows().map((row) => ({
      task: String(row['task_name']),
      status: String(row['status']),
      message: row['message'] === null ? null : String(row['message']),
      result: row['result'] === null ? null : JSON.parse(String(row['result'])),
      output: String(row['output']),
      endedAt: String(row['ended_at']),
    }));
  return {
    ...world,
    addRun: (name, module, columns = {}) =>
      world.addTask({
        name,
        columns: { module, schedule_kind: 'manual', schedule: '', run_immediately: 1, ...columns },
      }),
    told,
    runs: async (...flags) => {
      await world.call('run_scheduled', '-c', ...flags);
      return told();
    },
  };
}

/** A module of the file: its id is the name of the export. */
export function moduleSource(id: string, body: string): string {
  return `export const ${id} = { id: '${id}', description: '${id}', run: async (options, context) => { ${body} } };\n`;
}
