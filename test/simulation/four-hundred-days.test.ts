import { expect, test } from 'vitest';
import { checkWorld } from '../support/simulation/check-world.ts';
import { drawWorld } from '../support/simulation/draw-world.ts';
import { seedOf } from '../support/simulation/random.ts';
import { DAY } from '../support/simulation/world.ts';

const SEED = seedOf(process.env);

console.log(`four hundred days: repeat them with SIMULATION_SEED=${SEED}`);

test(`in 400 days of ticks, all that happens is what should (seed ${SEED})`, async () => {
  const script = drawWorld({
    seed: SEED,
    startsAt: Date.UTC(2026, 1, 1),
    zone: 'Europe/Berlin',
    days: 400,
    taskCount: 18,
    rhythms: [60, 90, 120],
    outageShare: 0.008,
    longestOutage: 5 * DAY,
    mostSwitches: 6,
  });
  const { starts } = await checkWorld(script, `SIMULATION_SEED=${SEED}`);
  expect(starts.flat().length).toBeGreaterThan(1_000);
}, 240_000);
