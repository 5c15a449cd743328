import type { SlotBook } from './model-slots.ts';
import type { ModelRow, ModelState } from './model-state.ts';
import type { Timeline } from './timeline.ts';
import type { Instant, WorldScript } from './world.ts';

/** The world as the model plays it. */
export type Model = {
  readonly script: WorldScript;
  readonly timeline: Timeline;
  readonly book: SlotBook;
  readonly states: ModelState[];
  readonly rows: Set<ModelRow>;
  /** Runs whose runner has died, until somebody notices. */
  readonly orphans: Set<ModelRow>;
  /** Ends that could not be recorded, in the order in which they came. */
  readonly spooled: Set<{ readonly row: ModelRow; readonly status: string; readonly endedAt: Instant }>;
  /** The number of each node's last tick. */
  readonly tickNumbers: Map<string, number>;
};

/** The number of the last tick of the node, or of all nodes together. */
export function presentNumber({ tickNumbers }: Model, scope: string): number {
  return scope === '*'
    ? [...tickNumbers.values()].reduce((sum, number) => sum + number, 0)
    : (tickNumbers.get(scope) ?? 0);
}
