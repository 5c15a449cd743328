import { ScheduleError } from './errors.ts';
import { DAY_MS, type Instant, SECOND_MS, toShortText } from './instants.ts';

/** After how many failures in a row, and after how many days of them, a task is given up: both must be reached. */
export type DeactivateAfter = { readonly failures: number; readonly days: number };

const MAX_FAILURES = 1_000_000;
const MAX_DAYS = 3_660;
const TEXT = /^(\d+)(?:\s*failures?)?(?:(?:\s+and\s+|\s*,\s*|\s+)(\d+)\s*d(?:ays?)?)?$/i;

/**
 * Reads `5 failures`, `5`, or `5 failures and 7 days`, as Odoo has it: both the count and the time since the first of
 * those failures. Empty text is never.
 *
 * @throws ScheduleError for other text
 */
export function parseDeactivateAfter(text: string): DeactivateAfter | undefined {
  const trimmed = text.trim();
  if (trimmed === '') {
    return undefined;
  }
  const [, failures, days = '0'] = TEXT.exec(trimmed) ?? [];
  if (failures === undefined) {
    throw new ScheduleError(
      `expected a number of failures, or that and a number of days, such as "5 failures" or "5 failures and 7 days", got ${JSON.stringify(text)}`,
    );
  }
  const count = Number(failures);
  if (count < 1 || count > MAX_FAILURES || Number(days) > MAX_DAYS) {
    throw new ScheduleError(
      `expected 1 to ${MAX_FAILURES} failures and at most ${MAX_DAYS} days, got ${JSON.stringify(text)}`,
    );
  }
  return { failures: count, days: Number(days) };
}

/** Writes what {@link parseDeactivateAfter} has read in its one stored form. */
export function formatDeactivateAfter(after: DeactivateAfter | undefined): string {
  if (after === undefined) {
    return '';
  }
  const failures = `${after.failures} failure${after.failures === 1 ? '' : 's'}`;
  return after.days === 0 ? failures : `${failures} and ${after.days} day${after.days === 1 ? '' : 's'}`;
}

/** Why a task with so many failures is given up at the instant; undefined while it goes on. */
export function whyGivenUp(
  text: string,
  { failures, firstFailureAt }: { readonly failures: number; readonly firstFailureAt: Instant | null },
  now: Instant,
): string | undefined {
  const after = parseDeactivateAfter(text);
  const since = firstFailureAt ?? now;
  return after === undefined || failures < after.failures || now - since < after.days * DAY_MS
    ? undefined
    : `deactivated after ${failures} failure${failures === 1 ? '' : 's'} in a row since ${toShortText(floorToSecond(since))}`;
}

function floorToSecond(instant: Instant): Instant {
  return instant - (instant % SECOND_MS);
}
