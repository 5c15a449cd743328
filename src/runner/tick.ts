import { formatDuration } from '../core/durations.ts';
import { floorToMinute, type Instant, toShortText } from '../core/instants.ts';
import type { TickTime } from '../core/slots.ts';
import {
  type DueKey,
  listDueKeys,
  listLiveRuns,
  loadCandidate,
  nextEarliestStart,
} from '../store/tick-statements.ts';
import { beginTick, endTick } from '../store/ticks.ts';
import { processAgeMs, tickMinute } from './clock.ts';
import type { PassOptions, PassResult } from './pass.ts';
import { failedForGood, type NotRun, type Runner, type RunReport } from './runner.ts';

export type TickOptions = PassOptions & {
  /** How old the process is; the tick is that of the minute in which it started. */
  readonly processAgeMs?: number;
};

export type TickReport = {
  readonly node: string;
  readonly tickAt: Instant;
  readonly runs: readonly RunReport[];
  readonly notRun: readonly NotRun[];
  /** Seconds until the next task of the node becomes due; null if none waits. */
  readonly idleForSeconds: number | null;
};

/** The clock may be moved back by this much without a word: time daemons do it. */
const CLOCK_STEP_MS = 2_000;

/**
 * One tick: registers itself, records spooled results, recovers the runs of dead runners, and runs what is due, in that
 * order.
 *
 * @throws DatabaseError when the database cannot be used; what had been started by then is recorded or spooled
 */
export async function runTick(runner: Runner, options: TickOptions): Promise<TickReport> {
  const startedAt = runner.clock();
  const tickAt = tickMinute(startedAt, options.processAgeMs ?? processAgeMs());
  const begun = await beginTick(runner.driver, runner.node, { tickAt, startedAt });
  warnOfClock(runner, begun.previousTickAt, startedAt);
  const mended = [...(await replay(runner)), ...(await recover(runner))];
  const tick = { tickAt, ticks: begun.ticks };
  const pass = await runDue(runner, tick, options);
  const report = {
    node: runner.node.name,
    tickAt,
    runs: [...mended, ...pass.runs],
    notRun: pass.notRun,
    idleForSeconds: await idleSeconds(runner, tick, pass),
  };
  // A database that did not take a result is not waited for once more.
  if (!report.runs.some(({ spooled }) => spooled)) {
    await endTick(
      runner.driver,
      { node: runner.node.name, tickNo: begun.tickNo },
      {
        endedAt: runner.clock(),
        started: pass.runs.length,
        failed: report.runs.filter(failedForGood).length,
        exitCode: exitCodeOf(report),
      },
    );
  }
  return report;
}

/** What the program ends with after this tick, signals apart. */
export function exitCodeOf({ runs, notRun }: Pick<TickReport, 'runs' | 'notRun'>): number {
  if (runs.some((run) => run.spooled)) {
    return 3;
  }
  return runs.some(failedForGood) || notRun.some(({ newFault }) => newFault) ? 1 : 0;
}

function warnOfClock(runner: Runner, previousTickAt: Instant | null, now: Instant): void {
  if (previousTickAt !== null && previousTickAt > now + CLOCK_STEP_MS) {
    const back = formatDuration(Math.round((previousTickAt - now) / 1_000));
    runner.onEvent({
      kind: 'warning',
      message: `the clock of node ${JSON.stringify(runner.node.name)} went back by ${back}: its last tick was at ${toShortText(previousTickAt)}; slots handled until then are not run again, and tasks wait for later ones ("periodic-cron doctor" names them, "periodic-cron reset" counts from now)`,
    });
  }
}

// What follows is loaded when there is something for it to do: most ticks have nothing.

async function replay(runner: Runner): Promise<readonly RunReport[]> {
  if (runner.spool.list().length === 0) {
    return [];
  }
  const { replaySpool } = await import('./replay.ts');
  return replaySpool(runner);
}

async function recover(runner: Runner): Promise<readonly RunReport[]> {
  const liveRuns = await listLiveRuns(runner.driver, {
    node: runner.node.name,
    machineId: runner.identity.machineId,
  });
  if (liveRuns.length === 0) {
    return [];
  }
  const { recoverRuns } = await import('./recovery.ts');
  return recoverRuns(runner, liveRuns);
}

async function runDue(runner: Runner, tick: TickTime, options: PassOptions): Promise<PassResult> {
  const keys = await listDueKeys(runner.driver, runner.node.name, tick.tickAt, tick.ticks);
  if (keys.length === 0) {
    return { runs: [], notRun: [], cutShort: false };
  }
  const { runPass } = await import('./pass.ts');
  return runPass(runner, keys, tick, options);
}

/** What stays due, because it runs still or the tick ended before it, is due now. */
async function idleSeconds(runner: Runner, tick: TickTime, pass: PassResult): Promise<number | null> {
  const { tickAt } = tick;
  const looked = pass.runs.length + pass.notRun.length > 0 || pass.cutShort;
  const due = looked ? await listDueKeys(runner.driver, runner.node.name, tickAt, tick.ticks) : [];
  let next = await nextEarliestStart(runner.driver, runner.node.name, tickAt);
  for (const key of due) {
    const retryAt = await retryBeforeSlots(runner, key, tickAt);
    if (retryAt === undefined) {
      return 0;
    }
    next = Math.min(next ?? retryAt, retryAt);
  }
  return next === null
    ? null
    : Math.max(0, Math.ceil((next - Math.max(runner.clock(), floorToMinute(tickAt))) / 1_000));
}

/** When the pending attempt may start that goes before the slots that are due; undefined where none does. */
async function retryBeforeSlots(runner: Runner, key: DueKey, tickAt: Instant): Promise<Instant | undefined> {
  const candidate = await loadCandidate(runner.driver, key);
  const retryAt = candidate?.state.retryAt ?? null;
  const waits = candidate?.record.fields.retryPastNext === true && candidate.liveRuns === 0;
  return waits && retryAt !== null && retryAt > tickAt ? retryAt : undefined;
}
