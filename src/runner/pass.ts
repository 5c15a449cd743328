import type { Instant } from '../core/instants.ts';
import type { DueKey } from '../store/tick-statements.ts';
import { type DueList, dueListOf, type Rivals } from './due-list.ts';
import { handleState, type PassingTick } from './handle-state.ts';
import type { Handled } from './handled.ts';
import type { LookingTick } from './looks.ts';
import { failedForGood, type NotRun, type Runner, type RunReport } from './runner.ts';

export type PassOptions = {
  /** How many tasks of equal ordering may run beside each other. */
  readonly parallel: number;
  /** After a final failure nothing new starts. */
  readonly failFast: boolean;
  /** No task starts after this instant. */
  readonly noStartAfter: Instant | undefined;
};

export type PassResult = {
  readonly runs: readonly RunReport[];
  readonly notRun: readonly NotRun[];
  /** Some states were not looked at: they stay due. */
  readonly cutShort: boolean;
};

/**
 * Handles the states of a tick in ascending order. With `parallel`, states of one ordering go beside each other, and a
 * higher one starts when the lower ones have ended. What ends the pass early leaves the rest due for the next tick.
 */
export async function runPass(
  runner: Runner,
  keys: readonly DueKey[],
  tick: LookingTick,
  options: PassOptions,
): Promise<PassResult> {
  const pass: Pass = { runs: [], notRun: [], ended: false, cutShort: false };
  // More workers than the node may run tasks would only meet its own runs.
  const workers = Math.min(options.parallel, runner.settings.maxRunning);
  const allowed = () => mayStart(runner, pass, options);
  for (const group of groupsOf(keys)) {
    const list = dueListOf(runner, group, tick);
    await runGroup(list, Math.min(workers, group.length), async (key) => {
      let again = true;
      let waitedFor: string | null = null;
      while (again && allowed()) {
        const passing = { ...tick, mayStart: allowed, waitedFor };
        const handled = await handleInPass(runner, pass, { key, rivals: list.rivals }, passing);
        keepResult(runner, pass, handled);
        again = 'again' in handled && handled.again === true;
        waitedFor = 'waitedFor' in handled ? (handled.waitedFor ?? waitedFor) : waitedFor;
      }
      pass.cutShort ||= again || !allowed();
    });
  }
  return pass;
}

type Pass = {
  readonly runs: RunReport[];
  readonly notRun: NotRun[];
  /** The node is full, or the database is in trouble: nothing further starts. */
  ended: boolean;
  cutShort: boolean;
};

async function handleInPass(
  runner: Runner,
  pass: Pass,
  { key, rivals }: { readonly key: DueKey; readonly rivals: Rivals },
  tick: PassingTick,
): Promise<Handled> {
  try {
    return await handleState(runner, key, tick, rivals);
  } catch (error) {
    pass.ended = true;
    throw error;
  }
}

function mayStart(runner: Runner, pass: Pass, { failFast, noStartAfter }: PassOptions): boolean {
  const failed = failFast && pass.runs.some(failedForGood);
  const late = noStartAfter !== undefined && runner.clock() >= noStartAfter;
  return !(failed || late || pass.ended || runner.cancel.aborted);
}

function keepResult(runner: Runner, pass: Pass, handled: Handled): void {
  switch (handled.kind) {
    case 'ran':
      keepSuperseded(runner, pass, handled.superseded);
      pass.runs.push(handled.run);
      return;
    case 'full':
      pass.ended = true;
      pass.notRun.push(handled.notRun);
      runner.onEvent({ kind: 'not-run', notRun: handled.notRun });
      return;
    case 'not-run':
      keepSuperseded(runner, pass, handled.superseded);
      pass.notRun.push(handled.notRun);
      runner.onEvent({ kind: 'not-run', notRun: handled.notRun });
      return;
    case 'nothing':
      return;
  }
}

function keepSuperseded(runner: Runner, pass: Pass, run: RunReport | undefined): void {
  if (run !== undefined) {
    pass.runs.push(run);
    runner.onEvent({ kind: 'ended', run });
  }
}

/** The keys come in order, so equal orderings are neighbours. */
function groupsOf(keys: readonly DueKey[]): DueKey[][] {
  const groups: DueKey[][] = [];
  let last: number | undefined;
  for (const key of keys) {
    if (last !== key.ordering) {
      groups.push([]);
      last = key.ordering;
    }
    groups.at(-1)?.push(key);
  }
  return groups;
}

/**
 * Starts ascend: each worker takes the next key of the group when it is free. What one of them throws is thrown after
 * the others have ended, since a running task is never left alone.
 */
async function runGroup(
  list: DueList,
  workers: number,
  handle: (key: DueKey) => Promise<void>,
): Promise<void> {
  const work = async (): Promise<void> => {
    for (let key = await list.next(); key !== undefined; key = await list.next()) {
      await handle(key);
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: workers }, work));
  const broken = ends.find((end) => end.status === 'rejected');
  if (broken !== undefined) {
    throw broken.reason;
  }
}
