import { fateOf } from './fate.ts';
import type { ModelRow, ModelState } from './model-state.ts';
import { claimByHand, endRun } from './model-transitions.ts';
import type { Model } from './model-world.ts';
import { isCutOff, type SimulatedTask, scopeKeyOf } from './world.ts';

/** An operator starts the task on a node, unless it runs. */
export async function runByHand(model: Model, task: SimulatedTask, node: string): Promise<void> {
  const now = model.timeline.now();
  const state = model.states.find((other) => other.task === task && other.scope === scopeKeyOf(task, node));
  const isBusy = (state?.live.length ?? 0) >= (task.overlap === 'allow' ? task.maxParallel : 1);
  if (state !== undefined && !isBusy && !isCutOff(model.script, node, now)) {
    await playRun(model, state, claimByHand(state, node, now));
  }
}

const STATUSES = { stop: 'stopped', hang: 'timed_out', fail: 'failed', succeed: 'succeeded' };

/** A run goes on until its end, which is recorded at once, by a later tick of its node, or never. */
export async function playRun(model: Model, state: ModelState, row: ModelRow): Promise<void> {
  const { script, timeline, rows, orphans, spooled } = model;
  rows.add(row);
  const startedAt = timeline.now();
  const { task, scope } = state;
  const slot = row.trigger === 'manual' ? startedAt : row.last;
  const fate = fateOf(script, { task, scope, slot, attempt: row.attempt, startedAt });
  const isCancelled = await timeline.sleepUntil(startedAt + fate.durationMs, row);
  if (fate.end === 'crash' && !isCancelled) {
    orphans.add(row);
    return timeline.die();
  }
  const status = isCancelled || fate.end === 'crash' ? 'cancelled' : STATUSES[fate.end];
  const endedAt = timeline.now();
  if (isCutOff(script, row.node, endedAt)) {
    spooled.add({ row, status, endedAt });
  } else {
    endRun(state, row, status, endedAt);
  }
}
