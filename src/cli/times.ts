import { DAY_MS, HOUR_MS, type Instant, MINUTE_MS, SECOND_MS, toText } from '../core/instants.ts';

/** An instant as tables show it, in UTC to the second: `2026-11-21 00:55:00Z`. */
export function instantText(instant: Instant): string {
  return `${toText(instant).slice(0, 19).replace('T', ' ')}Z`;
}

/** How far an instant is from `now`, in the largest unit that fits: `in 4 min`, `3 h ago`, `now` within a second. */
export function relativeTime(instant: Instant, now: Instant): string {
  const distance = Math.abs(instant - now);
  if (distance < SECOND_MS) {
    return 'now';
  }
  const amount = amountText(distance);
  return instant > now ? `in ${amount}` : `${amount} ago`;
}

function amountText(ms: number): string {
  if (ms < MINUTE_MS) {
    return `${Math.floor(ms / SECOND_MS)} s`;
  }
  if (ms < HOUR_MS) {
    return `${Math.floor(ms / MINUTE_MS)} min`;
  }
  return ms < 2 * DAY_MS ? `${Math.floor(ms / HOUR_MS)} h` : `${Math.floor(ms / DAY_MS)} d`;
}
