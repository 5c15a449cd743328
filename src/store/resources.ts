import type { KnownResource } from '../core/conditions.ts';
import { type Instant, MINUTE_MS, toText } from '../core/instants.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import { RESOURCE_STATES, type ResourceState } from '../core/requires.ts';
import { instantOf, numberOf } from './cells.ts';
import type { Driver, Row, Statements } from './driver.ts';

/** How the state of a resource is found out: by a probe, or by whoever sets it. */
export const PROBES = ['command', 'tcp', 'http', 'file', 'none'] as const;
export type Probe = (typeof PROBES)[number];

/** A named thing on a node whose state gates tasks. */
export type Resource = {
  readonly name: string;
  /** One of `PROBES`, unless plain SQL wrote another word. */
  readonly probe: string;
  /** What the probe looks at, by its kind. What plain SQL wrote that is no object is an empty one. */
  readonly target: JsonObject;
  /** How long a look holds, in seconds. */
  readonly ttlSeconds: number;
  /** How long a look may take, in seconds. */
  readonly timeoutSeconds: number;
};

/** What is known of a resource on one node. */
export type ResourceOnNode = KnownResource & {
  readonly resource: string;
  readonly node: string;
  readonly since: Instant;
  readonly checkedAt: Instant;
};

/** Every resource, by name; or those of these names that there are. */
export async function listResources(
  { all }: Pick<Statements, 'all'>,
  names?: readonly string[],
): Promise<readonly Resource[]> {
  if (names?.length === 0) {
    return [];
  }
  const rows = await all(
    `SELECT name, probe, target, ttl_s, timeout_s FROM periodic_resource
     ${names === undefined ? '' : `WHERE name IN (${names.map(() => '?').join(', ')})`} ORDER BY name`,
    names ?? [],
  );
  return rows.map(resourceOf);
}

function resourceOf(row: Row): Resource {
  return {
    name: String(row['name']),
    probe: String(row['probe']),
    target: targetOf(row['target']),
    ttlSeconds: numberOf(row['ttl_s']),
    timeoutSeconds: numberOf(row['timeout_s']),
  };
}

function targetOf(cell: Row[string] | undefined): JsonObject {
  try {
    const target: unknown = JSON.parse(String(cell));
    return isJsonObject(target) ? target : {};
  } catch {
    return {};
  }
}

/** Which states are wanted: those of one node, of one resource, or all. */
export type StateFilter = { readonly node?: string | undefined; readonly resource?: string | undefined };

/** What is known of resources, by name and node. */
export async function listResourceStates(
  { all }: Pick<Statements, 'all'>,
  { node, resource }: StateFilter = {},
): Promise<readonly ResourceOnNode[]> {
  const wanted = [
    ...(node === undefined ? [] : [{ sql: 'node = ?', value: node }]),
    ...(resource === undefined ? [] : [{ sql: 'resource = ?', value: resource }]),
  ];
  const where = wanted.length === 0 ? '' : `WHERE ${wanted.map(({ sql }) => sql).join(' AND ')}`;
  const rows = await all(
    `SELECT resource, node, state, since, checked_at, why FROM periodic_resource_state ${where} ORDER BY resource, node`,
    wanted.map(({ value }) => value),
  );
  return rows.map(stateOf);
}

function stateOf(row: Row): ResourceOnNode {
  return {
    resource: String(row['resource']),
    node: String(row['node']),
    state: stateWord(row['state']),
    since: instantOf(row['since']) ?? 0,
    checkedAt: instantOf(row['checked_at']) ?? 0,
    why: String(row['why'] ?? ''),
  };
}

/** Plain SQL may have written any word: what is not known is undefined. */
function stateWord(cell: Row[string] | undefined): ResourceState {
  return RESOURCE_STATES.find((state) => state === cell) ?? 'undef';
}

/** What a look at a resource found on a node, or what somebody said of it. */
export type ResourceLook = {
  readonly resource: string;
  readonly node: string;
  readonly state: ResourceState;
  readonly why: string;
  readonly at: Instant;
};

/**
 * Records how a resource is on a node. It is in its state since it came into it, whoever has looked again meanwhile. An
 * older look than the one that is recorded changes nothing, nor does one at a resource that is gone.
 *
 * True when the state is another one than before: of several who find that at once, one is told so.
 */
export function recordLook(
  driver: Driver,
  { resource, node, state, why, at }: ResourceLook,
): Promise<boolean> {
  const instant = toText(at);
  // So far ahead is only what a clock has recorded that was wrong: it must not keep every look out until then.
  const ahead = toText(at + MINUTE_MS);
  return driver.transaction(async ({ run }) => {
    const changed = await run(
      `UPDATE periodic_resource_state SET state = ?, since = ?, checked_at = ?, why = ?
       WHERE resource = ? AND node = ? AND state <> ? AND (checked_at <= ? OR checked_at > ?)`,
      [state, instant, instant, why, resource, node, state, instant, ahead],
    );
    if (changed > 0) {
      return true;
    }
    await run(
      `UPDATE periodic_resource_state SET checked_at = ?, why = ?
       WHERE resource = ? AND node = ? AND state = ? AND (checked_at <= ? OR checked_at > ?)`,
      [instant, why, resource, node, state, instant, ahead],
    );
    const added = await run(
      `INSERT INTO periodic_resource_state (resource, node, state, since, checked_at, why)
       SELECT name, ?, ?, ?, ?, ? FROM periodic_resource r WHERE name = ? AND NOT EXISTS
         (SELECT 1 FROM periodic_resource_state s WHERE s.resource = r.name AND s.node = ?)
       ${driver.engine === 'mariadb' ? 'ON DUPLICATE KEY UPDATE node = VALUES(node)' : 'ON CONFLICT (resource, node) DO NOTHING'}`,
      [node, state, instant, instant, why, resource, node],
    );
    return added > 0;
  });
}
