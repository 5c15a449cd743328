import { didYouMean } from '../../config/near-miss.ts';
import { NotFoundError } from '../../core/errors.ts';
import type { Statements } from '../../store/driver.ts';
import { listStats } from '../../store/stats.ts';

/**
 * Refuses the name of a statistic that has no values at all.
 *
 * @throws NotFoundError that names the statistic that was most likely meant
 */
export async function requireKnown(statements: Pick<Statements, 'all'>, key: string): Promise<void> {
  const keys = (await listStats(statements)).map((stat) => stat.key);
  if (!keys.includes(key)) {
    throw new NotFoundError(`there is no statistic ${JSON.stringify(key)}${didYouMean(key, keys)}`);
  }
}
