import type { Instant } from '../instants.ts';

/** The kinds of schedule that this version knows, in the order in which help texts name them. */
export const SCHEDULE_KINDS = ['cron', 'every', 'manual'] as const;
export type ScheduleKind = (typeof SCHEDULE_KINDS)[number];

/** What a schedule needs besides its text to say when its slots are. */
export type ScheduleContext = {
  /** IANA name of the zone in which the text is meant; never empty. */
  readonly timezone: string;
  /** Decides `H`: the task's id, and the node's name for scope `each`. */
  readonly hashSeed: string;
  /** The instant from which a periodic schedule counts its phase. */
  readonly countedFrom: Instant;
};

/**
 * A parsed schedule. Its slots are fixed instants: they do not depend on the instant from which one asks, and they
 * strictly increase.
 */
export type Schedule = {
  /** The first slot after the instant, or `undefined` when there is none (for ever, or within the search's bound). */
  readonly nextAfter: (instant: Instant) => Instant | undefined;
};
