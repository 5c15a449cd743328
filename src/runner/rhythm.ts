import { SECOND_MS } from '../core/instants.ts';
import { listTickInstants } from '../store/nodes.ts';
import type { Runner } from './runner.ts';

const GAPS = 12;

/**
 * How often the node ticks, in seconds: as the configuration promises, else the median gap of its last twelve ticks.
 * Undefined while nobody knows, which is a reason to warn of nothing.
 */
export async function rhythmSeconds({
  settings,
  driver,
  node,
}: {
  readonly settings: Pick<Runner['settings'], 'tickEverySeconds'>;
  readonly driver: Pick<Runner['driver'], 'all'>;
  readonly node: { readonly name: string };
}): Promise<number | undefined> {
  if (settings.tickEverySeconds !== undefined) {
    return settings.tickEverySeconds;
  }
  const gap = medianGapMs(await listTickInstants(driver, node.name, GAPS + 1));
  return gap === undefined ? undefined : gap / SECOND_MS;
}

/** The median distance between neighbours of descending instants; undefined for fewer than two. */
export function medianGapMs(instants: readonly number[]): number | undefined {
  const gaps = instants.slice(1).map((instant, index) => (instants[index] ?? instant) - instant);
  const positive = gaps.filter((gap) => gap > 0).sort((one, other) => one - other);
  return positive[Math.floor(positive.length / 2)];
}
