import type { Instant } from '../instants.ts';

/** The kinds of schedule that this version knows, in the order in which help texts name them. */
export const SCHEDULE_KINDS = ['cron', 'every', 'window', 'ticks', 'at', 'manual'] as const;
export type ScheduleKind = (typeof SCHEDULE_KINDS)[number];

/** What a schedule needs besides its text to say when its slots are. */
export type ScheduleContext = {
  /** IANA name of the zone in which the text is meant; never empty. */
  readonly timezone: string;
  /** Decides `H` and `~`: the task's id, and the node's name for scope `each`. */
  readonly hashSeed: string;
};

/**
 * A parsed schedule: its slots strictly increase. Those of `cron` and `at` are fixed instants, whatever one asks from;
 * where each slot depends on the one before, `newestIn` and `countIn` are there and keep to that chain.
 */
export type Schedule = {
  /**
   * The first slot after the instant, or `undefined` when there is none (for ever, or within the search's bound). The
   * instant is the last handled slot, or the one from which the task counts.
   */
  readonly nextAfter: (instant: Instant) => Instant | undefined;
  /** The newest of the first `limit` slots of the chain that follows `after`, up to and including `upTo`. */
  readonly newestIn?: (after: Instant, upTo: Instant, limit?: number) => Instant | undefined;
  /** How many slots that chain has up to and including `upTo`: exact below `limit`, otherwise `limit`. */
  readonly countIn?: (after: Instant, upTo: Instant, limit: number) => number;
  /** How much later than its nominal instant a slot starts, in ms: the same for the same slot at any time. */
  readonly spreadMs?: (slot: Instant) => number;
  /** The last instant at which this slot may start; undefined: at any. */
  readonly closesAt?: (slot: Instant) => Instant | undefined;
  /** The end of the excluded stretch that holds the instant; undefined: nothing excludes it. */
  readonly excludedUntil?: (instant: Instant) => Instant | undefined;
};
