import type { Config } from '../../config/config.ts';
import { formatDuration } from '../../core/durations.ts';
import { type Instant, MINUTE_MS, SECOND_MS, toShortText } from '../../core/instants.ts';
import { slotsAfter } from '../../core/schedule/next-slot.ts';
import type { Schedule } from '../../core/schedule/schedule.ts';
import { medianGapMs } from '../../runner/rhythm.ts';
import type { TickRow } from '../../store/health.ts';
import type { Run } from '../../store/run-row.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

/** How many ticks an examination looks at: those of the twelve gaps that make a rhythm. */
export const EXAMINED_TICKS = 13;

export type TickFacts = {
  readonly config: Config;
  readonly now: Instant;
  /** The newest ticks of the node, newest first. */
  readonly ticks: readonly TickRow[];
  /** The node's last tick, which its row outlives. */
  readonly lastTickAt: Instant | null;
  /** When the crontabs promise ticks; undefined when none does, as far as this user can see. */
  readonly promise: Schedule | undefined;
  readonly liveRuns: readonly Run[];
  readonly isCronRunning: boolean | undefined;
};

/** Whether ticks arrive, in the rhythm that was promised, and end; and whether the clock went back between them. */
export function checkTicks(facts: TickFacts): readonly Finding[] {
  return [
    checkArrival(facts),
    ...checkRhythm(facts),
    ...checkUnended(facts),
    ...facts.ticks.flatMap((tick, index) => checkClock(tick, facts.ticks[index - 1])),
  ];
}

function checkArrival(facts: TickFacts): Finding {
  const { config, now, ticks, lastTickAt, isCronRunning } = facts;
  const node = `node ${JSON.stringify(config.node)}`;
  const lastAt = ticks[0]?.tickAt ?? lastTickAt;
  if (lastAt === null) {
    return neverTicked(facts, node);
  }
  const last = `${node} ticked last at ${toShortText(lastAt)}`;
  if (lastAt > now + MINUTE_MS) {
    return fail(
      'ticks',
      `${last}, which lies in the future: the clock was ahead then, or is behind now`,
      'set the clock; then reset the tasks that are handled in the future, which are named above',
    );
  }
  const rhythm = expectedRhythm(facts);
  if (rhythm !== undefined && rhythm.thirdAfter(lastAt) + MINUTE_MS <= now) {
    return fail(
      'ticks',
      `${last}, and has missed three ticks or more since (${rhythm.text})`,
      isCronRunning === false ? CRON_IS_OFF : CRON_IS_ON,
    );
  }
  return ok('ticks', `${last}${rhythm === undefined ? '' : ` (${rhythm.text})`}`);
}

const CRON_IS_OFF = 'no cron daemon runs on this machine: start it, for example with "service cron start"';
const CRON_IS_ON =
  'look into the log of cron and the mail of its user, and run the command of the line by hand; see crontab.example';

function neverTicked({ promise, isCronRunning }: TickFacts, node: string): Finding {
  return promise === undefined
    ? warn(
        'ticks',
        `${node} has never ticked, and no crontab that this user may read ticks it: its tasks do not run`,
        'install the line of crontab.example with "crontab -e"',
      )
    : warn(
        'ticks',
        `${node} has never ticked, though a crontab ticks it`,
        isCronRunning === false ? CRON_IS_OFF : `wait for its first minute; then ${CRON_IS_ON}`,
      );
}

type Rhythm = { readonly text: string; readonly thirdAfter: (instant: Instant) => Instant };

/** What the crontab promises, else what the configuration says, else what was measured. */
function expectedRhythm({ config, ticks, promise }: TickFacts): Rhythm | undefined {
  if (promise !== undefined) {
    return {
      text: 'by the crontab',
      thirdAfter: (instant) => slotsAfter(promise, instant, 3)[2] ?? Number.POSITIVE_INFINITY,
    };
  }
  if (config.tickEverySeconds !== undefined) {
    return regular(config.tickEverySeconds * SECOND_MS, 'by tick_every of the configuration');
  }
  const measured = measuredGapMs(ticks);
  return measured === undefined ? undefined : regular(measured, 'as measured');
}

function regular(gapMs: number, origin: string): Rhythm {
  return { text: `one every ${gapText(gapMs)}, ${origin}`, thirdAfter: (instant) => instant + 3 * gapMs };
}

function measuredGapMs(ticks: readonly TickRow[]): number | undefined {
  return medianGapMs(ticks.map(({ tickAt }) => tickAt));
}

/** Fewer ticks than this say nothing of a rhythm: one may have been made by hand. */
const LEAST_TICKS = 4;
/** How much longer or shorter than promised a gap may be. */
const TOLERANCE = 1.5;

/** Compares the gaps that were measured, promised by the crontab, and promised by the configuration. */
function checkRhythm({ config, ticks, promise }: TickFacts): readonly Finding[] {
  const oldest = ticks.at(-1);
  const configured = config.tickEverySeconds;
  const promised = promise === undefined || oldest === undefined ? undefined : gapOf(promise, oldest.tickAt);
  const measured = ticks.length < LEAST_TICKS ? undefined : measuredGapMs(ticks);
  const wanted = promised ?? (configured === undefined ? undefined : configured * SECOND_MS);
  const origin = promised === undefined ? 'tick_every' : 'the crontab';
  return [
    ...(promised !== undefined && configured !== undefined && differ(promised, configured * SECOND_MS)
      ? [
          warn(
            'ticks',
            `tick_every of the configuration says one tick every ${formatDuration(configured)}, the crontab one every ${gapText(promised)}`,
            'let both say the same, or leave tick_every out',
          ),
        ]
      : []),
    ...(wanted !== undefined && measured !== undefined && differ(wanted, measured)
      ? [
          warn(
            'ticks',
            `the last ${ticks.length} ticks came every ${gapText(measured)}, but ${origin} promises one every ${gapText(wanted)}`,
            'unless it was changed lately: look whether the machine sleeps, or something else calls run_scheduled too',
          ),
        ]
      : []),
  ];
}

function gapOf(promise: Schedule, from: Instant): number | undefined {
  return medianGapMs(slotsAfter(promise, from, EXAMINED_TICKS).toReversed());
}

function differ(one: number, other: number): boolean {
  return Math.max(one, other) > TOLERANCE * Math.min(one, other);
}

/** A tick without an end is still busy, or was killed. */
function checkUnended({ now, ticks, liveRuns, config }: TickFacts): readonly Finding[] {
  const lives = liveRuns.filter(({ node }) => node === config.node);
  const killed = ticks.filter(
    ({ endedAt, startedAt }) =>
      endedAt === null &&
      startedAt + MINUTE_MS < now &&
      lives.every((run) => run.startedAt === null || run.startedAt < startedAt),
  );
  const [newest] = killed;
  return newest === undefined
    ? []
    : [
        warn(
          'ticks',
          `${killed.length} of the last ${ticks.length} ticks never ended, the newest of them at ${toShortText(newest.tickAt)}: killed, crashed or out of memory`,
          'see what "periodic-cron history --status lost" says, and the log of the system',
        ),
      ];
}

function checkClock(tick: TickRow, newer: TickRow | undefined): readonly Finding[] {
  return newer === undefined || newer.tickAt >= tick.tickAt
    ? []
    : [
        warn(
          'ticks',
          `the clock went back between two ticks, from ${toShortText(tick.tickAt)} to ${toShortText(newer.tickAt)}`,
          'let a time daemon keep the clock; slots that were handled are not run again',
        ),
      ];
}

function gapText(ms: number): string {
  return formatDuration(Math.round(ms / SECOND_MS));
}
