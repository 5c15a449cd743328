import { userInfo } from 'node:os';
import { describe, expect, test } from 'vitest';
import { SCHEMA_VERSION } from '../../../src/store/migrations.ts';
import { type CommandWorld, insertRun, openWorld } from './command-world.ts';

const ME = userInfo().username;
const COMMAND = ['--module', 'command', '-o', 'command=true'] as const;

type Columns = Readonly<Record<string, string | number | null>>;

/** Nodes that tick every 5 minutes, last at 00:55. */
async function openNodes(nodes: Readonly<Record<string, Columns>>): Promise<CommandWorld> {
  const world = openWorld();
  await world.call('remove', 'prune_history');
  for (const [name, changes] of Object.entries(nodes)) {
    const row: Columns = {
      name,
      host_name: `${name}.example`,
      machine_id: `machine of ${name}`,
      version: '0.1.0',
      timezone: 'UTC',
      tz_version: '2026a',
      last_tick_at: '2026-11-21T00:55:00.000Z',
      rhythm_s: 300,
      ...changes,
    };
    world.sql(
      `INSERT INTO periodic_node (${Object.keys(row).join(', ')}) VALUES (${Object.keys(row)
        .map(() => '?')
        .join(', ')})`,
      ...Object.values(row),
    );
  }
  return world;
}

async function problems({ call }: CommandWorld): Promise<readonly string[]> {
  const { exitCode, out } = await call('status', '--json');
  expect(exitCode).toBe(0);
  const found: ReadonlyArray<{ kind: string; message: string }> = JSON.parse(out).problems;
  return found.map(({ kind, message }) => `${kind}: ${message}`);
}

describe('status', () => {
  test('fits on a screen when all is well', async () => {
    const world = await openNodes({ alpha: {} });
    const { exitCode, out, err } = await world.call('status');
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    expect(out.replace(/SQLite \d+\.\d+\.\d+/, 'SQLite N').split('\n')).toEqual([
      `database     ${world.database} (SQLite N, schema version ${SCHEMA_VERSION})`,
      'maintenance  off',
      'nodes        1 known',
      'live runs    0',
      'problems     none',
      '',
      'NODE   HOST           VERSION  LAST TICK  RHYTHM  CLOCK  ZONE  ZONE DATA  STATE',
      'alpha  alpha.example  0.1.0    10 s ago   5m          -  UTC   2026a      ticks',
      '',
    ]);
  });

  test('names late nodes and stuck runs first', async () => {
    const world = await openNodes({ alpha: {}, beta: { last_tick_at: '2026-11-21T00:30:00.000Z' } });
    await world.call('add', 'backup', ...COMMAND, '--every', '5m');
    await world.call('maintenance', 'on', '--reason', 'new disks');
    const live = { status: 'running', live_node: 'alpha', slot: '2026-11-21T00:50:00.000Z' };
    insertRun(world, 'backup', { ...live, lease_until: '2026-11-21T00:55:40.000Z' });
    insertRun(world, 'backup', {
      ...live,
      attempt: 2,
      lease_until: '2026-11-21T00:55:05.000Z',
    });
    insertRun(world, 'backup', { ...live, attempt: 3, deadline_at: '2026-11-21T00:54:00.000Z', pid: 77 });
    const { out } = await world.call('status');
    expect(out.split('\n').slice(1)).toEqual([
      `maintenance  ON: new disks; since 2026-11-21 00:55:10Z by ${ME}, until it is switched off`,
      'nodes        2 known, 1 late',
      'live runs    3',
      'problems     3',
      '! node "beta" is late: it ticked last 25 min ago, and ticks every 5m; look at its machine, its cron daemon and its way to the database',
      '! run 2 of task "backup" on node "alpha" is stuck: its lease ended at 2026-11-21T00:55:05Z, and the next tick of one of its nodes records it as lost',
      '! run 3 of task "backup" on node "alpha" is stuck: its time limit passed at 2026-11-21T00:54:00Z; look for process 77 there',
      '',
      'NODE   HOST           VERSION  LAST TICK   RHYTHM  CLOCK  ZONE  ZONE DATA  STATE',
      'beta   beta.example   0.1.0    25 min ago  5m          -  UTC   2026a      LATE',
      'alpha  alpha.example  0.1.0    10 s ago    5m          -  UTC   2026a      ticks',
      '',
      'RUN  TASK    NODE   SLOT                  STARTED    LEASE     STATE',
      '  2  backup  alpha  2026-11-21 00:50:00Z  5 min ago  over      STUCK (lease over)',
      '  3  backup  alpha  2026-11-21 00:50:00Z  5 min ago  none      STUCK (time limit passed)',
      '  1  backup  alpha  2026-11-21 00:50:00Z  5 min ago  30s left  running',
      '',
    ]);
  });

  test('says the same in JSON', async () => {
    const world = await openNodes({ alpha: {}, beta: { drained_at: '2026-11-21T00:30:00.000Z' } });
    await world.call('add', 'backup', ...COMMAND, '--every', '5m');
    insertRun(world, 'backup', {
      status: 'running',
      live_node: 'alpha',
      lease_until: '2026-11-21T00:55:40.000Z',
    });
    const { out } = await world.call('status', '--json');
    expect(JSON.parse(out)).toMatchObject({
      now: '2026-11-21T00:55:10Z',
      database: { name: world.database, schemaVersion: SCHEMA_VERSION },
      maintenance: null,
      problems: [],
      nodes: [
        { name: 'beta', drained: { since: '2026-11-21T00:30:00Z', reason: null } },
        { name: 'alpha', drained: null, late: false, rhythmSeconds: 300 },
      ],
      liveRuns: [{ id: 1, task: 'backup', leaseLeftMs: 30_000, stuck: null }],
      strandedTasks: [],
    });
  });

  test('shows only so many nodes', async () => {
    const names = Array.from({ length: 17 }, (_, index) => [`node${index}`, {}] as const);
    const world = await openNodes({
      ...Object.fromEntries(names),
      zeta: { last_tick_at: '2026-11-21T00:30:00.000Z' },
    });
    const { out } = await world.call('status');
    expect(out).toContain('\nzeta ');
    expect(out).toContain('and 3 more nodes ("periodic-cron node list" has all)\n');
  });

  test('judges no node whose rhythm is unknown', async () => {
    const world = await openNodes({
      alpha: { rhythm_s: null, last_tick_at: '2026-11-01T00:00:00.000Z' },
    });
    expect(await problems(world)).toEqual([]);
  });
});

