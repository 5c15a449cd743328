import { floorToMinute, type Instant, toText } from '../core/instants.ts';
import type { TickNumbers } from '../core/slots.ts';
import { ALL_NODES } from '../core/task.ts';
import { instantOf, instantText, numberOf, numberOrNull, textOf } from './cells.ts';
import { keepingKnown } from './dialect.ts';
import type { Driver, Engine, Row, SqlValue, Statements } from './driver.ts';
import { failpoint } from './failpoint.ts';
import { HOLDER_COLUMNS, holderOf, isOtherMachine, type NameHolder } from './nodes.ts';

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

/** A tick that is about to begin. */
export type TickStart = {
  readonly tickAt: Instant;
  readonly startedAt: Instant;
  /** The rhythm that the configuration promises, if it promises one. */
  readonly rhythmSeconds?: number | undefined;
  /** How far the machine's clock is ahead of the database's; left out where they are one. */
  readonly clockOffsetMs?: number | undefined;
  /** Asked when another machine has ticked under the node's name. What it throws undoes the tick. */
  readonly onOtherMachine?:
    | ((statements: Pick<Statements, 'all'>, holder: NameHolder) => Promise<void>)
    | undefined;
};

export type BegunTick = {
  readonly tickNo: number;
  /** The number of this tick on its node, and that of it among the ticks of all nodes. */
  readonly ticks: TickNumbers;
  /** The instant of the node's tick before this one; null for its first. */
  readonly previousTickAt: Instant | null;
  /** How far the machine's clock was ahead of the database's then; null if nobody knows. */
  readonly previousOffsetMs: number | null;
  /** The machine was booted since the node's last tick. */
  readonly rebooted: boolean;
};

/**
 * Registers the node and this tick of it. Begins with raising the node's tick number, so that a tick that crashes later
 * counts all the same. After a boot it hands a slot to the node's `@reboot` tasks; after a change of the node's time
 * zone, or of its time zone data, it marks the tasks whose next slots were found by the old ones.
 */
export function beginTick(driver: Driver, node: NodeFacts, start: TickStart): Promise<BegunTick> {
  const begin = async (statements: Statements): Promise<BegunTick> => {
    await raiseTickNumber(statements, node.name, driver.engine);
    failpoint('tick.numbered');
    const [row] = await statements.all(
      `SELECT ${HOLDER_COLUMNS}, tick_no, boot_id, timezone, tz_version, clock_offset_ms,
         (SELECT max(t.tick_no) FROM periodic_tick t WHERE t.node = periodic_node.name) AS recorded_no
       FROM periodic_node WHERE name = ?`,
      [node.name],
    );
    await askForName(statements, { row, node, start });
    const tickNo = await unusedNumber(statements, node.name, row);
    const ticks = await tickNumbers(statements, node.name);
    const hasChanged = (column: string, now: string): boolean => {
      const before = textOf(row?.[column]);
      return before !== null && before !== now;
    };
    const rebooted = hasChanged('boot_id', node.bootId);
    await updateNode(statements, node, start);
    if (tickNo === SECOND_TICK) {
      await addMissedStates(statements, node.name, { tickNo, start });
    }
    await insertTick(statements, driver.engine, { node: node.name, tickNo, start });
    failpoint('tick.recorded');
    if (rebooted) {
      await markZonedStates(statements, node.name, { tasks: IS_REBOOT, firstSlot: start.tickAt });
    }
    if (hasChanged('tz_version', node.tzVersion)) {
      await markZonedStates(statements, node.name, { tasks: IS_ANY });
    } else if (hasChanged('timezone', node.timezone)) {
      await markZonedStates(statements, node.name, { tasks: IS_IN_NODE_ZONE });
    }
    return {
      tickNo,
      ticks,
      previousTickAt: instantOf(row?.['last_tick_at']),
      previousOffsetMs: numberOrNull(row?.['clock_offset_ms']),
      rebooted,
    };
  };
  return driver.transaction(begin, {
    // Afterwards it would find what the repeated work wrote itself.
    confirm: async (statements, moment) =>
      moment === 'before' ? findTick(statements, node, start) : undefined,
  });
}

