import { type Instant, toShortText } from '../../core/instants.ts';
import type { Hold } from '../../store/hold.ts';
import { instantText, relativeTime } from '../times.ts';

/** Why, since when and until when nothing is started: `new disks, since 2026-11-21 00:55:00Z by ann, ends in 2 h`. */
export function maintenanceText({ since, until, actor, reason }: Hold, now: Instant): string {
  const end =
    until === null ? 'until it is switched off' : `ends ${instantText(until)} (${relativeTime(until, now)})`;
  return `${reason}; since ${instantText(since)} by ${actor}, ${end}`;
}

/** Since when and why a node starts nothing: `since 2026-11-21 00:55:00Z by ann (new disks)`. */
export function drainText({ since, actor, reason }: Hold): string {
  return `since ${instantText(since)} by ${actor}${reason === '' ? '' : ` (${reason})`}`;
}

/** What holds a node, or all, as `--json` prints it. */
export function holdJson({ since, until, actor, reason }: Hold) {
  return {
    since: toShortText(since),
    until: until === null ? null : toShortText(until),
    actor,
    reason,
  };
}
