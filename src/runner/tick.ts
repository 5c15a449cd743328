import { formatDuration } from '../core/durations.ts';
import { floorToMinute, type Instant, toShortText } from '../core/instants.ts';
import type { TickTime } from '../core/slots.ts';
import { failpoint } from '../store/failpoint.ts';
import { findHold } from '../store/hold.ts';
import { listLeftovers } from '../store/leftovers.ts';
import { listOfflineKeys } from '../store/offline-states.ts';
import {
  type DueKey,
  type ListedKey,
  listDueKeys,
  listLiveRuns,
  loadCandidate,
  nextEarliestStart,
} from '../store/tick-statements.ts';
import { beginTick, endTick, type TickStart } from '../store/ticks.ts';
import { CLOCK_TOLERANCE_MS, processAgeMs, tickMinute } from './clock.ts';
import { lazyLooks } from './lazy-looks.ts';
import type { LookingTick } from './looks.ts';
import type { PassOptions, PassResult } from './pass.ts';
import { failedForGood, type NotRun, type Runner, type RunReport } from './runner.ts';

export type TickOptions = PassOptions & {
  /** How old the process is; the tick is that of the minute in which it started. */
  readonly processAgeMs?: number;
  /** Take the name of the node even if another machine has just ticked under it. */
  readonly takeover?: boolean;
};

export type TickReport = {
  readonly node: string;
  readonly tickAt: Instant;
  readonly runs: readonly RunReport[];
  readonly notRun: readonly NotRun[];
  /** Seconds until the next task of the node becomes due; null if none waits. */
  readonly idleForSeconds: number | null;
};

/**
 * One tick: registers itself, records spooled results, recovers the runs of dead runners, and runs what is due, in that
 * order.
 *
 * @throws DatabaseError when the database cannot be used; what had been started by then is recorded or spooled
 * @throws ConfigError when the name of the node is that of another machine
 */
