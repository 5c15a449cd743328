import { type Instant, toText } from '../core/instants.ts';
import { ALL_NODES } from '../core/task.ts';
import type { Driver, SqlValue, Statements } from './driver.ts';
import { instantOf, numberOf, textOf } from './rows.ts';

/** What a node tells of itself with every tick. */
export type NodeFacts = {
  readonly name: string;
  readonly hostName: string;
  readonly machineId: string;
  readonly bootId: string;
  readonly version: string;
  readonly timezone: string;
  readonly tzVersion: string;
};

export type BegunTick = {
  readonly tickNo: number;
  /** The instant of the node's tick before this one; null for its first. */
  readonly previousTickAt: Instant | null;
  /** The machine was booted since the node's last tick. */
  readonly rebooted: boolean;
};

/**
 * Registers the node and this tick of it. Begins with raising the node's tick number, so that a tick that crashes later
 * counts all the same. After a boot it hands a slot to the node's `@reboot` tasks.
 */
export function beginTick(
  driver: Driver,
  node: NodeFacts,
  at: { readonly tickAt: Instant; readonly startedAt: Instant },
): Promise<BegunTick> {
  return driver.transaction(async (statements) => {
    await raiseTickNumber(statements, node.name);
    const [row] = await statements.all(
      'SELECT tick_no, boot_id, last_tick_at FROM periodic_node WHERE name = ?',
      [node.name],
    );
    const tickNo = numberOf(row?.['tick_no']);
    const lastBootId = textOf(row?.['boot_id']);
    const rebooted = lastBootId !== null && lastBootId !== node.bootId;
    await updateNode(statements, node, at.startedAt);
    await statements.run(
      'INSERT INTO periodic_tick (node, tick_no, tick_at, started_at) VALUES (?, ?, ?, ?)',
      [node.name, tickNo, toText(at.tickAt), toText(at.startedAt)],
    );
    if (rebooted) {
      await giveRebootSlots(statements, node.name, at.tickAt);
    }
    return { tickNo, previousTickAt: instantOf(row?.['last_tick_at']), rebooted };
  });
}

async function raiseTickNumber(statements: Statements, name: string): Promise<void> {
  const changed = await statements.run('UPDATE periodic_node SET tick_no = tick_no + 1 WHERE name = ?', [
    name,
  ]);
  if (changed === 0) {
    await statements.run('INSERT INTO periodic_node (name, tick_no) VALUES (?, 1)', [name]);
  }
}

async function updateNode(statements: Statements, node: NodeFacts, now: Instant): Promise<void> {
  const row: Record<string, SqlValue> = {
    host_name: node.hostName,
    machine_id: node.machineId,
    boot_id: node.bootId,
    version: node.version,
    timezone: node.timezone,
    tz_version: node.tzVersion,
    last_tick_at: toText(now),
  };
  await statements.run(
    `UPDATE periodic_node SET first_tick_at = coalesce(first_tick_at, ?), ${Object.keys(row)
      .map((column) => `${column} = ?`)
      .join(', ')} WHERE name = ?`,
    [toText(now), ...Object.values(row), node.name],
  );
}

async function giveRebootSlots(statements: Statements, node: string, slot: Instant): Promise<void> {
  await statements.run(
    `UPDATE periodic_task_state SET epoch = epoch + 1, first_slot = ?, earliest_start = ''
     WHERE scope_key IN (?, ?) AND task_id IN (
       SELECT t.id FROM periodic_task t WHERE t.schedule_kind = 'cron' AND lower(trim(t.schedule)) = '@reboot'
         AND EXISTS (SELECT 1 FROM periodic_task_node n WHERE n.task_id = t.id AND n.node IN (?, ?)))`,
    [toText(slot), node, ALL_NODES, node, ALL_NODES],
  );
}

/** Records how a tick ended. A tick that never ends so was killed. */
export async function endTick(
  driver: Driver,
  tick: { readonly node: string; readonly tickNo: number },
  end: {
    readonly endedAt: Instant;
    readonly started: number;
    readonly failed: number;
    readonly exitCode: number;
  },
): Promise<void> {
  await driver.run(
    'UPDATE periodic_tick SET ended_at = ?, started = ?, failed = ?, exit_code = ? WHERE node = ? AND tick_no = ?',
    [toText(end.endedAt), end.started, end.failed, end.exitCode, tick.node, tick.tickNo],
  );
}
