import type { Timeline } from './timeline.ts';
import type { SimulatedTask, SimulatedTick, WorldScript } from './world.ts';

/** Those who play a world: what happens when something of its script comes. */
export type Players = {
  readonly create: (task: SimulatedTask) => Promise<void>;
  readonly switchTask: (task: SimulatedTask, active: boolean) => Promise<void>;
  readonly postpone: (task: SimulatedTask) => Promise<void>;
  readonly reset: (task: SimulatedTask) => Promise<void>;
  readonly runByHand: (task: SimulatedTask, node: string) => Promise<void>;
  readonly tick: (tick: SimulatedTick) => Promise<void>;
};

/** Plays a world from its begin until nothing of it is left to happen. */
export function playWorld(script: WorldScript, timeline: Timeline, players: Players): Promise<void> {
  for (const task of script.tasks) {
    timeline.enter(task.createdAt, () => players.create(task));
    task.switchedAt.forEach((at, index) => {
      timeline.enter(at, () => players.switchTask(task, index % 2 === 1));
    });
  }
  for (const task of script.tasks) {
    for (const at of task.postponedAt) {
      timeline.enter(at, () => players.postpone(task));
    }
    for (const at of task.resetAt) {
      timeline.enter(at, () => players.reset(task));
    }
    for (const { at, node } of task.byHand) {
      timeline.enter(at, () => players.runByHand(task, node));
    }
  }
  for (const tick of script.ticks) {
    timeline.enter(tick.at, () => players.tick(tick));
  }
  return timeline.play();
}
