import { didYouMean } from '../../config/near-miss.ts';

/** How many names a message lists. */
const LISTED = 10;

/** That there is no resource of a name, and which was most likely meant. */
export function unknownResourceText(name: string, known: readonly string[]): string {
  const listed = known.slice(0, LISTED).join(', ') || 'none';
  const others = known.length > LISTED ? ' and others' : '';
  const hint = didYouMean(name, known) || `; there are: ${listed}${others}`;
  return `expected a resource that is defined ("periodic-cron resource add"), got ${JSON.stringify(name)}${hint}`;
}
