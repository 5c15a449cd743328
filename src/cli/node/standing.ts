import { formatDuration } from '../../core/durations.ts';
import { type Instant, SECOND_MS, toShortText } from '../../core/instants.ts';
import { GONE_AFTER_RHYTHMS, rhythmOfNode } from '../../runner/node-identity.ts';
import type { Statements } from '../../store/driver.ts';
import { listNodeRecords, type NodeRecord } from '../../store/node-admin.ts';
import { holdJson } from './hold-text.ts';

/** A node as it stands now. */
export type NodeStanding = {
  readonly node: NodeRecord;
  /** How often it ticks; undefined while nobody knows. */
  readonly rhythmSeconds: number | undefined;
  /** It has not ticked for three rhythms. Where the rhythm is not known nobody can say. */
  readonly isLate: boolean;
};

/** Looks at every known node, by name. */
export async function listStandings(
  statements: Pick<Statements, 'all'>,
  now: Instant,
): Promise<readonly NodeStanding[]> {
  const nodes = await listNodeRecords(statements);
  const standings: NodeStanding[] = [];
  for (const node of nodes) {
    standings.push(await standingOf(statements, node, now));
  }
  return standings;
}

/** Looks at one node. */
export async function standingOf(
  statements: Pick<Statements, 'all'>,
  node: NodeRecord,
  now: Instant,
): Promise<NodeStanding> {
  const rhythmSeconds = await rhythmOfNode(statements, node);
  const lateFrom =
    node.lastTickAt === null || rhythmSeconds === undefined
      ? Number.POSITIVE_INFINITY
      : node.lastTickAt + GONE_AFTER_RHYTHMS * rhythmSeconds * SECOND_MS;
  return { node, rhythmSeconds, isLate: lateFrom < now };
}

/** True for a node that can be expected to take a task: it ticks, and starts what is due. */
export function takesTasks({ node, isLate }: NodeStanding): boolean {
  return node.lastTickAt !== null && node.drained === null && !isLate;
}

/** What is the matter with a node, in a few words: `late, drained`; `ticks` where nothing is. */
export function standingText({ node, isLate }: NodeStanding): string {
  const words = [
    ...(node.lastTickAt === null ? ['never ticked'] : []),
    ...(isLate ? ['LATE'] : []),
    ...(node.drained === null ? [] : ['drained']),
  ];
  return words.join(', ') || 'ticks';
}

/** How often a node ticks: `5m` as it promises, `about 5m` as measured. */
export function rhythmText({ node, rhythmSeconds }: NodeStanding): string {
  if (rhythmSeconds === undefined) {
    return 'unknown';
  }
  const span = formatDuration(Math.round(rhythmSeconds));
  return node.rhythmSeconds === null ? `about ${span}` : span;
}

/** How far a clock is ahead of the database's: `+0.3 s`, `-1h2m`; `-` where they are one. */
export function offsetText(offsetMs: number | null): string {
  if (offsetMs === null) {
    return '-';
  }
  const seconds = Math.round(Math.abs(offsetMs) / 100) / 10;
  const span = seconds < 60 ? `${seconds.toFixed(1)} s` : formatDuration(Math.round(seconds));
  return `${offsetMs < 0 && seconds > 0 ? '-' : '+'}${span}`;
}

/** A node as `--json` prints it. */
export function nodeJson({ node, rhythmSeconds, isLate }: NodeStanding) {
  return {
    name: node.name,
    hostName: node.hostName,
    machineId: node.machineId,
    version: node.version,
    timezone: node.timezone,
    tzVersion: node.tzVersion,
    firstTickAt: textOrNull(node.firstTickAt),
    lastTickAt: textOrNull(node.lastTickAt),
    ticks: node.tickNo,
    rhythmSeconds: rhythmSeconds ?? null,
    rhythmPromised: node.rhythmSeconds !== null,
    late: isLate,
    clockOffsetMs: node.clockOffsetMs,
    drained: node.drained === null ? null : drainJson(node.drained),
  };
}

function drainJson(drained: NonNullable<NodeRecord['drained']>) {
  const { since, actor, reason } = holdJson(drained);
  return { since, actor, reason: reason === '' ? null : reason };
}

function textOrNull(instant: Instant | null): string | null {
  return instant === null ? null : toShortText(instant);
}
