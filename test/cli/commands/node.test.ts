import { userInfo } from 'node:os';
import { describe, expect, test } from 'vitest';
import { type CommandWorld, insertRun, NOW, openWorld } from './command-world.ts';

const ME = userInfo().username;
const COMMAND = ['--module', 'command', '-o', 'command=true'] as const;

/** A world without tasks in which node alpha ticks every 5 minutes, last at 00:55. */
async function openNodes(): Promise<CommandWorld> {
  const world = openWorld();
  await world.call('remove', 'prune_history');
  insertNode(world, 'alpha', { last_tick_at: '2026-11-21T00:55:00.000Z' });
  return world;
}

function insertNode(
  { sql }: CommandWorld,
  name: string,
  changes: Readonly<Record<string, string | number | null>> = {},
): void {
  const row: Record<string, string | number | null> = {
    name,
    host_name: `${name}.example`,
    machine_id: `machine of ${name}`,
    boot_id: 'boot',
    version: '0.1.0',
    timezone: 'Europe/Berlin',
    tz_version: '2026a',
    tick_no: 3,
    first_tick_at: '2026-11-20T00:00:00.000Z',
    last_tick_at: '2026-11-21T00:55:00.000Z',
    rhythm_s: 300,
    ...changes,
  };
  sql(
    `INSERT INTO periodic_node (${Object.keys(row).join(', ')}) VALUES (${Object.keys(row)
      .map(() => '?')
      .join(', ')})`,
    ...Object.values(row),
  );
}

describe('node list', () => {
  test('says that none has ticked', async () => {
    const { call } = openWorld();
    await call('migrate');
    expect((await call('node', 'list')).out).toBe('no node has ticked yet (see crontab.example)\n');
  });

  test('tells of each node, and which are late', async () => {
    const world = await openNodes();
    insertNode(world, 'beta', { last_tick_at: '2026-11-21T00:39:00.000Z', clock_offset_ms: -2_500 });
    insertNode(world, 'delta', { last_tick_at: '2026-11-20T00:00:00.000Z', rhythm_s: null });
    world.sql("INSERT INTO periodic_node (name) VALUES ('gamma')");
    expect((await world.call('node', 'list')).out.split('\n')).toEqual([
      'NODE   HOST           VERSION  LAST TICK   RHYTHM    CLOCK  ZONE           ZONE DATA  STATE',
      'alpha  alpha.example  0.1.0    10 s ago    5m            -  Europe/Berlin  2026a      ticks',
      'beta   beta.example   0.1.0    16 min ago  5m       -2.5 s  Europe/Berlin  2026a      LATE',
      'delta  delta.example  0.1.0    24 h ago    unknown       -  Europe/Berlin  2026a      ticks',
      'gamma  -              -        never       unknown       -  -              -          never ticked',
      '',
    ]);
  });

  test('measures the rhythm of a node that promises none', async () => {
    const world = openWorld();
    for (const minute of [0, 2, 4]) {
      await world.callAs({ now: () => NOW + minute * 60_000 }, 'run_scheduled', '-c');
    }
    const answer = await world.callAs({ now: () => NOW + 11 * 60_000 }, 'node', 'list', '--json');
    expect(JSON.parse(answer.out).nodes).toMatchObject([
      { name: 'alpha', rhythmSeconds: 120, rhythmPromised: false, late: true },
    ]);
  });
});

