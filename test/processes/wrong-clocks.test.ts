import { expect, test } from 'vitest';
import { floorToMinute, fromText, type Instant, toText } from '../../src/core/instants.ts';
import { reachableServers } from '../support/engines.ts';
import {
  commandColumns,
  openNodeBeside,
  openStockedWorld,
  type ProgramEnd,
  type ProgramWorld,
} from '../support/processes.ts';
import type { Operator } from '../support/virtual-database.ts';
import { wrongClock } from '../support/wrong-clock.ts';

const HOUR_S = 3_600;
const MINUTE_MS = 60_000;
const TOLERANCE_MS = 2_000;
const SILENT: ProgramEnd = { exitCode: 0, signal: null, out: '', err: '' };
const OFFSETS_S = { ahead: HOUR_S, behind: -HOUR_S, right: 0 };

const missing = whatIsMissing();

function whatIsMissing(): string | undefined {
  if (wrongClock(0) === undefined) {
    return 'libfaketime is not installed (Debian: apt-get install faketime)';
  }
  return reachableServers().includes('postgres') ? undefined : 'PostgreSQL cannot be reached';
}

test('with libfaketime a process has another wall clock, and the same elapsed time', async ({ skip }) => {
  skip(missing !== undefined, missing);
  const world = await openStockedWorld({}, 'postgres');
  const script = 'process.stdout.write([Date.now(), process.uptime(), os.uptime()].join())';
  const { out } = await world.shell(`${wrongClock(HOUR_S)} ${process.execPath} -e '${script}'`);
  const [now = 0, age = 0, uptime = 0] = out.split(',').map(Number);
  expect(Math.abs(now - Date.now() - HOUR_S * 1_000)).toBeLessThan(10 * MINUTE_MS);
  const real = await world.shell(`${process.execPath} -e 'process.stdout.write(String(os.uptime()))'`);
  expect(age).toBeLessThan(600);
  expect(Math.abs(uptime - Number(real.out))).toBeLessThan(600);
});

test('nodes an hour ahead and an hour behind agree with one that is right on what is due', async ({
  skip,
}) => {
  skip(missing !== undefined, missing);
  const world = await openStockedWorld({}, 'postgres');
  addTasks(world);
  for (let round = 1; round <= 4; round += 1) {
    const before = databaseNow(world);
    // The node behind would say that this is to come, and the one ahead that what is due in half an hour has passed.
    const slot = floorToMinute(before) - (10 - round) * MINUTE_MS;
    arm(world, slot);
    const ends = await tickTogether(world, OFFSETS_S);
    expect(ends['right']).toEqual(SILENT);
    for (const [node, word] of [
      ['ahead', 'ahead of'],
      ['behind', 'behind'],
    ] as const) {
      expect(ends[node]).toMatchObject({ exitCode: 0, out: '' });
      // Told once, not with every tick.
      const told = `^periodic-cron: the clock of node "${node}" is \\S+ ${word} the database's, [^\\n]*\\n$`;
      expect(ends[node]?.err).toMatch(round === 1 ? new RegExp(told) : /^$/);
    }
    expect(runsOf(world, slot)).toEqual(EXPECTED_RUNS);
    expectTimesWithin(world, { round, from: before, to: databaseNow(world) });
  }
  expect(world.runRows()).toHaveLength(4 * EXPECTED_RUNS.length);
  expect(world.sql.prepare("SELECT count(*) FROM periodic_run WHERE task_name = 'later'").pluck().get()).toBe(
    0,
  );
});

