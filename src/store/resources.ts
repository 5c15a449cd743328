import type { KnownResource } from '../core/conditions.ts';
import type { Instant } from '../core/instants.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import { RESOURCE_STATES, type ResourceState } from '../core/requires.ts';
import { instantOf, numberOf } from './cells.ts';
import type { Row, Statements } from './driver.ts';

/** How the state of a resource is found out: by a probe, or by whoever sets it. */
export const PROBES = ['command', 'tcp', 'http', 'file', 'none'] as const;
export type Probe = (typeof PROBES)[number];

/** The longest that a look may take, in seconds. */
export const MOST_TIMEOUT_S = 300;

/** A named thing on a node whose state gates tasks. */
export type Resource = {
  readonly name: string;
  /** One of `PROBES`, unless plain SQL wrote another word. */
  readonly probe: string;
  /** What the probe looks at, by its kind. What plain SQL wrote that is no object is an empty one. */
  readonly target: JsonObject;
  /** How long a look holds, in seconds. */
  readonly ttlSeconds: number;
  /** How long a look may take, in seconds: from 1 to `MOST_TIMEOUT_S`, unless plain SQL wrote another number. */
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
     ${names === undefined ? '' : `WHERE name IN (${placeholders(names)})`} ORDER BY name`,
    names ?? [],
  );
  return rows.map(resourceOf);
}

function placeholders(values: readonly unknown[]): string {
  return values.map(() => '?').join(', ');
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

/** Reads a target as it is stored. */
export function targetOf(cell: Row[string] | undefined): JsonObject {
  try {
    const target: unknown = JSON.parse(String(cell));
    return isJsonObject(target) ? target : {};
  } catch {
    return {};
  }
}

/** Which states are wanted: those of one node, of one resource or of several, or all. */
export type StateFilter = {
  readonly node?: string | undefined;
  readonly resource?: string | undefined;
  readonly resources?: readonly string[] | undefined;
};

/** What is known of resources, by name and node. */
export async function listResourceStates(
  { all }: Pick<Statements, 'all'>,
  { node, resource, resources = resource === undefined ? undefined : [resource] }: StateFilter = {},
): Promise<readonly ResourceOnNode[]> {
  if (resources?.length === 0) {
    return [];
  }
  const wanted = [
    ...(resources === undefined
      ? []
      : [{ sql: `resource IN (${placeholders(resources)})`, values: resources }]),
    ...(node === undefined ? [] : [{ sql: 'node = ?', values: [node] }]),
  ];
  const where = wanted.length === 0 ? '' : `WHERE ${wanted.map(({ sql }) => sql).join(' AND ')}`;
  const rows = await all(
    `SELECT resource, node, state, since, checked_at, why FROM periodic_resource_state ${where} ORDER BY resource, node`,
    wanted.flatMap(({ values }) => values),
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

/** Plain SQL may have written any word: one that is no state is `undef`. */
function stateWord(cell: Row[string] | undefined): ResourceState {
  return RESOURCE_STATES.find((state) => state === cell) ?? 'undef';
}
