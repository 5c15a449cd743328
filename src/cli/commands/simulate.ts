import type { Command } from 'commander';
import { formatDuration } from '../../core/durations.ts';
import { UsageError } from '../../core/errors.ts';
import { DAY_MS, type Instant, SECOND_MS, toShortText } from '../../core/instants.ts';
import { normalizeName } from '../../core/names.ts';
import type { Simulation, SimulationPlan } from '../../runner/simulation/plan.ts';
import { simulate } from '../../runner/simulation/simulate.ts';
import type { ActionOf } from '../command-list.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import type { Output } from '../output.ts';
import { withSession } from '../session.ts';
import { type LoadedPlan, loadPlan, type SimulationQuestion, ticksIn } from '../simulate/load-plan.ts';
import { printable } from '../terminal.ts';
import { instantText } from '../times.ts';
import { durationValue, instantValue } from '../values.ts';

/** Two years of ticks a minute apart. */
const MAX_TICKS = 1_100_000;
const LISTED = 20;

type Flags = {
  readonly from?: string;
  readonly until?: string;
  readonly every?: string;
  readonly node?: string;
};

export function define(command: Command, actionOf: ActionOf): void {
  command
    .description(
      'Play the coming ticks on the stored tasks, and print what would run when, what would be skipped and why, and how busy the nodes would be. Changes nothing. Every run is taken to succeed, and to last as long as the past runs of its task that succeeded did on average (no time at all without any); the tasks of a tick run one after the other.',
    )
    .option('--from <instant>', 'begin here; now if not given')
    .option('--until <instant>', 'end here; a day after --from if not given')
    .option('--every <duration>', 'how often a node ticks; as configured, or as it ticked last, if not given')
    .option('-n, --node <name>', 'only this node (default: all that tick or that a task names)')
    .addHelpText(
      'after',
      `
MISSED are due slots that a run of a newer one stands for. SKIPPED are due slots
that no run stands for. WITH WORK counts the ticks that start or skip something,
HELD BACK those that start nothing more because max_running tasks ran. BUSY adds
up runs beside each other. Ticks come at whole multiples of --every, as those of
cron do.

Examples:
  periodic-cron simulate
  periodic-cron simulate --from 2027-03-27T00:00Z --until 2027-03-29T00:00Z --every 5m
  periodic-cron simulate --until 2027-12-31T00:00Z --node alpha --json`,
    )
    .action(actionOf(run));
}

function run(context: Context, flags: Flags): Promise<number> {
  const question = questionOf(flags, context.io.now());
  const session = { node: question.node, readOnly: true };
  return withSession(context, session, async (opened) => {
    // A shared database has a clock of its own.
    const loaded = await loadPlan(context, opened, questionOf(flags, opened.clock()));
    refuseTooLong(loaded.plan);
    const simulation = simulate(loaded.plan);
    if (context.output.isJson) {
      context.output.document(toJson(loaded, simulation));
    } else {
      print(context.output, loaded, simulation);
    }
    return EXIT.ok;
  });
}

function questionOf({ from, until, every, node }: Flags, now: Instant): SimulationQuestion {
  const begin = from === undefined ? now : instantValue('simulate: --from', from);
  const end = until === undefined ? begin + DAY_MS : instantValue('simulate: --until', until);
  if (end <= begin) {
    throw new UsageError(
      `simulate: --until: expected an instant after --from (${toShortText(begin)}), got ${toShortText(end)}`,
    );
  }
  return {
    from: begin,
    until: end,
    everySeconds: every === undefined ? undefined : durationValue('simulate: --every', every, 1),
    node: node === undefined ? undefined : normalizeName(node),
  };
}

function refuseTooLong(plan: SimulationPlan): void {
  const ticks = ticksIn(plan) * plan.nodes.length;
  if (ticks > MAX_TICKS) {
    throw new UsageError(
      `simulate: expected at most ${MAX_TICKS} ticks of all nodes together, got ${ticks}: choose a shorter span, a longer --every or one --node`,
    );
  }
}

function print(output: Output, { plan, leftOut, remarks }: LoadedPlan, simulation: Simulation): void {
  const { tellsFrom, until, everySeconds } = plan;
  output.line(
    `${instantText(tellsFrom)} to ${instantText(until)}, a tick every ${formatDuration(everySeconds)}`,
  );
  for (const remark of remarks) {
    output.line(printable(remark));
  }
  output.line('');
  printTasks(output, simulation);
  output.line('');
  printNodes(output, plan, simulation);
  printRuns(output, simulation);
  printSkips(output, simulation);
  if (leftOut.length > 0) {
    output.line('');
  }
  for (const { task, reason } of leftOut) {
    output.line(printable(`not run  ${JSON.stringify(task)}  ${reason}`));
  }
}