/** This very tick, if it is recorded. What it changed it has told by then, or another tick will see. */
async function findTick(
  statements: Statements,
  { name }: NodeFacts,
  { tickAt, startedAt, clockOffsetMs }: TickStart,
): Promise<BegunTick | undefined> {
  const [row] = await statements.all(
    'SELECT tick_no FROM periodic_tick WHERE node = ? AND tick_at = ? AND started_at = ?',
    [name, toText(tickAt), toText(startedAt)],
  );
  return row === undefined
    ? undefined
    : {
        tickNo: numberOf(row['tick_no']),
        ticks: await tickNumbers(statements, name),
        previousTickAt: null,
        previousOffsetMs: clockOffsetMs ?? null,
        rebooted: false,
      };
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

async function raiseTickNumber(statements: Statements, name: string, engine: Engine): Promise<void> {
  const raise = () => statements.run('UPDATE periodic_node SET tick_no = tick_no + 1 WHERE name = ?', [name]);
  if ((await raise()) === 0) {
    // Another first tick of the node may insert it meanwhile: then its row is there to be raised.
    await statements.run(`INSERT INTO periodic_node (name) VALUES (?) ${keepingKnown(engine, 'name')}`, [
      name,
    ]);
    await raise();
  }
}

/**
 * A node that was forgotten, and comes back while its ticks are still recorded, goes on with their numbers: they are
 * unique. What counts its ticks moves along.
 */
async function unusedNumber(statements: Statements, node: string, row: Row | undefined): Promise<number> {
  const raised = numberOf(row?.['tick_no']);
  const recorded = numberOf(row?.['recorded_no']);
  if (recorded < raised) {
    return raised;
  }
  await statements.run('UPDATE periodic_node SET tick_no = ? WHERE name = ?', [recorded + 1, node]);
  await shiftTickCounts(statements, node, recorded + 1 - raised);
  return recorded + 1;
}

/**
 * Moves what tasks have counted along with the tick number of a node, so that each waits for as many ticks as before:
 * those that count the ticks of the node, and those that count the ticks of all. Raising the epoch lets a claim lose that
 * was planned by the old numbers.
 */
export async function shiftTickCounts(
  { run }: Pick<Statements, 'run'>,
  node: string,
  by: number,
): Promise<void> {
  await run(
    `UPDATE periodic_task_state SET epoch = epoch + 1,
       counted_tick = CASE WHEN counted_tick > ? THEN counted_tick - ? ELSE 0 END,
       due_tick = CASE WHEN due_tick IS NULL THEN NULL WHEN due_tick > ? THEN due_tick - ? ELSE 0 END
     WHERE scope_key IN (?, ?) AND task_id IN (SELECT id FROM periodic_task WHERE schedule_kind = 'ticks')`,
    [-by, -by, -by, -by, ALL_NODES, node],
  );
}

/** Two machines with one name wait for each other at its row, so the later one finds the earlier one here. */
async function askForName(
  statements: Statements,
  {
    row,
    node,
    start,
  }: { readonly row: Row | undefined; readonly node: NodeFacts; readonly start: TickStart },
): Promise<void> {
  const holder = row === undefined ? undefined : holderOf(row);
  if (holder !== undefined && isOtherMachine(holder, node.machineId)) {
    await start.onOtherMachine?.(statements, holder);
  }
}

/** Which of several servers a connection ended at, as text: its address, or that of its host and port. */
const SERVER_SQL: Readonly<Record<Engine, string>> = {
  sqlite: 'NULL',
  postgres: `coalesce(CASE family(inet_server_addr()) WHEN 6 THEN '[' || host(inet_server_addr()) || ']'
    ELSE host(inet_server_addr()) END || ':' || inet_server_port(), 'socket')`,
  mariadb: "concat(@@hostname, ':', @@port)",
};

async function insertTick(
  { run }: Pick<Statements, 'run'>,
  engine: Engine,
  { node, tickNo, start }: { readonly node: string; readonly tickNo: number; readonly start: TickStart },
): Promise<void> {
  await run(
    `INSERT INTO periodic_tick (node, tick_no, tick_at, started_at, clock_offset_ms, server)
     VALUES (?, ?, ?, ?, ?, ${SERVER_SQL[engine]})`,
    [node, tickNo, toText(start.tickAt), toText(start.startedAt), start.clockOffsetMs ?? null],
  );
}

async function updateNode(
  statements: Statements,
  node: NodeFacts,
  { startedAt, rhythmSeconds, clockOffsetMs }: TickStart,
): Promise<void> {
  const row: Record<string, SqlValue> = {
    host_name: node.hostName,
    machine_id: node.machineId,
    boot_id: node.bootId,
    version: node.version,
    timezone: node.timezone,
    tz_version: node.tzVersion,
    last_tick_at: toText(startedAt),
    rhythm_s: rhythmSeconds ?? null,
    clock_offset_ms: clockOffsetMs ?? null,
  };
  await statements.run(
    `UPDATE periodic_node SET first_tick_at = coalesce(first_tick_at, ?), ${Object.keys(row)
      .map((column) => `${column} = ?`)
      .join(', ')} WHERE name = ?`,
    [toText(startedAt), ...Object.values(row), node.name],
  );
}

/** By then, whatever was being written while the node first ticked is there. */
const SECOND_TICK = 2;

/**
 * A task that was given all nodes while this one ticked for the first time may have seen it as little as it saw the
 * task: then neither trigger made its state.
 */
async function addMissedStates(
  { run }: Statements,
  node: string,
  { tickNo, start }: { readonly tickNo: number; readonly start: TickStart },
): Promise<void> {
  await run(
    `INSERT INTO periodic_task_state (task_id, scope_key, counted_from, counted_tick, earliest_start, changed_at)
     SELECT t.id, ?, ?, ?, '', ? FROM periodic_task t WHERE t.scope <> 'one'
       AND EXISTS (SELECT 1 FROM periodic_task_node n WHERE n.task_id = t.id AND n.node = '*')
       AND NOT EXISTS (SELECT 1 FROM periodic_task_state s WHERE s.task_id = t.id AND s.scope_key = ?)`,
    [node, toText(floorToMinute(start.tickAt)), tickNo, toText(start.startedAt), node],
  );
}

const IS_ANY = '';
const IS_REBOOT =
  "AND t.schedule_kind = 'cron' AND lower(trim(t.schedule)) = '@reboot' AND NOT t.confirmation";
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
