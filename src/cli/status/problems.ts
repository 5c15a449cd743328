import { toShortText } from '../../core/instants.ts';
import { CLOCK_TOLERANCE_MS } from '../../runner/clock.ts';
import { type NodeStanding, offsetText, rhythmText } from '../node/standing.ts';
import { relativeTime } from '../times.ts';
import type { LiveRun, StatusFacts } from './facts.ts';

/** Something that an operator should look at. */
export type Problem = {
  readonly kind:
    | 'late'
    | 'stuck'
    | 'stranded'
    | 'clock'
    | 'zone_data'
    | 'versions'
    | 'two_names'
    | 'machine_id';
  readonly message: string;
};

/** What is wrong, or may be, the worst first. */
export function problemsOf(facts: StatusFacts): readonly Problem[] {
  const { nodes, now } = facts;
  const present = nodes.filter(({ node, isLate }) => node.lastTickAt !== null && !isLate);
  return [
    ...nodes.filter(({ isLate }) => isLate).map((standing) => lateProblem(standing, now)),
    ...facts.runs.flatMap(stuckProblem),
    ...strandedProblem(facts.stranded),
    ...nodes.flatMap(clockProblem),
    ...differing(present, {
      kind: 'zone_data',
      partOf: ({ node }) => node.tzVersion,
      meaning:
        'the time zone data of the nodes differ, so a slot in a zone whose rules changed may lie at another instant on another node; bring the nodes to the same version of Node.js',
    }),
    ...differing(present, {
      kind: 'versions',
      partOf: ({ node }) => node.version,
      meaning:
        'the nodes run different versions of this program, as they may during an upgrade; what only the newer knows, the older does not do',
    }),
    ...sharedMachines(nodes),
  ];
}

function lateProblem(standing: NodeStanding, now: number): Problem {
  const { node } = standing;
  const last = node.lastTickAt === null ? 'never' : relativeTime(node.lastTickAt, now);
  return {
    kind: 'late',
    message: `node ${quoted(standing)} is late: it ticked last ${last}, and ticks every ${rhythmText(standing)}; look at its machine, its cron daemon and its way to the database`,
  };
}

function stuckProblem({ run, stuck }: LiveRun): readonly Problem[] {
  if (stuck === null) {
    return [];
  }
  const why =
    stuck === 'lease'
      ? `its lease ended at ${toShortText(run.leaseUntil ?? 0)}, and the next tick of one of its nodes records it as lost`
      : `its time limit passed at ${toShortText(run.deadlineAt ?? 0)}; look for process ${run.pid} there`;
  return [
    {
      kind: 'stuck',
      message: `run ${run.id} of task ${JSON.stringify(run.taskName)} on node ${JSON.stringify(run.node)} is stuck: ${why}`,
    },
  ];
}

function strandedProblem(tasks: readonly string[]): readonly Problem[] {
  const names = tasks.map((task) => JSON.stringify(task)).join(', ');
  return tasks.length === 0
    ? []
    : [
        {
          kind: 'stranded',
          message: `no node can take ${names}, of scope one: each of their nodes is late, drained, or has never ticked`,
        },
      ];
}

function clockProblem(standing: NodeStanding): readonly Problem[] {
  const offsetMs = standing.node.clockOffsetMs ?? 0;
  return Math.abs(offsetMs) <= CLOCK_TOLERANCE_MS
    ? []
    : [
        {
          kind: 'clock',
          message: `the clock of node ${quoted(standing)} was off by ${offsetText(offsetMs)} against the database's at its last tick; let a time daemon keep it`,
        },
      ];
}

type Comparison = {
  readonly kind: Problem['kind'];
  readonly partOf: (standing: NodeStanding) => string | null;
  readonly meaning: string;
};

/** Nodes that are there now, in groups by what should be the same on all. */
function differing(
  nodes: readonly NodeStanding[],
  { kind, partOf, meaning }: Comparison,
): readonly Problem[] {
  const groups = grouped(nodes, partOf);
  const parts = [...groups].map(([value, members]) => `${value} on ${members.map(quoted).join(', ')}`);
  return groups.size < 2 ? [] : [{ kind, message: `${meaning}: ${parts.join('; ')}` }];
}

/** A machine whose node was renamed, and machines that were copied. */
function sharedMachines(nodes: readonly NodeStanding[]): readonly Problem[] {
  const groups = grouped(nodes, ({ node }) => (node.machineId === '' ? null : node.machineId));
  return [...groups.values()].filter((members) => members.length > 1).map(sharedMachine);
}

function sharedMachine(members: readonly NodeStanding[]): Problem {
  const names = members.map(quoted).join(' and ');
  const hosts = [...new Set(members.map(({ node }) => node.hostName ?? 'unknown'))];
  if (hosts.length > 1) {
    return {
      kind: 'machine_id',
      message: `the nodes ${names} have the same machine id, but different hosts (${hosts.join(', ')}): if these are copies of one machine, give each an id of its own (/etc/machine-id), since a dead run is told by it`,
    };
  }
  const oldest = members.toSorted(
    (one, other) => (one.node.lastTickAt ?? 0) - (other.node.lastTickAt ?? 0),
  )[0];
  return {
    kind: 'two_names',
    message: `host ${JSON.stringify(hosts[0])} has ticked under the names ${names}; if ${quoted(oldest)} is its former one: periodic-cron node forget ${quoted(oldest)}`,
  };
}

function grouped(
  nodes: readonly NodeStanding[],
  partOf: (standing: NodeStanding) => string | null,
): ReadonlyMap<string, readonly NodeStanding[]> {
  const groups = new Map<string, NodeStanding[]>();
  for (const standing of nodes) {
    const value = partOf(standing);
    if (value !== null) {
      groups.set(value, [...(groups.get(value) ?? []), standing]);
    }
  }
  return groups;
}

function quoted(standing: NodeStanding | undefined): string {
  return JSON.stringify(standing?.node.name ?? '');
}
