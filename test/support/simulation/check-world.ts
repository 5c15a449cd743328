import { expect } from 'vitest';
import { breaches } from './contract.ts';
import { actualEnd, differences } from './ledger.ts';
import { expectedEnd } from './model.ts';
import { type SimulatedWorld, simulate } from './simulator.ts';
import type { WorldScript } from './world.ts';

/**
 * Plays the script with the program and with the model: fails where they differ, and where the program breaks its
 * contract. The failure says how to repeat it. Returns the world as the program has played it.
 */
export async function checkWorld(script: WorldScript, repeatWith: string): Promise<SimulatedWorld> {
  const expected = await expectedEnd(script);
  const world = await simulate(script);
  const faults = [...breaches(script, world), ...differences(expected, actualEnd(world.sql), script)];
  const names = script.tasks.filter(({ name }) => faults.some((fault) => fault.includes(name)));
  const definitions = names.slice(0, 3).map((task) => JSON.stringify(task));
  expect(faults, [`repeat it with ${repeatWith}`, ...faults.slice(0, 12), ...definitions].join('\n')).toEqual(
    [],
  );
  return world;
}
