import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Row } from '../../src/store/driver.ts';
import type { Operator } from './virtual-database.ts';

/** A resource that a test switches: it is up while its file exists. */
export type Switch = { readonly name: string; readonly up: () => void; readonly down: () => void };

/** Adds a resource whose probe looks for a file in the folder; it is down at first. A ttl of 0 looks in every tick. */
export function addSwitch(
  { sql, folder }: Pick<Operator, 'sql'> & { readonly folder: string },
  name: string,
  { ttlSeconds = 0 } = {},
): Switch {
  const path = join(folder, `${name.replaceAll(/\W/g, '_')}.up`);
  addResourceRow({ sql }, { name, probe: 'file', target: { path }, ttlSeconds });
  return { name, up: () => writeFileSync(path, ''), down: () => rmSync(path, { force: true }) };
}

export type ResourceRow = {
  readonly name: string;
  readonly probe: string;
  readonly target?: object;
  readonly ttlSeconds?: number;
};

/** Adds a resource by plain SQL. */
export function addResourceRow(
  { sql }: Pick<Operator, 'sql'>,
  { name, probe, target = {}, ttlSeconds = 60 }: ResourceRow,
): void {
  sql
    .prepare(
      'INSERT INTO periodic_resource (name, probe, target, ttl_s, timeout_s, created_at) VALUES (?, ?, ?, ?, 5, ?)',
    )
    .run(name, probe, JSON.stringify(target), ttlSeconds, '2026-03-10T11:00:00.000Z');
}

/** How resources stand on a node: `ip#0 up since 12:05`. */
export function resourceStates({ sql }: Pick<Operator, 'sql'>, node = 'alpha'): readonly string[] {
  const rows = sql
    .prepare('SELECT resource, state, since FROM periodic_resource_state WHERE node = ? ORDER BY resource')
    .all(node) as readonly Row[];
  return rows.map((row) => `${row['resource']} ${row['state']} since ${String(row['since']).slice(11, 16)}`);
}
