import { DAY, floorToMinute, type Instant, MINUTE } from './world.ts';

/** What a clock on the wall of a zone shows, as if it were an instant of UTC. */
export type WallClock = {
  readonly wallAt: (instant: Instant) => Instant;
  /** The first instant at which the clock shows this; where it jumps over it, the first one after the jump. */
  readonly firstAt: (wall: Instant) => Instant;
  /** The last instant at which the clock shows this; where it jumps over it, the first one after the jump. */
  readonly lastAt: (wall: Instant) => Instant;
};

// No zone changes its clock anywhere but at a quarter of an hour in the years that are simulated.
const QUARTER = 15 * MINUTE;
const READING = /^(\d+)\/(\d+)\/(\d+), (\d+):(\d+):(\d+)$/;

const clocks = new Map<string, WallClock>();

export function wallClockOf(timezone: string): WallClock {
  let clock = clocks.get(timezone);
  if (clock === undefined) {
    clock = createWallClock(timezone);
    clocks.set(timezone, clock);
  }
  return clock;
}

function createWallClock(timezone: string): WallClock {
  const offsetAt = offsetReader(timezone);
  const wallAt = (instant: Instant): Instant => instant + offsetAt(instant);
  const showing = (wall: Instant): Instant[] => {
    const offsets = new Set([offsetAt(wall - DAY), offsetAt(wall + DAY)]);
    return [...offsets].map((offset) => wall - offset).filter((instant) => wallAt(instant) === wall);
  };
  const afterJump = (wall: Instant): Instant => {
    let instant = floorToMinute(wall - DAY);
    while (wallAt(instant) < wall) {
      instant += MINUTE;
    }
    return instant;
  };
  const among = (choose: (...instants: Instant[]) => Instant) => (wall: Instant) => {
    const instants = showing(wall);
    return instants.length === 0 ? afterJump(wall) : choose(...instants);
  };
  return { wallAt, firstAt: among(Math.min), lastAt: among(Math.max) };
}

function offsetReader(timezone: string): (instant: Instant) => number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  });
  const known = new Map<number, number>();
  return (instant) => {
    const quarter = Math.floor(instant / QUARTER);
    let offset = known.get(quarter);
    if (offset === undefined) {
      offset = readWall(format.format(quarter * QUARTER)) - quarter * QUARTER;
      known.set(quarter, offset);
    }
    return offset;
  };
}

function readWall(text: string): Instant {
  const [whole, month, day, year, hour, minute, second] = READING.exec(text) ?? [];
  if (whole === undefined) {
    throw new Error(`expected a date and a time, got ${JSON.stringify(text)}`);
  }
  return Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
}
