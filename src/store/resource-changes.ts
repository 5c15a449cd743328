import { type Instant, toText } from '../core/instants.ts';
import { insertAudit } from './audit.ts';
import type { Driver, SqlValue, Statements } from './driver.ts';
import { lockResource } from './resource-looks.ts';
import type { Resource } from './resources.ts';
import { isDuplicateKey } from './server-errors.ts';

/** Who changes resources, and when. */
export type ResourceActor = { readonly actor: string; readonly at: Instant };

/** The keys of a server that another resource of the same name is refused by. */
const NAME_KEYS = ['PRIMARY', 'periodic_resource_pkey'];

/** Adds a resource. False when there is one of that name already. */
export async function addResource(driver: Driver, resource: Resource, by: ResourceActor): Promise<boolean> {
  const values = [...valuesOf(resource), toText(by.at)];
  const add = async (statements: Statements): Promise<boolean> => {
    if (await lockResource(statements, resource.name)) {
      return false;
    }
    await statements.run(
      'INSERT INTO periodic_resource (probe, target, ttl_s, timeout_s, name, created_at) VALUES (?, ?, ?, ?, ?, ?)',
      values,
    );
    await insertAudit(statements, { action: 'resource added', ...by }, resource);
    return true;
  };
  const confirm = async ({ all }: Statements): Promise<true | undefined> => {
    const rows = await all(
      `SELECT 1 FROM periodic_resource
       WHERE probe = ? AND target = ? AND ttl_s = ? AND timeout_s = ? AND name = ? AND created_at = ?`,
      values,
    );
    return rows.length > 0 ? true : undefined;
  };
  try {
    return await driver.transaction(add, { confirm });
  } catch (error) {
    // Somebody else who adds it at the same time holds no row that could be waited for.
    if (NAME_KEYS.some((key) => isDuplicateKey(error, key))) {
      return false;
    }
    throw error;
  }
}

/** Gives a resource another probe, and forgets what the old one found. False when there is none of that name. */
export function changeResource(driver: Driver, resource: Resource, by: ResourceActor): Promise<boolean> {
  return driver.transaction(async (statements) => {
    const changed = await statements.run(
      'UPDATE periodic_resource SET probe = ?, target = ?, ttl_s = ?, timeout_s = ? WHERE name = ?',
      valuesOf(resource),
    );
    if (changed === 0) {
      return false;
    }
    await statements.run('DELETE FROM periodic_resource_state WHERE resource = ?', [resource.name]);
    await insertAudit(statements, { action: 'resource changed', ...by }, resource);
    return true;
  });
}

/** Removes a resource and all that is known of it. False when there is none of that name. */
export function removeResource(driver: Driver, name: string, by: ResourceActor): Promise<boolean> {
  return driver.transaction(async (statements) => {
    if (!(await lockResource(statements, name))) {
      return false;
    }
    // A client of SQLite that has not switched foreign keys on does not cascade.
    await statements.run('DELETE FROM periodic_resource_state WHERE resource = ?', [name]);
    await statements.run('DELETE FROM periodic_resource WHERE name = ?', [name]);
    await insertAudit(statements, { action: 'resource removed', ...by }, { name });
    return true;
  });
}

function valuesOf({ probe, target, ttlSeconds, timeoutSeconds, name }: Resource): readonly SqlValue[] {
  return [probe, JSON.stringify(target), ttlSeconds, timeoutSeconds, name];
}
