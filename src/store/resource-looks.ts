import { type Instant, MINUTE_MS, toText } from '../core/instants.ts';
import type { ResourceState } from '../core/requires.ts';
import type { Driver, SqlValue, Statements } from './driver.ts';
import { type Resource, targetOf } from './resources.ts';

/** How a resource is on a node. */
export type ResourceReport = {
  readonly resource: string;
  readonly node: string;
  readonly state: ResourceState;
  readonly why: string;
  readonly at: Instant;
};

/** How a look found a resource, and what it looked at. */
export type ResourceLook = Omit<ResourceReport, 'resource'> & {
  readonly looked: Pick<Resource, 'name' | 'probe' | 'target'>;
};

/**
 * What became of a report. `changed`: the state is another one than before; of several who report that at once, one is
 * told so. `same`: it is as it was, and looked at anew. `older`: a newer look is recorded, which stays. `gone`: what was
 * looked at is not there any more: the resource was removed, or has another probe.
 */
export type Recorded = 'changed' | 'same' | 'older' | 'gone';

/**
 * Records what a look found. The resource is in its state since it came into it, whoever has looked again meanwhile. Only
 * `changed` and `same` leave something in the database.
 */
export async function recordLook(driver: Driver, look: ResourceLook): Promise<Recorded> {
  const { looked, ...found } = look;
  const report = { ...found, resource: looked.name };
  const target = JSON.stringify(looked.target);
  // As a rule the resource is as it was, and nobody has touched it: that takes no transaction.
  const again = await confirmState(driver, report, {
    sql: `${IS_NEWER} AND EXISTS (SELECT 1 FROM periodic_resource WHERE name = ? AND probe = ? AND target = ?)`,
    values: [...newerThan(report), looked.name, looked.probe, target],
  });
  if (again) {
    return 'same';
  }
  return driver.transaction(async (statements) => {
    if (!(await lockResource(statements, looked.name))) {
      return 'gone';
    }
    const [row] = await statements.all('SELECT probe, target FROM periodic_resource WHERE name = ?', [
      looked.name,
    ]);
    // Plain SQL may have written the same target in other words.
    const isTheSame = row?.['probe'] === looked.probe && JSON.stringify(targetOf(row['target'])) === target;
    return isTheSame ? move(statements, report, { sql: IS_NEWER, values: newerThan(report) }) : 'gone';
  });
}

/** Records what somebody says of a resource, whatever was recorded before and at what instant. Never `older`. */
export function recordWord(driver: Driver, report: ResourceReport): Promise<Recorded> {
  return driver.transaction(async (statements) =>
    (await lockResource(statements, report.resource))
      ? move(statements, report, { sql: '', values: [] })
      : 'gone',
  );
}

/** Keeps others from a resource until the transaction ends. False when there is none of that name. */
export async function lockResource({ run }: Pick<Statements, 'run'>, name: string): Promise<boolean> {
  return (await run('UPDATE periodic_resource SET name = name WHERE name = ?', [name])) > 0;
}

type Condition = { readonly sql: string; readonly values: readonly SqlValue[] };

// So far ahead is only what a clock has recorded that was wrong: it must not keep every look out until then.
const IS_NEWER = 'AND (checked_at <= ? OR checked_at > ?)';

function newerThan({ at }: ResourceReport): readonly SqlValue[] {
  return [toText(at), toText(at + MINUTE_MS)];
}

/** The resource is locked: nobody else writes its states. */
async function move(
  statements: Pick<Statements, 'run'>,
  report: ResourceReport,
  condition: Condition,
): Promise<Recorded> {
  const { resource, node, state, why, at } = report;
  const instant = toText(at);
  const changed = await statements.run(
    `UPDATE periodic_resource_state SET state = ?, since = ?, checked_at = ?, why = ?
     WHERE resource = ? AND node = ? AND state <> ? ${condition.sql}`,
    [state, instant, instant, why, resource, node, state, ...condition.values],
  );
  if (changed > 0) {
    return 'changed';
  }
  if (await confirmState(statements, report, condition)) {
    return 'same';
  }
  const added = await statements.run(
    `INSERT INTO periodic_resource_state (resource, node, state, since, checked_at, why)
     SELECT name, ?, ?, ?, ?, ? FROM periodic_resource r WHERE name = ? AND NOT EXISTS
       (SELECT 1 FROM periodic_resource_state s WHERE s.resource = r.name AND s.node = ?)`,
    [node, state, instant, instant, why, resource, node],
  );
  return added > 0 ? 'changed' : 'older';
}

/** Notes that the state is as it was. False where it is not, or the condition does not hold. */
async function confirmState(
  { run }: Pick<Statements, 'run'>,
  { resource, node, state, why, at }: ResourceReport,
  { sql, values }: Condition,
): Promise<boolean> {
  const confirmed = await run(
    `UPDATE periodic_resource_state SET checked_at = ?, why = ?
     WHERE resource = ? AND node = ? AND state = ? ${sql}`,
    [toText(at), why, resource, node, state, ...values],
  );
  return confirmed > 0;
}
