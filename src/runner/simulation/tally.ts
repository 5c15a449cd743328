import type { Instant } from '../../core/instants.ts';
import type {
  NodeTotals,
  SimulatedRun,
  SimulatedSkip,
  Simulation,
  SimulationPlan,
  TaskTotals,
} from './plan.ts';

/** How many rows are listed; what comes after them is only counted. */
const MAX_ROWS = 100_000;

/** Counts what a simulation comes to, from the instant on from which it is told. */
export type Tally = {
  readonly tick: (node: string, at: Instant) => void;
  /** The tick that began then has started or skipped something. */
  readonly busyTick: (node: string, at: Instant) => void;
  readonly heldBack: (node: string, at: Instant) => void;
  readonly run: (run: SimulatedRun, atOnce: number) => void;
  readonly skip: (skip: SimulatedSkip) => void;
  readonly result: (
    ends: ReadonlyArray<{ readonly task: string; readonly nextSlotAt: Instant | null }>,
  ) => Simulation;
};

export function createTally({ nodes, states, tellsFrom, until }: SimulationPlan): Tally {
  const counts: Counts = {
    tasks: new Map(states.map(({ task: { name } }) => [name, noTaskTotals(name)])),
    nodes: new Map(nodes.map(({ name }) => [name, noNodeTotals(name)])),
    runs: createList(),
    skips: createList(),
    span: { from: tellsFrom, until },
  };
  return {
    tick: (node, at) => countOnNode(counts, { node, at, what: 'ticks' }),
    busyTick: (node, at) => countOnNode(counts, { node, at, what: 'busyTicks' }),
    heldBack: (node, at) => countOnNode(counts, { node, at, what: 'heldBack' }),
    run: (run, atOnce) => countRun(counts, run, atOnce),
    skip: (skip) => countSkip(counts, skip),
    result: (ends) => resultOf(counts, ends),
  };
}

type Writable<Totals> = { -readonly [Key in keyof Totals]: Totals[Key] };

type Counts = {
  readonly tasks: ReadonlyMap<string, Writable<TaskTotals>>;
  readonly nodes: ReadonlyMap<string, Writable<NodeTotals>>;
  readonly runs: List<SimulatedRun>;
  readonly skips: List<SimulatedSkip>;
  /** What is told; what was played before is not. */
  readonly span: { readonly from: Instant; readonly until: Instant };
};

function noTaskTotals(task: string): Writable<TaskTotals> {
  return { task, runs: 0, missed: 0, skipped: 0, busyMs: 0, nextSlotAt: null };
}

function noNodeTotals(node: string): Writable<NodeTotals> {
  return { node, ticks: 0, busyTicks: 0, busyMs: 0, mostAtOnce: 0, heldBack: 0 };
}

function countOnNode({ nodes, span }: Counts, { node: name, at, what }: OnNode): void {
  const node = at < span.from ? undefined : nodes.get(name);
  if (node !== undefined) {
    node[what] += 1;
  }
}

type OnNode = {
  readonly node: string;
  readonly at: Instant;
  readonly what: 'ticks' | 'busyTicks' | 'heldBack';
};

/** A run that began before the span counts with the time that it takes of it, and is not listed. */
function countRun({ tasks, nodes, runs, span }: Counts, run: SimulatedRun, atOnce: number): void {
  const [task, node] = [tasks.get(run.task), nodes.get(run.node)];
  if (task === undefined || node === undefined) {
    return;
  }
  const endAt = run.startAt + run.durationMs;
  const toldMs = Math.max(0, Math.min(endAt, span.until) - Math.max(run.startAt, span.from));
  task.busyMs += toldMs;
  node.busyMs += toldMs;
  if (run.startAt < span.from) {
    return;
  }
  task.runs += 1;
  task.missed += run.missed;
  node.mostAtOnce = Math.max(node.mostAtOnce, atOnce);
  runs.keep(run);
}

function countSkip({ tasks, skips, span }: Counts, skip: SimulatedSkip): void {
  const task = skip.at < span.from ? undefined : tasks.get(skip.task);
  if (task !== undefined) {
    task.skipped += skip.count;
    skips.keep(skip);
  }
}

function resultOf({ tasks, nodes, runs, skips }: Counts, ends: Parameters<Tally['result']>[0]): Simulation {
  for (const { task: name, nextSlotAt } of ends) {
    const task = tasks.get(name);
    if (task !== undefined && nextSlotAt !== null) {
      task.nextSlotAt = Math.min(task.nextSlotAt ?? nextSlotAt, nextSlotAt);
    }
  }
  return {
    runs: runs.rows,
    skips: skips.rows,
    isCut: runs.isCut() || skips.isCut(),
    tasks: [...tasks.values()],
    nodes: [...nodes.values()],
  };
}

type List<Row> = {
  readonly rows: readonly Row[];
  readonly keep: (row: Row) => void;
  readonly isCut: () => boolean;
};

function createList<Row>(): List<Row> {
  const rows: Row[] = [];
  let isCut = false;
  return {
    rows,
    keep(row) {
      if (rows.length < MAX_ROWS) {
        rows.push(row);
      } else {
        isCut = true;
      }
    },
    isCut: () => isCut,
  };
}
