/**
 * An instant: milliseconds since 1970-01-01T00:00:00Z. Core computes with numbers; the database and people see text.
 */
export type Instant = number;

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;

/** The last instant that the tables hold: they store years of four digits. */
export const LAST_INSTANT: Instant = Date.parse('9999-12-31T23:59:59.999Z');

const STORED_FORM = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

/** The fixed-width UTC text that every table stores, such as `2026-11-20T23:55:25.123Z`. */
export function toText(instant: Instant): string {
  return new Date(instant).toISOString();
}

/** The same without the milliseconds where they are zero: for people and for JSON. */
export function toShortText(instant: Instant): string {
  return toText(instant).replace('.000Z', 'Z');
}

/**
 * Reads the stored form back. Returns `undefined` for anything else: a row that was written by hand may hold anything.
 */
export function fromText(text: string): Instant | undefined {
  const instant = STORED_FORM.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(instant) ? undefined : instant;
}

/** The greatest full minute that is not after the instant. */
export function floorToMinute(instant: Instant): Instant {
  return Math.floor(instant / MINUTE_MS) * MINUTE_MS;
}
