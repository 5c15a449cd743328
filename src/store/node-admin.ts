import { didYouMean } from '../config/near-miss.ts';
import { NotFoundError } from '../core/errors.ts';
import { type Instant, toText } from '../core/instants.ts';
import { normalizeName } from '../core/names.ts';
import { insertAudit } from './audit.ts';
import { instantOf, numberOf, numberOrNull, textOf } from './cells.ts';
import type { Driver, Row, Statements } from './driver.ts';
import type { Hold } from './hold.ts';
import { holderOf, type NameHolder } from './nodes.ts';
import { RUN_COLUMNS, type Run, runOf } from './run-row.ts';
import { shiftTickCounts } from './ticks.ts';

/** All that the database knows of a node. Facts that only a tick tells are null before the first one. */
export type NodeRecord = NameHolder & {
  readonly bootId: string | null;
  readonly version: string | null;
  /** IANA name. */
  readonly timezone: string | null;
  readonly tzVersion: string | null;
  readonly tickNo: number;
  readonly firstTickAt: Instant | null;
  /** How far its clock was ahead of the database's at its last tick; null where they are one. */
  readonly clockOffsetMs: number | null;
  /** Null while it starts tasks. */
  readonly drained: Hold | null;
};

/** Every known node, by name. */
export async function listNodeRecords({ all }: Pick<Statements, 'all'>): Promise<readonly NodeRecord[]> {
  return (await all('SELECT * FROM periodic_node ORDER BY name')).map(recordOf);
}

/**
 * The node with this name, spaces around it aside.
 *
 * @throws NotFoundError that names the node that was most likely meant
 */
export async function findNode(statements: Pick<Statements, 'all'>, name: string): Promise<NodeRecord> {
  const wanted = normalizeName(name);
  const [row] = await statements.all('SELECT * FROM periodic_node WHERE name = ?', [wanted]);
  if (row === undefined) {
    throw await unknownNode(statements, wanted);
  }
  return recordOf(row);
}

async function unknownNode({ all }: Pick<Statements, 'all'>, name: string): Promise<NotFoundError> {
  const rows = await all('SELECT name FROM periodic_node ORDER BY name');
  const names = rows.map((row) => String(row['name']));
  const known = names.length === 0 ? 'none has ticked yet' : `known: ${listed(names)}`;
  return new NotFoundError(`no node named ${JSON.stringify(name)}${didYouMean(name, names)}; ${known}`);
}

const LISTED_NAMES = 10;

function listed(names: readonly string[]): string {
  const rest = names.length - LISTED_NAMES;
  const shown = names.slice(0, LISTED_NAMES).map((name) => JSON.stringify(name));
  return shown.join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}

function recordOf(row: Row): NodeRecord {
  return {
    ...holderOf(row),
    bootId: textOf(row['boot_id']),
    version: textOf(row['version']),
    timezone: textOf(row['timezone']),
    tzVersion: textOf(row['tz_version']),
    tickNo: numberOf(row['tick_no']),
    firstTickAt: instantOf(row['first_tick_at']),
    clockOffsetMs: numberOrNull(row['clock_offset_ms']),
    drained: drainOf(row),
  };
}

function drainOf(row: Row): Hold | null {
  const since = instantOf(row['drained_at']);
  return since === null
    ? null
    : {
        kind: 'drained',
        since,
        until: null,
        actor: textOf(row['drained_by']) ?? '',
        reason: textOf(row['drained_reason']) ?? '',
      };
}

/** Who changes something about a node, and when. */
export type NodeChange = { readonly at: Instant; readonly actor: string };

/** `changed` is false for a node that was so already. */
export type NodeChanged = { readonly changed: boolean; readonly node: NodeRecord };

/**
 * Lets a node start nothing new. Draining a drained one changes its reason, if there is another.
 *
 * @throws NotFoundError for an unknown node
 */
