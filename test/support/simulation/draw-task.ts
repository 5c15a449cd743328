import { drawInstant, drawMinute } from './draw-ticks.ts';
import type { Random } from './random.ts';
import {
  HOUR,
  type Instant,
  isoText,
  MINUTE,
  SECOND,
  type SimulatedTask,
  type TaskKind,
  type Temper,
} from './world.ts';

export type TaskPlan = {
  readonly id: number;
  readonly kind: TaskKind;
  readonly nodes: readonly string[];
  readonly startsAt: Instant;
  /** Nothing is created or switched from here on. */
  readonly calmFrom: Instant;
  /** The shortest distance between slots that makes sense in this world. */
  readonly rhythmSeconds: number;
  /** Where clocks change in these days. */
  readonly zone: string;
  /** How often a task is switched off and on again, at most. */
  readonly mostSwitches: number;
};

const ZONES = ['', 'UTC', 'America/New_York', 'Europe/Berlin', 'Australia/Lord_Howe'];
const NAMED_ZONES = ZONES.slice(1);

/** A task of the kind with any policies that go together. */
export function drawTask(random: Random, plan: TaskPlan): SimulatedTask {
  const { kind } = plan;
  const scope = random.pick(['each', 'each', 'one'] as const);
  const createdAt = random.chance(0.7)
    ? plan.startsAt
    : drawInstant(random, plan.startsAt, (plan.startsAt + plan.calmFrom) / 2);
  const common: SimulatedTask = {
    ...drawRetries(random),
    ...drawSwitches(random, plan, createdAt),
    id: plan.id,
    name: `task ${plan.id}`,
    nodes: plan.nodes.filter(() => random.chance(0.7)),
    scope,
    ordering: random.whole(0, 2),
    kind,
    schedule: '',
    timezone: random.chance(0.4) ? plan.zone : random.pick(scope === 'one' ? NAMED_ZONES : ZONES),
    anchor: 'slot',
    runImmediately: false,
    firstDelaySeconds: null,
    enabledDelaySeconds: null,
    randomOffsetSeconds: 0,
    catchUp: 'latest',
    catchUpMax: 100,
    startDeadlineSeconds: null,
    backoff: 'none',
    maxPeriodSeconds: null,
    deactivateAfter: null,
    overlap: random.pick(['forbid', 'forbid', 'skip'] as const),
    maxParallel: 1,
    ...drawBehaviour(random, plan),
    createdAt,
    postponedAt: [],
    resetAt: drawInstants(random, plan, createdAt),
    byHand: [],
  };
  const placed = common.nodes.length === 0 ? { ...common, nodes: plan.nodes.slice(0, 1) } : common;
  const drawn = { ...placed, ...drawOfKind(random, placed, plan) };
  const { startDeadlineSeconds: deadline, randomOffsetSeconds } = drawn;
  const startDeadlineSeconds = deadline === null ? null : Math.max(deadline, randomOffsetSeconds);
  const task: SimulatedTask = { ...drawn, startDeadlineSeconds };
  // Few postponements meet a live run, so there are some more of them.
  const often = { ...plan, mostSwitches: 4 * plan.mostSwitches };
  const postponedAt = isPostponable(task) ? drawInstants(random, often, createdAt) : [];
  const byHand = drawInstants(random, plan, createdAt).map((at) => ({ at, node: random.pick(task.nodes) }));
  // What may run beside itself must be long to do so.
  const busy = task.overlap === 'allow' ? durationsOfBusy(plan.rhythmSeconds * SECOND) : {};
  const temper = { ...task.temper, ...busy };
  return { ...task, temper, postponedAt, byHand, deactivateAfter: drawDeactivation(random) };
}

/** What has no period cannot be postponed. */
function isPostponable({ kind }: SimulatedTask): boolean {
  return kind !== 'at' && kind !== 'manual';
}

