import { type Instant, SECOND_MS } from '../core/instants.ts';
import type { Installation } from '../modules/shipped/child-modules.ts';
import type { InstallationNumber } from '../modules/shipped/simplestats-options.ts';
import type { Statements } from '../store/driver.ts';
import { storedNumber } from '../store/installation.ts';
import { listNodeRecords } from '../store/node-admin.ts';
import { GONE_AFTER_RHYTHMS, rhythmOfNode } from './node-identity.ts';
import type { Runner } from './runner.ts';

/** Looks up numbers of this installation, all as of now by the database's clock. */
export async function numbersOf(
  { driver, clock }: Pick<Runner, 'driver' | 'clock'>,
  names: readonly InstallationNumber[],
): ReturnType<Installation> {
  const at = clock();
  const numbers: [string, number][] = [];
  for (const name of names) {
    numbers.push([
      name,
      name === 'late_nodes' ? await lateNodes(driver, at) : await storedNumber(driver, name, at),
    ]);
  }
  return { at, numbers: Object.fromEntries(numbers) };
}

/** How many nodes have not ticked for three of their rhythms. Where nobody knows the rhythm, nobody can say. */
async function lateNodes(statements: Pick<Statements, 'all'>, now: Instant): Promise<number> {
  let late = 0;
  for (const node of await listNodeRecords(statements)) {
    const rhythm = node.lastTickAt === null ? undefined : await rhythmOfNode(statements, node);
    const isLate =
      rhythm !== undefined && (node.lastTickAt ?? now) + GONE_AFTER_RHYTHMS * rhythm * SECOND_MS < now;
    late += isLate ? 1 : 0;
  }
  return late;
}