describe('status tells of', () => {
  test('clocks that are off by more than 2 s', async () => {
    const world = await openNodes({
      alpha: { clock_offset_ms: 2_000 },
      beta: { clock_offset_ms: -3_720_000 },
    });
    expect(await problems(world)).toEqual([
      'clock: the clock of node "beta" was off by -1h2m against the database\'s at its last tick; let a time daemon keep it',
    ]);
  });

  test('nodes whose time zone data or programs differ, late ones apart', async () => {
    const world = await openNodes({
      alpha: {},
      beta: { tz_version: '2025b', version: '0.2.0' },
      gamma: {},
      old: { tz_version: '2020a', version: '0.0.1', last_tick_at: '2026-11-01T00:00:00.000Z' },
    });
    const [, zone, versions, ...others] = await problems(world);
    expect(zone).toMatch(
      /^zone_data: the time zone data of the nodes differ.*: 2026a on "alpha", "gamma"; 2025b on "beta"$/,
    );
    expect(versions).toMatch(
      /^versions: the nodes run different versions of this program.*: 0\.1\.0 on "alpha", "gamma"; 0\.2\.0 on "beta"$/,
    );
    expect(others).toEqual([]);
  });

  test('tasks of scope one that no node can take', async () => {
    const world = await openNodes({
      alpha: { drained_at: '2026-11-21T00:30:00.000Z' },
      beta: {},
    });
    const shared = [...COMMAND, '--every', '5m', '--scope', 'one'];
    await world.call('add', 'stranded', ...shared, '-n', 'alpha', '-n', 'never');
    await world.call('add', 'disabled', ...shared, '-n', 'alpha');
    await world.call('disable', 'disabled');
    await world.call('add', 'taken', ...shared, '-n', 'alpha', '-n', 'beta');
    await world.call('add', 'anywhere', ...shared, '-n', '*');
    await world.call('add', 'own', ...COMMAND, '--every', '5m', '-n', 'alpha');
    expect(await problems(world)).toEqual([
      'stranded: no node can take "stranded", of scope one: each of their nodes is late, drained, or has never ticked',
    ]);
  });

  test('a machine that ticks under two names', async () => {
    const machine = { machine_id: 'one', host_name: 'host.example' };
    const world = await openNodes({
      former: { ...machine, last_tick_at: '2026-11-20T00:00:00.000Z', rhythm_s: null },
      alpha: machine,
    });
    expect(await problems(world)).toEqual([
      'two_names: host "host.example" has ticked under the names "alpha" and "former"; if "former" is its former one: periodic-cron node forget "former"',
    ]);
  });

  test('machines that are copies of each other', async () => {
    const world = await openNodes({ alpha: { machine_id: 'one' }, beta: { machine_id: 'one' } });
    expect((await problems(world)).join()).toContain(
      'machine_id: the nodes "alpha" and "beta" have the same machine id, but different hosts (alpha.example, beta.example)',
    );
  });
});
