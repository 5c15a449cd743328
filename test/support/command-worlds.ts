import type { JsonObject } from '../../src/core/json.ts';
import { openStockedWorld, type ProgramSettings } from './processes.ts';

type Columns = Readonly<Record<string, string | number>>;

/** A world with one task of the module command, `job`, that has these options and is run by hand. */
export async function openCommandWorld(
  options: JsonObject,
  columns: Columns = {},
  settings: ProgramSettings = {},
) {
  const world = await openStockedWorld(settings);
  world.addTask({
    name: 'job',
    columns: {
      module: 'command',
      options: JSON.stringify(options),
      schedule_kind: 'manual',
      schedule: '',
      ...columns,
    },
  });
  const run = () => world.call('run_manually', '-t', 'job');
  /** The newest run as it is recorded. */
  const recorded = () => world.runRows().at(-1) ?? {};
  return { ...world, run, recorded };
}
