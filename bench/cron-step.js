const ZONES = ['Europe/Berlin', 'America/New_York'];
const TEXTS = ['30 2 * * *', '*/5 * * * *'];
const SAMPLES = 15;
const FROM = Date.UTC(2026, 2, 1);
// A step here is too short to be timed in small numbers, one there too long for large ones.
const OUR_STEPS = 2_000;
const THEIR_STEPS = 50;

/**
 * @typedef {typeof import('../src/core/schedule/next-slot.ts').parseSchedule} ParseSchedule
 * @typedef {typeof import('cron-parser').CronExpressionParser} TheirParser
 * @typedef {{ restart: () => void, step: () => void }} Walk
 */

/**
 * What one step of a warm cron schedule costs here and in cron-parser, in microseconds: the median of the samples for a
 * daily and an every-five-minutes schedule in two zones with clock changes (`rows`), and their mean.
 *
 * @param {{ parseSchedule: ParseSchedule, CronExpressionParser: TheirParser }} parsers
 */
export function benchCronStep({ parseSchedule, CronExpressionParser }) {
  const cases = ZONES.flatMap((timezone) => TEXTS.map((text) => ({ timezone, text })));
  const measured = cases.map(({ timezone, text }) => ({
    timezone,
    text,
    ours_us: medianStep(OUR_STEPS, () => ourWalk(parseSchedule, text, timezone)),
    theirs_us: medianStep(THEIR_STEPS, () => theirWalk(CronExpressionParser, text, timezone)),
  }));
  const ours_us = mean(measured.map((row) => row.ours_us));
  const theirs_us = mean(measured.map((row) => row.theirs_us));
  const rows = measured.map((row) => ({ ...row, ratio: row.theirs_us / row.ours_us }));
  return { ours_us, theirs_us, ratio: theirs_us / ours_us, rows };
}

/**
 * @param {ParseSchedule} parseSchedule
 * @param {string} text
 * @param {string} timezone
 * @returns {Walk}
 */
function ourWalk(parseSchedule, text, timezone) {
  const schedule = parseSchedule('cron', text, { timezone, hashSeed: '1' });
  /** @type {number | undefined} */
  let slot = FROM;
  return {
    restart: () => {
      slot = FROM;
    },
    step: () => {
      slot = schedule.nextAfter(slot ?? FROM);
    },
  };
}

/**
 * @param {TheirParser} CronExpressionParser
 * @param {string} text
 * @param {string} timezone
 * @returns {Walk}
 */
function theirWalk(CronExpressionParser, text, timezone) {
  const expression = CronExpressionParser.parse(text, { tz: timezone, currentDate: new Date(FROM) });
  return {
    restart: () => expression.reset(new Date(FROM)),
    step: () => expression.next(),
  };
}

/**
 * The median time of a step in microseconds. The first walk only warms up.
 *
 * @param {number} steps
 * @param {() => Walk} openWalk
 */
function medianStep(steps, openWalk) {
  const walk = openWalk();
  const samples = Array.from({ length: SAMPLES + 1 }, () => {
    walk.restart();
    const startedAt = performance.now();
    for (let step = 0; step < steps; step += 1) {
      walk.step();
    }
    return ((performance.now() - startedAt) * 1_000) / steps;
  });
  return median(samples.slice(1));
}

/** @param {readonly number[]} values */
function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** @param {readonly number[]} values */
function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