function printTasks(output: Output, { tasks }: Simulation): void {
  output.table(
    [
      { title: 'TASK', value: ({ task }) => task },
      { title: 'RUNS', align: 'right', value: ({ runs }) => String(runs) },
      { title: 'MISSED', align: 'right', value: ({ missed }) => String(missed) },
      { title: 'SKIPPED', align: 'right', value: ({ skipped }) => String(skipped) },
      { title: 'BUSY', align: 'right', value: ({ busyMs }) => durationText(busyMs) },
      { title: 'THEN', value: ({ nextSlotAt }) => (nextSlotAt === null ? '-' : instantText(nextSlotAt)) },
    ],
    tasks,
  );
}

function printNodes(output: Output, plan: SimulationPlan, { nodes }: Simulation): void {
  output.table(
    [
      { title: 'NODE', value: ({ node }) => node },
      { title: 'TICKS', align: 'right', value: ({ ticks }) => String(ticks) },
      { title: 'WITH WORK', align: 'right', value: ({ busyTicks }) => String(busyTicks) },
      { title: 'BUSY', align: 'right', value: ({ busyMs }) => `${percent(busyShare(plan, busyMs))}` },
      { title: 'MOST AT ONCE', align: 'right', value: ({ mostAtOnce }) => String(mostAtOnce) },
      { title: 'HELD BACK', align: 'right', value: ({ heldBack }) => String(heldBack) },
    ],
    nodes,
  );
}

function printRuns(output: Output, { runs, isCut }: Simulation): void {
  const shown = output.isVerbose ? runs : runs.slice(0, LISTED);
  if (shown.length > 0) {
    output.line('');
  }
  for (const { task, node, slotAt, startAt, missed } of shown) {
    const folded = missed === 0 ? '' : `, for ${missed} missed`;
    output.line(
      printable(
        `${instantText(startAt)}  ${JSON.stringify(task)} on ${node} (slot ${toShortText(slotAt)}${folded})`,
      ),
    );
  }
  printRest(output, runs.length - shown.length, { what: 'run', isCut });
}

function printSkips(output: Output, { skips, isCut }: Simulation): void {
  const shown = output.isVerbose ? skips : skips.slice(0, LISTED);
  if (shown.length > 0) {
    output.line('');
  }
  for (const { task, node, at, count, reason, slotAt } of shown) {
    const slots = count === 1 ? `slot ${toShortText(slotAt)}` : `${count} slots to ${toShortText(slotAt)}`;
    output.line(
      printable(
        `${instantText(at)}  ${JSON.stringify(task)} on ${node} skipped, ${wordsOf(reason)} (${slots})`,
      ),
    );
  }
  printRest(output, skips.length - shown.length, { what: 'skip', isCut });
}

function printRest(
  output: Output,
  count: number,
  { what, isCut }: { readonly what: string; readonly isCut: boolean },
): void {
  if (count > 0) {
    output.line(
      `... and ${count}${isCut ? ' or more' : ''} further ${what}${count === 1 ? '' : 's'} (-v shows them)`,
    );
  }
}

function wordsOf(reason: string): string {
  return reason.replaceAll('_', ' ');
}

function busyShare({ tellsFrom, until }: SimulationPlan, busyMs: number): number {
  return busyMs / (until - tellsFrom);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function durationText(ms: number): string {
  return formatDuration(Math.round(ms / SECOND_MS));
}

function toJson({ plan, leftOut, remarks }: LoadedPlan, simulation: Simulation) {
  const { tellsFrom, until, everySeconds } = plan;
  return {
    from: toShortText(tellsFrom),
    until: toShortText(until),
    everySeconds,
    remarks,
    tasks: simulation.tasks.map(({ busyMs, nextSlotAt, ...counts }) => ({
      ...counts,
      busySeconds: busyMs / SECOND_MS,
      nextSlotAt: nextSlotAt === null ? null : toShortText(nextSlotAt),
    })),
    nodes: simulation.nodes.map(({ busyMs, ...counts }) => ({
      ...counts,
      busySeconds: busyMs / SECOND_MS,
      busyShare: Number(busyShare(plan, busyMs).toFixed(4)),
    })),
    runs: simulation.runs.map(({ slotAt, startAt, ...rest }) => ({
      ...rest,
      slotAt: toShortText(slotAt),
      startAt: toShortText(startAt),
    })),
    skipped: simulation.skips.map(({ at, firstSlotAt, slotAt, ...rest }) => ({
      ...rest,
      at: toShortText(at),
      firstSlotAt: toShortText(firstSlotAt),
      slotAt: toShortText(slotAt),
    })),
    notRun: leftOut,
    isCut: simulation.isCut,
  };
}
