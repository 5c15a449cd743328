import { expect, test } from 'vitest';
import { checkWorld } from '../support/simulation/check-world.ts';
import { plainTask } from '../support/simulation/plain-task.ts';
import { randomOf, seedOf } from '../support/simulation/random.ts';
import { MINUTE, SECOND, type WorldScript } from '../support/simulation/world.ts';

const SEED = seedOf(process.env);
const START = Date.UTC(2026, 2, 28, 12);
const TICKS = 300;

/** Ticks of each minute, of which cron brings each about some time later. */
function worldOf(anchor: 'start' | 'finish', latencyOf: (tick: number) => number): WorldScript {
  const ticks = Array.from({ length: TICKS }, (_none, index) => {
    const latency = latencyOf(index);
    // The latency lies before the begin of the process, or after it.
    const processAgeMs = index % 2 === 0 ? latency : 0;
    return { node: 'alpha', at: START + (index + 1) * MINUTE + latency, processAgeMs, diesEarly: false };
  });
  return {
    seed: SEED,
    startsAt: START,
    calmFrom: START + (TICKS + 1) * MINUTE,
    endsAt: START + (TICKS + 1) * MINUTE,
    maxRunning: 4,
    nodes: [{ name: 'alpha', timezone: 'Europe/Berlin', rhythmSeconds: 60 }],
    tasks: [{ ...plainTask({ name: 'hourglass', kind: 'every', schedule: '1m', createdAt: START }), anchor }],
    ticks,
    outages: [],
  };
}

/** The latencies of cron, in milliseconds, by the number of the tick. */
const LATENCIES: readonly (readonly [string, (tick: number) => number])[] = [
  ['no latency', () => 0],
  ['a latency of 50 s', () => 50 * SECOND],
  ['0 s and 50 s in turn', (tick) => (tick % 2) * 50 * SECOND],
  ['a latency that grows to 50 s and begins anew', (tick) => (tick % 51) * SECOND],
  [`any latency of 0 to 50 s (seed ${SEED})`, (tick) => randomOf(SEED, `tick ${tick}`).whole(0, 50 * SECOND)],
];

for (const anchor of ['start', 'finish'] as const) {
  test.each(LATENCIES)(
    `anchored at its ${anchor}, a task whose period is the rhythm runs at every tick with %s`,
    async (_name, latencyOf) => {
      const script = worldOf(anchor, latencyOf);
      const { starts } = await checkWorld(script, `SIMULATION_SEED=${SEED}`);
      expect(starts).toEqual(Array.from({ length: TICKS }, () => ['hourglass']));
    },
  );
}
