import { didYouMean } from '../../config/near-miss.ts';
import { NotFoundError } from '../../core/errors.ts';
import type { Statements } from '../../store/driver.ts';
import { isStat, statKeys } from '../../store/stats.ts';

/** How many names a search for a near miss compares. */
const COMPARED_NAMES = 1_000;

/**
 * Refuses the name of a statistic that has no values at all.
 *
 * @throws NotFoundError that names the statistic that was most likely meant
 */
export async function requireKnown(statements: Pick<Statements, 'all'>, key: string): Promise<void> {
  if (await isStat(statements, key)) {
    return;
  }
  const keys = await firstKeys(statements);
  throw new NotFoundError(`there is no statistic ${JSON.stringify(key)}${didYouMean(key, keys)}`);
}

async function firstKeys(statements: Pick<Statements, 'all'>): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const key of statKeys(statements)) {
    keys.push(key);
    if (keys.length === COMPARED_NAMES) {
      break;
    }
  }
  return keys;
}
