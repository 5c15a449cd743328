import { type Instant, toText } from '../core/instants.ts';
import { keepingKnown } from './dialect.ts';
import type { Driver, SqlValue, Statements } from './driver.ts';
import { insertHoldAudit } from './hold-changes.ts';
import type { Resource } from './resources.ts';

/** Who changes resources, and when. */
export type ResourceActor = { readonly actor: string; readonly at: Instant };

/** Adds a resource. False when there is one of that name already. */
export function addResource(driver: Driver, resource: Resource, by: ResourceActor): Promise<boolean> {
  return driver.transaction(async (statements) => {
    // A transaction begins with a write: this one keeps others from the name until the end.
    const known = await touch(statements, resource.name);
    if (known) {
      return false;
    }
    const added = await statements.run(
      `INSERT INTO periodic_resource (probe, target, ttl_s, timeout_s, name, created_at) VALUES (?, ?, ?, ?, ?, ?)
       ${keepingKnown(driver.engine, 'name')}`,
      [...valuesOf(resource), toText(by.at)],
    );
    if (added > 0) {
      await insertHoldAudit(statements, { action: 'resource added', ...by }, resource);
    }
    return added > 0;
  });
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
    await insertHoldAudit(statements, { action: 'resource changed', ...by }, resource);
    return true;
  });
}

/** Removes a resource and all that is known of it. False when there is none of that name. */
export function removeResource(driver: Driver, name: string, by: ResourceActor): Promise<boolean> {
  return driver.transaction(async (statements) => {
    // A client of SQLite that has not switched foreign keys on does not cascade.
    await statements.run('DELETE FROM periodic_resource_state WHERE resource = ?', [name]);
    const removed = await statements.run('DELETE FROM periodic_resource WHERE name = ?', [name]);
    if (removed > 0) {
      await insertHoldAudit(statements, { action: 'resource removed', ...by }, { name });
    }
    return removed > 0;
  });
}

async function touch({ run }: Pick<Statements, 'run'>, name: string): Promise<boolean> {
  return (await run('UPDATE periodic_resource SET name = name WHERE name = ?', [name])) > 0;
}

function valuesOf({ probe, target, ttlSeconds, timeoutSeconds, name }: Resource): readonly SqlValue[] {
  return [probe, JSON.stringify(target), ttlSeconds, timeoutSeconds, name];
}
