import { ConfigError } from '../core/errors.ts';
import { type Instant, MINUTE_MS, SECOND_MS, toShortText } from '../core/instants.ts';
import type { Statements } from '../store/driver.ts';
import { findNameHolder, isOtherMachine, type NameHolder } from '../store/nodes.ts';
import type { NodeFacts } from '../store/ticks.ts';
import { rhythmSeconds } from './rhythm.ts';
import type { Runner } from './runner.ts';

/** After so many rhythms without a tick a node counts as gone. */
export const GONE_AFTER_RHYTHMS = 3;
/** After this long, where nobody knows how often it ticks. */
const GONE_AFTER_MS = 15 * MINUTE_MS;

/**
 * How often a node ticks, in seconds: as its own configuration promises, which it tells with every tick, else the median
 * gap of its last twelve ticks. Undefined while nobody knows.
 */
export function rhythmOfNode(
  statements: Pick<Statements, 'all'>,
  { name, rhythmSeconds: promised }: Pick<NameHolder, 'name' | 'rhythmSeconds'>,
): Promise<number | undefined> {
  const settings = { tickEverySeconds: promised ?? undefined };
  return rhythmSeconds({ settings, driver: statements, node: { name } });
}

/** When a node that does not tick any more counts as gone; null for one that has never ticked. */
export async function goneAt(
  statements: Pick<Statements, 'all'>,
  node: Pick<NameHolder, 'name' | 'rhythmSeconds' | 'lastTickAt'>,
): Promise<Instant | null> {
  if (node.lastTickAt === null) {
    return null;
  }
  const rhythm = await rhythmOfNode(statements, node);
  return node.lastTickAt + (rhythm === undefined ? GONE_AFTER_MS : GONE_AFTER_RHYTHMS * rhythm * SECOND_MS);
}

/**
 * Refuses the name of a node that another machine has, until that one counts as gone: two machines under one name would
 * take each other's tasks, and judge each other's runs.
 *
 * @throws ConfigError that names both machines, and the ways out
 */
export async function refuseNameOfOther(
  statements: Pick<Statements, 'all'>,
  {
    holder,
    node,
    now,
  }: {
    readonly holder: NameHolder;
    readonly node: Pick<NodeFacts, 'name' | 'hostName'>;
    readonly now: Instant;
  },
): Promise<void> {
  const freeAt = await goneAt(statements, holder);
  if (freeAt === null || freeAt <= now) {
    return;
  }
  const other = holder.hostName === node.hostName ? 'another machine of that name' : quoted(holder.hostName);
  throw new ConfigError(
    `the name ${quoted(node.name)} is taken: host ${other} ticked under it at ${toShortText(holder.lastTickAt ?? 0)}, and this is host ${quoted(node.hostName)}, another machine. Give this one a name of its own ("node:" in the configuration, or PERIODIC_CRON_NODE); or if the other is gone, use --takeover once, or wait until the name is free at ${toShortText(freeAt)}`,
  );
}

function quoted(name: string | null): string {
  return JSON.stringify(name ?? 'unknown');
}

/**
 * Refuses to act under the name of this node while it is another machine's. A database file belongs to one machine, so
 * there nothing is refused.
 *
 * @throws ConfigError that names both machines, and the ways out
 */
export async function refuseForeignName({
  driver,
  node,
  clock,
}: Pick<Runner, 'driver' | 'node' | 'clock'>): Promise<void> {
  const holder = driver.engine === 'sqlite' ? undefined : await findNameHolder(driver, node.name);
  if (holder !== undefined && isOtherMachine(holder, node.machineId)) {
    await refuseNameOfOther(driver, { holder, node, now: clock() });
  }
}