describe('node show', () => {
  test('tells all of a node: its tasks by scope, its live runs, its last ticks', async () => {
    const world = await openNodes();
    insertNode(world, 'beta');
    await world.call('add', 'backup', ...COMMAND, '--every', '5m', '-n', 'alpha');
    await world.call('add', 'report', ...COMMAND, '--every', '5m', '--scope', 'one', '-n', '*');
    await world.call('add', 'alone', ...COMMAND, '--every', '5m', '--scope', 'one', '-n', 'alpha');
    insertRun(world, 'backup', { status: 'running', live_node: 'alpha', slot: '2026-11-21T00:50:00.000Z' });
    world.sql(
      `INSERT INTO periodic_tick (node, tick_no, tick_at, started_at, ended_at, started, exit_code)
       VALUES ('alpha', 3, '2026-11-21T00:55:00.000Z', '2026-11-21T00:55:01.000Z', '2026-11-21T00:55:02.500Z', 1, 0)`,
    );
    const { out } = await world.call('node', 'show', 'alpha');
    expect(out.split('\n')).toEqual([
      'node          alpha',
      'state         ticks',
      'host          alpha.example',
      'machine id    machine of alpha',
      'version       0.1.0',
      'time zone     Europe/Berlin, data 2026a',
      'first tick    2026-11-20 00:00:00Z (24 h ago)',
      'last tick     2026-11-21 00:55:00Z (10 s ago)',
      'rhythm        5m',
      'clock         that of the database',
      'server        -',
      'own tasks     "backup"',
      'shared tasks  "report" (also on beta)',
      '              "alone" (no other node can take it now)',
      '',
      'LIVE RUN  TASK    SLOT                  STARTED',
      '       1  backup  2026-11-21 00:50:00Z  2026-11-21 00:50:00Z',
      '',
      'TICK                  TOOK   STARTED  EXIT  CLOCK  SERVER',
      '2026-11-21 00:55:00Z  1.5 s        1     0      -  -',
      '',
    ]);
    const document = JSON.parse((await world.call('node', 'show', 'alpha', '--json')).out);
    expect(document).toMatchObject({
      name: 'alpha',
      late: false,
      drained: null,
      ownTasks: ['backup'],
      sharedTasks: [
        { task: 'report', takers: ['beta'] },
        { task: 'alone', takers: [] },
      ],
      liveRuns: [{ id: 1, task: 'backup', startedAt: '2026-11-21T00:50:00Z' }],
      lastTicks: [{ tickAt: '2026-11-21T00:55:00Z', started: 1, exitCode: 0, server: null }],
    });
  });

  test.each(['show', 'drain', 'resume', 'forget'])('%s does not know every name', async (word) => {
    const { call } = await openNodes();
    const { exitCode, out, err } = await call('node', word, 'alpah');
    expect({ exitCode, out, err }).toEqual({
      exitCode: 5,
      out: '',
      err: 'periodic-cron: no node named "alpah" (did you mean alpha?); known: "alpha"\n',
    });
  });
});

describe('node drain and node resume', () => {
  async function openTasks() {
    const world = await openNodes();
    insertNode(world, 'beta');
    await world.call('add', 'backup', ...COMMAND, '--every', '5m', '-n', 'alpha', '--catch-up', 'each');
    await world.call('add', 'idle', ...COMMAND, '--every', '1d', '-n', 'alpha');
    await world.call('add', 'alone', ...COMMAND, '--every', '5m', '--scope', 'one', '-n', 'alpha');
    await world.call('add', 'report', ...COMMAND, '--every', '5m', '--scope', 'one', '-n', '*');
    await world.call('add', 'elsewhere', ...COMMAND, '--every', '5m', '-n', 'beta');
    for (const task of ['backup', 'alone', 'report']) {
      world.count(task, '2026-11-21T00:00:00.000Z', '2026-11-21T00:40:00.000Z');
    }
    world.count('idle', '2026-11-21T00:00:00.000Z');
    return world;
  }

  test('say what stays due, what moves, and what still runs', async () => {
    const world = await openTasks();
    insertRun(world, 'idle', { status: 'running', live_node: 'alpha' });
    const { exitCode, out } = await world.call('node', 'drain', 'alpha', '--reason', 'new disks');
    expect(exitCode).toBe(0);
    expect(out.split('\n')).toEqual([
      `drained node "alpha" since 2026-11-21 00:55:10Z by ${ME} (new disks)`,
      'waiting for it, since they run on each of their nodes: "backup", "idle"',
      'waiting for it, since no other node can take them now: "alone"',
      'moving to other nodes: "report"',
      'due now, and staying due: "backup", "alone"',
      'still running: run 1 of task "idle"',
      '',
    ]);
    expect((await world.call('node', 'drain', 'alpha')).out).toContain(
      `node "alpha" is drained already: since 2026-11-21 00:55:10Z by ${ME} (new disks)`,
    );
    expect((await world.call('node', 'list')).out).toMatch(/alpha .* drained\n/);
  });

  test('say what the next tick does with what is due', async () => {
    const { call } = await openTasks();
    await call('node', 'drain', 'alpha');
    expect((await call('node', 'resume', 'alpha')).out.split('\n')).toEqual([
      'resumed node "alpha"',
      'due  "backup"  3 slots: 3 would run',
      'due  "alone"  3 slots: 1 would run, 2 would share that run',
      'due  "report"  3 slots: 1 would run, 2 would share that run',
      '',
    ]);
    expect((await call('node', 'resume', 'alpha')).out).toContain(
      'node "alpha" is not drained: nothing to do\n',
    );
  });

  test('say the same in JSON', async () => {
    const { call } = await openTasks();
    expect(JSON.parse((await call('node', 'drain', 'alpha', '--json')).out)).toMatchObject({
      name: 'alpha',
      changed: true,
      drained: { since: '2026-11-21T00:55:10Z', actor: ME, reason: null },
      stayingTasks: ['backup', 'idle'],
      stuckTasks: ['alone'],
      movingTasks: ['report'],
      dueTasks: ['backup', 'alone'],
      liveRuns: [],
    });
    expect(JSON.parse((await call('node', 'resume', 'alpha', '--json')).out)).toMatchObject({
      changed: true,
      drained: null,
      slots: [
        { task: 'backup', due: 3, wouldRun: 3 },
        { task: 'alone', due: 3, wouldRun: 1, folded: 2 },
        { task: 'report' },
      ],
    });
  });

  test('keep a node from starting anything in between', async () => {
    const world = await openTasks();
    await world.call('node', 'drain', 'alpha', '--reason', 'new disks');
    const held = await world.call('run_scheduled');
    expect(held.out).toContain('the node is drained since 2026-11-21T00:55:10Z');
    expect(world.sql('SELECT * FROM periodic_run')).toEqual([]);
    await world.call('node', 'resume', 'alpha');
    await world.call('run_scheduled');
    expect(world.sql('SELECT count(*) AS runs FROM periodic_run')[0].runs).toBeGreaterThan(0);
  });
});

