import { drawTask } from './draw-task.ts';
import { drawOutages, drawTicks } from './draw-ticks.ts';
import { createRandom } from './random.ts';
import {
  DAY,
  HOUR,
  type Instant,
  MINUTE,
  SECOND,
  type SimulatedNode,
  type TaskKind,
  type WorldScript,
} from './world.ts';

/** What a drawn world has to be like. */
export type WorldPlan = {
  readonly seed: number;
  readonly startsAt: Instant;
  /** Where clocks change in these days. */
  readonly zone: string;
  readonly days: number;
  readonly taskCount: number;
  /** How often each node ticks, in minutes. */
  readonly rhythms: readonly number[];
  readonly outageShare: number;
  readonly longestOutage: number;
  readonly mostSwitches: number;
};

const NODES = [
  { name: 'alpha', timezone: 'Europe/Berlin' },
  { name: 'beta', timezone: 'America/New_York' },
  { name: 'gamma', timezone: 'Australia/Lord_Howe' },
];

/** After the last day nothing goes wrong any more, so that everything comes to its end. */
const CALM = 12 * HOUR;
const FIRST_ID = 100;

/** The kinds of the tasks of a world, in turn. */
const KINDS: readonly TaskKind[] = [
  'cron',
  'every',
  'window',
  'every',
  'ticks',
  'cron',
  'at',
  'every',
  'window',
  'ticks',
  'every',
  'manual',
];

/** A world of which the seed decides everything. */
export function drawWorld(plan: WorldPlan): WorldScript {
  const random = createRandom(plan.seed);
  const { seed, startsAt, rhythms } = plan;
  const calmFrom = startsAt + plan.days * DAY;
  const endsAt = calmFrom + CALM;
  const nodes: readonly SimulatedNode[] = rhythms.flatMap((minutes, index) => {
    const node = NODES[index];
    return node === undefined ? [] : [{ ...node, rhythmSeconds: minutes * 60 }];
  });
  const tickPlan = { ...plan, calmFrom, endsAt, deathShare: 0.002 };
  const taskPlan = {
    nodes: nodes.map(({ name }) => name),
    startsAt: startsAt + 10 * SECOND,
    calmFrom,
    rhythmSeconds: Math.min(...rhythms) * 60,
    mostSwitches: plan.mostSwitches,
    zone: plan.zone,
  };
  return {
    seed,
    startsAt,
    calmFrom,
    endsAt,
    maxRunning: random.whole(2, 4),
    nodes,
    tasks: Array.from({ length: plan.taskCount }, (_none, index) =>
      drawTask(random, { ...taskPlan, id: FIRST_ID + index, kind: KINDS[index % KINDS.length] ?? 'manual' }),
    ),
    outages: nodes.flatMap((node) => drawOutages(random, node, tickPlan)),
    ticks: nodes.flatMap((node) => drawTicks(random, node, { ...tickPlan, startsAt: startsAt + MINUTE })),
  };
}