export async function runTick(runner: Runner, options: TickOptions): Promise<TickReport> {
  const startedAt = runner.clock();
  // A file has the clock of its machine, which is cron's too.
  const toleranceMs = runner.driver.engine === 'sqlite' ? 0 : CLOCK_TOLERANCE_MS;
  const tickAt = tickMinute(startedAt, options.processAgeMs ?? processAgeMs(), toleranceMs);
  const begun = await beginTick(runner.driver, runner.node, {
    tickAt,
    startedAt,
    rhythmSeconds: runner.settings.tickEverySeconds,
    clockOffsetMs: runner.clockOffsetMs,
    onOtherMachine: nameGuard(runner, options, startedAt),
  });
  failpoint('tick.begun');
  warnOfClock(runner, begun.previousTickAt, startedAt);
  warnOfOffset(runner, begun.previousOffsetMs);
  const mended = [...(await replay(runner)), ...(await recover(runner))];
  const hold = await findHold(runner.driver, runner.node.name, startedAt);
  const tick = {
    tickAt,
    ticks: begun.ticks,
    ...(hold === undefined ? {} : { hold: (await import('./reasons.ts')).holdText(hold) }),
  };
  const pass = await runDue(runner, tick, options);
  const hasSpooled = pass.runs.some(({ spooled }) => spooled);
  const report = {
    node: runner.node.name,
    tickAt,
    runs: [...mended, ...pass.runs],
    notRun: pass.notRun,
    // A database that did not take a result is not waited for once more: something is left to do at once.
    idleForSeconds: hasSpooled ? 0 : await idleSeconds(runner, tick, pass),
  };
  if (!hasSpooled) {
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
    failpoint('tick.ended');
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
  if (previousTickAt !== null && previousTickAt > now + CLOCK_TOLERANCE_MS) {
    const back = formatDuration(Math.round((previousTickAt - now) / 1_000));
    runner.onEvent({
      kind: 'warning',
      message: `the clock of node ${JSON.stringify(runner.node.name)} went back by ${back}: its last tick was at ${toShortText(previousTickAt)}; slots handled until then are not run again, and tasks wait for later ones ("periodic-cron doctor" names them, "periodic-cron reset" counts from now)`,
    });
  }
}

/** Tells of a clock that is wrong once for each change of it. */
function warnOfOffset({ clockOffsetMs = 0, node, onEvent }: Runner, previousMs: number | null): void {
  const wasWrong = previousMs !== null && Math.abs(previousMs) > CLOCK_TOLERANCE_MS;
  const isOld = wasWrong && Math.abs(previousMs - clockOffsetMs) <= CLOCK_TOLERANCE_MS;
  if (Math.abs(clockOffsetMs) > CLOCK_TOLERANCE_MS && !isOld) {
    const span = formatDuration(Math.round(Math.abs(clockOffsetMs) / 1_000));
    onEvent({
      kind: 'warning',
      message: `the clock of node ${JSON.stringify(node.name)} is ${span} ${clockOffsetMs > 0 ? 'ahead of' : 'behind'} the database's, by which tasks run: let a time daemon keep the clocks of both`,
    });
  }
}

/** A file belongs to one machine, so nobody else can have its names. */
function nameGuard(
  { driver, node }: Runner,
  { takeover = false }: TickOptions,
  now: Instant,
): TickStart['onOtherMachine'] {
  if (takeover || driver.engine === 'sqlite') {
    return undefined;
  }
  return async (statements, holder) => {
    const { refuseNameOfOther } = await import('./node-identity.ts');
    await refuseNameOfOther(statements, { holder, node, now });
  };
}

// What follows is loaded when there is something for it to do: most ticks have nothing.

async function replay(runner: Runner): Promise<readonly RunReport[]> {
  runner.spool.settle();
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
  const left = await leftByOthers(runner);
  if (liveRuns.length + left.length === 0) {
    return [];
  }
  const { endForgottenRuns, recoverRuns } = await import('./recovery.ts');
  await endForgottenRuns(runner, left);
  return recoverRuns(runner, liveRuns);
}

/** Nobody else can have declared a run of a file lost. */
function leftByOthers({ driver, identity }: Runner): Promise<readonly string[]> {
  return driver.engine === 'sqlite' ? Promise.resolve([]) : listLeftovers(driver, identity.machineId);
}

async function runDue(runner: Runner, tick: TickTime, options: PassOptions): Promise<PassResult> {
  const looks = lazyLooks(runner);
  const looking = { ...tick, looks };
  const listDue = () => listDueKeys(runner.driver, runner.node.name, tick.tickAt, tick.ticks);
  const expect = (keys: readonly ListedKey[]) =>
    looks.expect(async () => (await import('./expected-looks.ts')).expectedLooks(runner, keys, tick));
  const keys = await listDue();
  if (tick.hold !== undefined) {
    return runMarked(runner, { keys, looking }, options);
  }
  expect(keys);
  // What rested is woken before anything is due of it.
  const woken = await wake(runner, looking);
  if (woken === undefined) {
    return passOver(runner, { keys, looking }, options);
  }
  const due = await listDue();
  expect(due);
  const pass = await passOver(runner, { keys: due, looking }, options);
  return { ...pass, runs: [...woken, ...pass.runs] };
}

type Listed = { readonly keys: readonly ListedKey[]; readonly looking: LookingTick };

async function passOver(
  runner: Runner,
  { keys, looking }: Listed,
  options: PassOptions,
): Promise<PassResult> {
  if (keys.length === 0) {
    return { runs: [], notRun: [], cutShort: false };
  }
  const { runPass } = await import('./pass.ts');
  return runPass(runner, keys, looking, options);
}

/** While nothing starts, there is nothing to decide but what was changed. */
async function runMarked(
  runner: Runner,
  { keys, looking }: Listed,
  options: PassOptions,
): Promise<PassResult> {
  const marked = keys.filter(({ isMarked }) => isMarked);
  const pass = await passOver(runner, { keys: marked, looking }, options);
  const { heldKey } = await import('./reasons.ts');
  const held = keys.filter(({ isMarked }) => !isMarked).map((key) => heldKey(key, looking.hold ?? ''));
  for (const notRun of held) {
    runner.onEvent({ kind: 'not-run', notRun });
  }
  return { ...pass, notRun: [...pass.notRun, ...held] };
}

/** Wakes what rested because it was offline. Undefined where nothing rests, else the runs that have failed for good with it. */
async function wake(runner: Runner, looking: LookingTick): Promise<readonly RunReport[] | undefined> {
  const resting = await listOfflineKeys(runner.driver, runner.node.name);
  if (resting.length === 0) {
    return undefined;
  }
  const { wakeStates } = await import('./wake.ts');
  return wakeStates(runner, resting, looking);
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
