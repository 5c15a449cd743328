import { type Instant, toText } from '../core/instants.ts';
import type { TickNumbers } from '../core/slots.ts';
import { ALL_NODES } from '../core/task.ts';
import type { Driver, SqlValue, Statements } from './driver.ts';
import { instantOf, instantText, numberOf, textOf } from './rows.ts';

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
  /** The number of this tick on its node, and that of it among the ticks of all nodes. */
  readonly ticks: TickNumbers;
  /** The instant of the node's tick before this one; null for its first. */
  readonly previousTickAt: Instant | null;
  /** The machine was booted since the node's last tick. */
  readonly rebooted: boolean;
};

/**
 * Registers the node and this tick of it. Begins with raising the node's tick number, so that a tick that crashes later
 * counts all the same. After a boot it hands a slot to the node's `@reboot` tasks; after a change of the node's time
 * zone, or of its time zone data, it marks the tasks whose next slots were found by the old ones.
 */
export function beginTick(
  driver: Driver,
  node: NodeFacts,
  at: { readonly tickAt: Instant; readonly startedAt: Instant },
): Promise<BegunTick> {
  return driver.transaction(async (statements) => {
    await raiseTickNumber(statements, node.name);
    const [row] = await statements.all(
      'SELECT tick_no, boot_id, timezone, tz_version, last_tick_at FROM periodic_node WHERE name = ?',
      [node.name],
    );
    const tickNo = numberOf(row?.['tick_no']);
    const ticks = await tickNumbers(statements, node.name);
    const hasChanged = (column: string, now: string): boolean => {
      const before = textOf(row?.[column]);
      return before !== null && before !== now;
    };
    const rebooted = hasChanged('boot_id', node.bootId);
    await updateNode(statements, node, at.startedAt);
    await statements.run(
      'INSERT INTO periodic_tick (node, tick_no, tick_at, started_at) VALUES (?, ?, ?, ?)',
      [node.name, tickNo, toText(at.tickAt), toText(at.startedAt)],
    );
    if (rebooted) {
      await markZonedStates(statements, node.name, { tasks: IS_REBOOT, firstSlot: at.tickAt });
    }
    if (hasChanged('tz_version', node.tzVersion)) {
      await markZonedStates(statements, node.name, { tasks: IS_ANY });
    } else if (hasChanged('timezone', node.timezone)) {
      await markZonedStates(statements, node.name, { tasks: IS_IN_NODE_ZONE });
    }
    return { tickNo, ticks, previousTickAt: instantOf(row?.['last_tick_at']), rebooted };
  });
}

/**
 * The numbers of the last tick: on the node, 0 if it is not known, and among the ticks of all nodes. Within the
 * transaction that begins a tick, these are its own.
 */
export async function tickNumbers(statements: Statements, node: string): Promise<TickNumbers> {
  const [row] = await statements.all(
    `SELECT coalesce(sum(CASE WHEN name = ? THEN tick_no END), 0) AS own_number,
       coalesce(sum(tick_no), 0) AS shared_number FROM periodic_node`,
    [node],
  );
  return { own: numberOf(row?.['own_number']), all: numberOf(row?.['shared_number']) };
}

async function raiseTickNumber(statements: Statements, name: string): Promise<void> {
  const raise = () => statements.run('UPDATE periodic_node SET tick_no = tick_no + 1 WHERE name = ?', [name]);
  if ((await raise()) === 0) {
    // Another first tick of the node may insert it meanwhile: then its row is there to be raised.
    await statements.run('INSERT INTO periodic_node (name) VALUES (?) ON CONFLICT (name) DO NOTHING', [name]);
    await raise();
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

const IS_ANY = '';
const IS_REBOOT = "AND t.schedule_kind = 'cron' AND lower(trim(t.schedule)) = '@reboot'";
const IS_IN_NODE_ZONE = "AND trim(t.timezone) = ''";

/** Lets the node decide anew on its tasks of zoned kinds that meet the condition, and on those that it shares. */
async function markZonedStates(
  statements: Statements,
  node: string,
  { tasks, firstSlot = null }: { readonly tasks: string; readonly firstSlot?: Instant | null },
): Promise<void> {
  await statements.run(
    `UPDATE periodic_task_state SET epoch = epoch + 1, first_slot = coalesce(?, first_slot), earliest_start = ''
     WHERE scope_key IN (?, ?) AND task_id IN (
       SELECT t.id FROM periodic_task t WHERE t.schedule_kind IN ('cron', 'window', 'at') ${tasks}
         AND EXISTS (SELECT 1 FROM periodic_task_node n WHERE n.task_id = t.id AND n.node IN (?, ?)))`,
    [instantText(firstSlot), node, ALL_NODES, node, ALL_NODES],
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
