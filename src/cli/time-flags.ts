import { UsageError } from '../core/errors.ts';
import { type Instant, SECOND_MS } from '../core/instants.ts';
import { durationValue, instantValue } from './values.ts';

const LOOKS_LIKE_DURATION = /^\s*-?\d+[a-z]/i;

/**
 * Reads the value of a flag that is an instant, or a duration such as `2h` that counts back from `now`.
 *
 * @throws UsageError that names the flag
 */
export function pastValue(flag: string, text: string, now: Instant): Instant {
  return LOOKS_LIKE_DURATION.test(text)
    ? now - durationValue(flag, text) * SECOND_MS
    : instantValue(flag, text);
}

/**
 * Refuses a span that ends before it begins.
 *
 * @throws UsageError
 */
export function requireOrder(since: Instant | undefined, until: Instant | undefined, names: string): void {
  if (since !== undefined && until !== undefined && until < since) {
    throw new UsageError(`${names}: expected a span that ends after it begins, got one that ends before`);
  }
}

/** Collects the values of a flag that may be given several times, or once with commas between them. */
export function collected(value: string, before: readonly string[]): readonly string[] {
  return [...before, ...value.split(',').map((part) => part.trim())];
}
