import { expect, test } from 'vitest';
import { type ModuleWorld, openModuleWorld } from '../support/module-world.ts';

const COUNTS = `
import { z } from 'zod';
export const counts = {
  id: 'counts',
  description: 'Counts its runs.',
  options: z.strictObject({ by: z.number().int().default(1) }),
  run: ({ by }, { state }) => state.set((state.get() ?? 0) + by),
};`;

/** What a run writes of its task; the rows that tell of a fault have no process. */
function written({ sql, runRows }: ModuleWorld) {
  const states = sql.prepare('SELECT epoch, module_state, failures FROM periodic_task_state').all();
  return { states, runs: runRows().filter((row) => row['pid'] !== null) };
}

test.each([
  ['not JSON at all', '{by: 1}'],
  ['a list', '[1]'],
  ['text', '"by=1"'],
  ['a number that is none', '{"by": 1e999}'],
  ['another type', '{"by": "1"}'],
  ['an unknown option', '{"yb": 1}'],
])('options in the table that are %s run nothing and change no state, once told', async (_, options) => {
  const world = await openModuleWorld(COUNTS);
  world.addRun('count', 'counts', { options });
  const tick = await world.call('run_scheduled', '-c');
  expect(tick.exitCode).toBe(1);
  expect(tick.err).toContain('task "count" is invalid');
  expect(written(world)).toMatchObject({ states: [{ module_state: null, failures: 0 }], runs: [] });
  expect(await world.call('run_scheduled', '-c')).toMatchObject({ exitCode: 0, out: '', err: '' });
});

test.each([['by=text'], ['by=[1]'], ['by=1e999'], ['yb=1']])(
  'an option for one run that is wrong is refused before anything is written: %s',
  async (option) => {
    const world = await openModuleWorld(COUNTS);
    world.addRun('count', 'counts', { run_immediately: 0 });
    const before = written(world);
    const { exitCode, out, err } = await world.call('run_manually', '-t', 'count', '-o', option);
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
    expect(err).toMatch(/expected/);
    expect(written(world)).toEqual(before);
    expect(world.told()).toEqual([]);
  },
);