function drawOfKind(random: Random, task: SimulatedTask, plan: TaskPlan): Partial<SimulatedTask> {
  switch (task.kind) {
    case 'cron':
      return { ...drawDelays(random), ...drawCatchUpOrAllow(random, plan), schedule: drawCron(random) };
    case 'every':
      return { ...drawDelays(random), ...drawEvery(random, plan) };
    case 'window':
      return { ...drawDelays(random), ...drawCatchUpOrAllow(random, plan), schedule: drawWindow(random) };
    case 'ticks':
      return {
        ...(random.chance(0.8) ? {} : drawAllow(random)),
        schedule: `${random.whole(0, 5)}${random.chance(0.7) ? ' repeat' : ''}`,
      };
    case 'at': {
      const slot = drawMinute(random, task.createdAt + 2 * MINUTE, plan.calmFrom);
      return {
        // The wall of a zone shows some instants twice, and some never.
        schedule: random.chance(0.5) ? isoText(slot) : isoText(slot).slice(0, 16),
        startDeadlineSeconds: drawDeadline(random, plan),
        ...drawOffset(random, 3_600),
      };
    }
    case 'manual':
      return random.chance(0.5) ? {} : drawAllow(random);
  }
}

function drawEvery(random: Random, plan: TaskPlan): Partial<SimulatedTask> {
  const periodSeconds =
    random.pick([1, 1, 2, 3, 7, 20]) * plan.rhythmSeconds + random.pick([0, 0, 0, 30, -30]);
  const period = Math.max(30, periodSeconds);
  const backoff = random.pick(['none', 'none', 'on_failure', 'every_run'] as const);
  const schedule = {
    schedule: `${period}s`,
    backoff,
    maxPeriodSeconds: backoff === 'none' ? null : period * random.whole(1, 12),
  };
  return random.chance(0.5)
    ? { ...schedule, anchor: random.pick(['start', 'finish'] as const), ...drawOffset(random, period) }
    : { ...drawCatchUpOrAllow(random, plan), ...schedule };
}

function drawCron(random: Random): string {
  if (random.chance(0.4)) {
    // At night, when clocks change.
    return `${random.pick(['0', '30', '15,45', '*/20'])} ${random.pick(['1', '2', '3', '1-3', '0-4'])} * * *`;
  }
  const minute = random.pick(['*', '*/5', '*/20', '0', '30', '7,37', '15-45/10', '59', '0', '30']);
  const hour = random.pick(['*', '*', '*/2', '1', '2', '3', '0-6/3', '9-17', '0,23', '*/3']);
  const date = random.pick(['*', '*', '*', '*', '1', '*/2', '10-20']);
  const month = random.pick(['*', '*', '*', '*', '1-6', '3,10']);
  const weekday = random.pick(['*', '*', '*', '1-5', '0', '6,7', '2']);
  return `${minute} ${hour} ${date} ${month} ${weekday}`;
}

const WINDOWS = [
  '*@30m',
  '@1d',
  '@3h',
  '*',
  '*@1h mon-fri',
  '08:00-18:00@30',
  '08:00-18:00@45m mon-fri',
  '22:00-02:00',
  '22:00-02:00@1h fri-sun',
  '01:00-04:00@20m',
  '01:30-03:30',
  '02:30',
  '09:00 mon,thu',
  '["08:00-18:00@30m mon-fri", "!12:00-13:00"]',
  '["*@2h", "!22:00-05:00", "!* sun"]',
  '["00:00-06:00@50m", "12:00-13:00@10m sat"]',
  '~20:00-04:00',
  '~00:00-06:00 mon-fri',
  '~*',
  '["~08:00-12:00", "15:00-16:00@20m"]',
  '["06:00-07:00", "20:00", "!06:00-06:20"]',
];

function drawWindow(random: Random): string {
  return random.pick(WINDOWS);
}

function drawCatchUp(random: Random, plan: TaskPlan): Partial<SimulatedTask> {
  const catchUp = random.pick(['latest', 'latest', 'each', 'skip'] as const);
  return {
    catchUp,
    catchUpMax: catchUp === 'each' ? random.whole(1, 12) : 100,
    startDeadlineSeconds: drawDeadline(random, plan),
    ...drawOffset(random, 7_200),
  };
}