describe('node forget', () => {
  const LATER = { now: () => NOW + 3_600_000 };

  test('removes a node that ticks no more, and names the tasks that still list it', async () => {
    const world = await openNodes();
    await world.call('add', 'backup', ...COMMAND, '--every', '5m', '-n', 'alpha');
    const { exitCode, out } = await world.callAs(LATER, 'node', 'forget', 'alpha');
    expect(exitCode).toBe(0);
    expect(out.split('\n')).toEqual([
      'forgot node "alpha"; its runs and ticks stay readable',
      'still listing it: "backup" ("periodic-cron set" names other nodes; as long as they list it, they wait for it)',
      '',
    ]);
    expect(world.sql('SELECT name FROM periodic_node')).toEqual([]);
  });

  test('says the same in JSON', async () => {
    const world = await openNodes();
    const { out } = await world.callAs(LATER, 'node', 'forget', 'alpha', '--json');
    expect(JSON.parse(out)).toEqual({ name: 'alpha', forgotten: true, states: 0, listedBy: [] });
  });

  test('is refused for a node that ticked within three rhythms', async () => {
    const world = await openNodes();
    const { exitCode, err } = await world.call('node', 'forget', 'alpha');
    expect({ exitCode, err }).toEqual({
      exitCode: 2,
      err: 'periodic-cron: node forget: expected a node that ticks no more, but "alpha" ticked at 2026-11-21T00:55:00Z: drain it, take run_scheduled out of its crontab, and forget it after 2026-11-21T01:10:00Z\n',
    });
    expect(world.sql('SELECT name FROM periodic_node')).toEqual([{ name: 'alpha' }]);
  });

  test('is refused for a node with live runs', async () => {
    const world = await openNodes();
    await world.call('add', 'backup', ...COMMAND, '--every', '5m', '-n', 'alpha');
    insertRun(world, 'backup', { status: 'running', live_node: 'alpha' });
    const { exitCode, err } = await world.callAs(LATER, 'node', 'forget', 'alpha');
    expect(exitCode).toBe(2);
    expect(err).toContain('expected a node without live runs, but "alpha" has run 1 of task "backup"');
  });
});

test('node alone prints its help', async () => {
  const { call } = openWorld();
  const { exitCode, err } = await call('node');
  expect(exitCode).toBe(2);
  expect(err).toContain('drain [options] <name>');
});
