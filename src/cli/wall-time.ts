import { type Instant, MINUTE_MS, toText } from '../core/instants.ts';
import { type Zone, zoneOf } from '../core/zone.ts';

/** An instant as the clocks of a zone show it, with their offset: `2026-11-21 01:55:00 +01:00`. */
export function wallTimeText(instant: Instant, timezone: string): string {
  const offsetMs = offsetAt(zoneOf(timezone), instant);
  return `${toText(instant + offsetMs)
    .slice(0, 19)
    .replace('T', ' ')} ${offsetText(offsetMs)}`;
}

function offsetAt(zone: Zone, instant: Instant): number {
  return zone.segmentAt(instant).offsetMs;
}

function offsetText(offsetMs: number): string {
  const minutes = Math.floor(Math.abs(offsetMs) / MINUTE_MS);
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60].map((part) => String(part).padStart(2, '0'));
  return `${offsetMs < 0 ? '-' : '+'}${hours}:${rest}`;
}