function drawDeadline(random: Random, { rhythmSeconds }: TaskPlan): number | null {
  return random.chance(0.5) ? null : random.whole(1, 20) * rhythmSeconds;
}

function drawOffset(random: Random, mostSeconds: number): Partial<SimulatedTask> {
  return random.chance(0.6) ? {} : { randomOffsetSeconds: random.whole(1, mostSeconds) };
}

function drawDelays(random: Random): Partial<SimulatedTask> {
  const runImmediately = random.chance(0.2);
  return {
    runImmediately,
    firstDelaySeconds: runImmediately || random.chance(0.7) ? null : random.whole(0, 180) * 60,
    enabledDelaySeconds: random.chance(0.6) ? null : random.whole(0, 90) * 60,
  };
}

function drawCatchUpOrAllow(random: Random, plan: TaskPlan): Partial<SimulatedTask> {
  return { ...drawCatchUp(random, plan), ...(random.chance(0.7) ? {} : drawAllow(random)) };
}

function drawAllow(random: Random): Partial<SimulatedTask> {
  return { overlap: 'allow', maxParallel: random.whole(1, 3) };
}

function drawDeactivation(random: Random): SimulatedTask['deactivateAfter'] {
  return random.chance(0.6)
    ? null
    : { failures: random.whole(2, 5), days: random.chance(0.7) ? null : random.whole(1, 2) };
}

function drawRetries(random: Random) {
  const retryDelaySeconds = random.pick([0, 60, 90, 600, 3_600]);
  return {
    retryLimit: random.pick([0, 0, 1, 2, 4]),
    retryDelaySeconds,
    retryMaxDelaySeconds: retryDelaySeconds * random.whole(1, 6),
    retryOn: random.pick([['failed'], ['failed', 'lost'], ['lost'], ['failed', 'timed_out']]),
    retryPastNext: random.chance(0.4),
  };
}

function drawSwitches(random: Random, plan: TaskPlan, createdAt: Instant) {
  const pairs = drawInstants(random, plan, createdAt).flatMap((at) => [
    at,
    drawInstant(random, at, plan.calmFrom),
  ]);
  return { switchedAt: pairs.sort((one, other) => one - other) };
}

function drawInstants(random: Random, plan: TaskPlan, createdAt: Instant): readonly Instant[] {
  const count = random.whole(0, plan.mostSwitches);
  return Array.from({ length: count }, () => drawInstant(random, createdAt + 1, plan.calmFrom));
}

function drawBehaviour(random: Random, plan: TaskPlan): Pick<SimulatedTask, 'timeoutSeconds' | 'temper'> {
  return {
    temper: drawTemper(random, plan),
    timeoutSeconds: random.chance(0.75) ? null : random.whole(5, 60),
  };
}

function drawTemper(random: Random, { rhythmSeconds }: TaskPlan): Temper {
  const isCalm = random.chance(0.4);
  return {
    ...drawDurations(random, rhythmSeconds * SECOND),
    failShare: isCalm ? 0.02 : random.pick([0.2, 0.5, 0.9]),
    stopShare: random.chance(0.9) ? 0 : 0.02,
    crashShare: isCalm ? 0 : random.pick([0, 0.01, 0.05]),
  };
}

/** Most tasks are short and sometimes long; a busy one often goes on when the next tick comes. */
function drawDurations(random: Random, rhythmMs: number) {
  return {
    shortestMs: random.pick([0, 0, 200]),
    longestMs: random.whole(1, 20) * SECOND,
    longShare: random.pick([0, 0, 0.02, 0.1]),
    longMs: Math.min(random.whole(3, 8) * rhythmMs, 6 * HOUR),
    ...(random.chance(0.15) ? durationsOfBusy(rhythmMs) : {}),
  };
}

function durationsOfBusy(rhythmMs: number) {
  return { shortestMs: Math.floor(rhythmMs / 5), longestMs: Math.floor(rhythmMs * 2.2) };
}