export function drainNode(
  driver: Driver,
  name: string,
  { at, actor, reason }: NodeChange & { readonly reason: string | undefined },
): Promise<NodeChanged> {
  return driver.transaction(async (statements) => {
    const before = await lockNode(statements, name);
    if (before.drained !== null && (reason === undefined || reason === before.drained.reason)) {
      return { changed: false, node: before };
    }
    const drained: Hold = { kind: 'drained', since: at, until: null, actor, reason: reason ?? '' };
    const kept = before.drained === null ? drained : { ...drained, since: before.drained.since };
    await statements.run(
      'UPDATE periodic_node SET drained_at = ?, drained_by = ?, drained_reason = ? WHERE name = ?',
      [toText(kept.since), kept.actor, kept.reason, before.name],
    );
    const after = { node: before.name, since: toText(kept.since), reason: kept.reason };
    await insertAudit(statements, { action: 'node drained', at, actor }, after);
    return { changed: true, node: { ...before, drained: kept } };
  });
}

/**
 * Lets a drained node start tasks again.
 *
 * @throws NotFoundError for an unknown node
 */
export function resumeNode(driver: Driver, name: string, { at, actor }: NodeChange): Promise<NodeChanged> {
  return driver.transaction(async (statements) => {
    const before = await lockNode(statements, name);
    if (before.drained === null) {
      return { changed: false, node: before };
    }
    await statements.run(
      'UPDATE periodic_node SET drained_at = NULL, drained_by = NULL, drained_reason = NULL WHERE name = ?',
      [before.name],
    );
    await insertAudit(statements, { action: 'node resumed', at, actor }, { node: before.name });
    return { changed: true, node: { ...before, drained: null } };
  });
}

/** The node, whose row nobody else changes until the transaction ends: a transaction begins with a write. */
async function lockNode(statements: Statements, name: string): Promise<NodeRecord> {
  await statements.run('UPDATE periodic_node SET tick_no = tick_no WHERE name = ?', [normalizeName(name)]);
  return findNode(statements, name);
}

export type ForgottenNode = {
  readonly node: NodeRecord;
  /** Tasks that list it by name: they keep their states of it. */
  readonly listedBy: readonly string[];
  /** How many states of other tasks went with it. */
  readonly states: number;
};

/**
 * Removes a node, and its states of the tasks that do not list it by name. Its runs and ticks stay. `refuse` throws what
 * speaks against it, and is asked when nobody else can change the node any more; `liveRuns` are those of the node.
 *
 * @throws NotFoundError for an unknown node, and whatever `refuse` throws
 */
export function forgetNode(
  driver: Driver,
  name: string,
  {
    at,
    actor,
    refuse,
  }: NodeChange & {
    readonly refuse: (
      statements: Pick<Statements, 'all'>,
      node: NodeRecord,
      liveRuns: readonly Run[],
    ) => Promise<void>;
  },
): Promise<ForgottenNode> {
  return driver.transaction(async (statements) => {
    const node = await lockNode(statements, name);
    await refuse(statements, node, await liveRunsOf(statements, node.name));
    const listedBy = await tasksNaming(statements, node.name);
    const states = await statements.run(
      `DELETE FROM periodic_task_state WHERE scope_key = ? AND task_id NOT IN
         (SELECT task_id FROM periodic_task_node WHERE node = ?)`,
      [node.name, node.name],
    );
    // Its ticks leave the sum that shared tasks count by.
    await shiftTickCounts(statements, node.name, -node.tickNo);
    await statements.run('DELETE FROM periodic_node WHERE name = ?', [node.name]);
    const told = { node: node.name, tickNo: node.tickNo, states, listedBy };
    await insertAudit(statements, { action: 'node forgotten', at, actor }, told);
    return { node, listedBy, states };
  });
}

/** The runs of a node that are recorded as alive, oldest first. */
export async function liveRunsOf({ all }: Pick<Statements, 'all'>, node: string): Promise<readonly Run[]> {
  const rows = await all(`SELECT ${RUN_COLUMNS} FROM periodic_run WHERE live_node = ? ORDER BY id`, [node]);
  return rows.map(runOf);
}

async function tasksNaming({ all }: Pick<Statements, 'all'>, node: string): Promise<readonly string[]> {
  const rows = await all(
    `SELECT t.name FROM periodic_task t JOIN periodic_task_node n ON n.task_id = t.id
     WHERE n.node = ? ORDER BY t.name`,
    [node],
  );
  return rows.map((row) => String(row['name']));
}