test('tells of a wrong clock again when it has changed, and not once it is right', async ({ skip }) => {
  skip(missing !== undefined, missing);
  const world = await openStockedWorld({}, 'postgres');
  const told: string[] = [];
  for (const seconds of [HOUR_S, HOUR_S, 2 * HOUR_S, 2 * HOUR_S, 0, 0, HOUR_S]) {
    const { node } = await tickTogether(world, { node: seconds });
    told.push(/ is (\S+) ahead of the database's/.exec(node?.err ?? '')?.[1] ?? '-');
    expect(Math.abs(offsetOf(world, 'node') - seconds * 1_000)).toBeLessThan(MINUTE_MS);
  }
  const [first, again, second, ...rest] = told;
  expect([first, again, second].map((text) => text !== '-')).toEqual([true, false, true]);
  expect(first).not.toBe(second);
  expect(rest.map((text) => text !== '-')).toEqual([false, false, false, true]);
});

const NAMES = ['1', '2', '3'];
const EXPECTED_RUNS = NAMES.flatMap((name) => [
  ...Object.keys(OFFSETS_S).map((node) => `mine ${name} on ${node} succeeded`),
  `ours ${name} on * succeeded`,
]).sort();

/** Tasks of either scope, and one that is due half an hour after now. */
function addTasks(world: Operator): void {
  for (const name of NAMES) {
    const nodes = Object.keys(OFFSETS_S);
    world.addTask({ name: `mine ${name}`, nodes, columns: commandColumns(['true'], { run_immediately: 0 }) });
    world.addTask({
      name: `ours ${name}`,
      nodes: ['*'],
      columns: commandColumns(['true'], { run_immediately: 0, scope: 'one' }),
    });
  }
  const schedule = toText(databaseNow(world) + (HOUR_S * 1_000) / 2);
  world.addTask({
    name: 'later',
    nodes: ['*'],
    columns: commandColumns(['true'], { run_immediately: 0, schedule_kind: 'at', schedule }),
  });
}

function arm({ sql }: Operator, slot: Instant): void {
  sql
    .prepare(
      `UPDATE periodic_task_state SET epoch = epoch + 1, first_slot = ?, earliest_start = ''
       WHERE task_id IN (SELECT id FROM periodic_task WHERE name <> 'later')`,
    )
    .run(toText(slot));
}

/** One tick of each node at the same time, as the machine's clock is wrong by so many seconds. */
async function tickTogether(
  world: ProgramWorld,
  offsets: Readonly<Record<string, number>>,
): Promise<Readonly<Record<string, ProgramEnd>>> {
  const ends = Object.entries(offsets).map(async ([node, seconds]) => {
    const beside = openNodeBeside(world, node);
    return [node, await beside.shell(`${wrongClock(seconds)} exec $PROGRAM run_scheduled -c`)] as const;
  });
  return Object.fromEntries(await Promise.all(ends));
}

function runsOf(world: Operator, slot: Instant): readonly string[] {
  return world
    .runRows()
    .filter((row) => row['slot'] === toText(slot))
    .map((row) => `${row['task_name']} on ${row['scope_key']} ${row['status']}`)
    .sort();
}

/** All that the round's ticks recorded is by the database's clock, whatever their own say. */
function expectTimesWithin(
  world: Operator,
  { round, from, to }: { readonly round: number; readonly from: Instant; readonly to: Instant },
): void {
  const ticks = world.sql
    .prepare('SELECT node, tick_at, clock_offset_ms FROM periodic_tick WHERE tick_no = ? ORDER BY node')
    .all(round) as readonly { node: keyof typeof OFFSETS_S; tick_at: string; clock_offset_ms: number }[];
  expect(ticks.map(({ node }) => node)).toEqual(['ahead', 'behind', 'right']);
  for (const { node, tick_at: tickAt, clock_offset_ms: offsetMs } of ticks) {
    expect(fromText(tickAt)).toBeGreaterThanOrEqual(floorToMinute(from));
    expect(fromText(tickAt)).toBeLessThanOrEqual(floorToMinute(to + TOLERANCE_MS));
    expect(Math.abs(offsetMs - OFFSETS_S[node] * 1_000)).toBeLessThan(MINUTE_MS);
    expect(Math.abs(offsetOf(world, node) - OFFSETS_S[node] * 1_000)).toBeLessThan(MINUTE_MS);
  }
  const late = world.sql.prepare(
    'SELECT id FROM periodic_run WHERE started_at > ? OR ended_at > ? OR ended_at < started_at',
  );
  expect(late.all(toText(to + TOLERANCE_MS), toText(to + TOLERANCE_MS))).toEqual([]);
}

function offsetOf({ sql }: Operator, node: string): number {
  const query = sql.prepare('SELECT clock_offset_ms FROM periodic_node WHERE name = ?');
  return Number(query.pluck().get(node));
}

function databaseNow({ sql }: Operator): Instant {
  const now = sql.prepare(
    `SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`,
  );
  return fromText(String(now.pluck().get())) ?? 0;
}
