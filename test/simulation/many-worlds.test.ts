import { expect, test } from 'vitest';
import { checkWorld } from '../support/simulation/check-world.ts';
import { drawWorld } from '../support/simulation/draw-world.ts';
import { seedOf } from '../support/simulation/random.ts';
import { DAY } from '../support/simulation/world.ts';

const SEED = seedOf(process.env);
const WORLDS = 8;

/** The days before clocks change in Berlin, New York or on Lord Howe, where it is by half an hour. */
const STARTS = [
  ['2026-03-06', 'America/New_York'],
  ['2026-03-27', 'Europe/Berlin'],
  ['2026-04-03', 'Australia/Lord_Howe'],
  ['2026-10-02', 'Australia/Lord_Howe'],
  ['2026-10-23', 'Europe/Berlin'],
  ['2026-10-30', 'America/New_York'],
] as const;

console.log(`many worlds: repeat these with SIMULATION_SEED=${SEED}`);

test.each(Array.from({ length: WORLDS }, (_none, index) => [index + 1, SEED + index] as const))(
  'in world %d of some days around a clock change, all that happens is what should (seed %d)',
  async (index, seed) => {
    const [start, zone] = STARTS[(SEED + index) % STARTS.length] ?? STARTS[0];
    const script = drawWorld({
      seed,
      startsAt: Date.parse(start),
      zone,
      days: 3,
      taskCount: 12,
      rhythms: [5, 3],
      outageShare: 0.01,
      longestOutage: DAY,
      mostSwitches: 1,
    });
    const { starts } = await checkWorld(script, `SIMULATION_SEED=${SEED}`);
    expect(starts.flat().length).toBeGreaterThan(0);
  },
  60_000,
);
