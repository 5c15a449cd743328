import { randomOf } from './random.ts';
import { type Instant, isoText, SECOND, type SimulatedTask, type WorldScript } from './world.ts';

export type AttemptKey = {
  readonly task: SimulatedTask;
  readonly scope: string;
  readonly slot: Instant;
  readonly attempt: number;
  readonly startedAt: Instant;
};

/** How one attempt goes, decided before the world begins. */
export type Fate = {
  readonly durationMs: number;
  /** `crash`: its runner dies at the end of that time and records nothing. `hang`: the time limit ends it. */
  readonly end: 'succeed' | 'fail' | 'stop' | 'crash' | 'hang';
};

/** The fate of an attempt: it depends on the seed and on which attempt it is, not on what happened before. */
export function fateOf(script: WorldScript, { task, scope, slot, attempt, startedAt }: AttemptKey): Fate {
  if (startedAt >= script.calmFrom) {
    return { durationMs: 1_000, end: 'succeed' };
  }
  const draw = randomOf(script.seed, `${task.name}/${scope}/${isoText(slot)}/${attempt}`);
  const { temper } = task;
  const durationMs = draw.chance(temper.longShare)
    ? draw.whole(temper.longestMs, temper.longMs)
    : draw.whole(temper.shortestMs, temper.longestMs);
  const limitMs = (task.timeoutSeconds ?? Number.POSITIVE_INFINITY) * SECOND;
  if (durationMs >= limitMs) {
    return { durationMs: limitMs, end: 'hang' };
  }
  if (draw.chance(temper.crashShare)) {
    return { durationMs, end: 'crash' };
  }
  if (draw.chance(temper.stopShare)) {
    return { durationMs, end: 'stop' };
  }
  return { durationMs, end: draw.chance(temper.failShare) ? 'fail' : 'succeed' };
}
