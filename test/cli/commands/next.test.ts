import { readdirSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { openProgramWorld } from '../../support/processes.ts';
import { type Answer, type CommandWorld, openWorld } from './command-world.ts';

const FROM = '2027-03-27T12:00Z';

async function nextOf({ call }: CommandWorld, ...words: readonly string[]) {
  const { exitCode, out, err } = await call('next', '--json', ...words);
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
  return JSON.parse(out).schedules;
}

/** The coming instants of the one schedule that the words name, from {@link FROM} unless they say otherwise. */
async function instantsOf(world: CommandWorld, ...words: readonly string[]): Promise<readonly string[]> {
  const from = words.includes('--from') ? [] : ['--from', FROM];
  const [schedule] = await nextOf(world, ...words, ...from);
  return schedule.next;
}

function refused(message: string): Answer {
  return { exitCode: 2, out: '', err: `periodic-cron: next: ${message}\n` };
}

describe('next of a cron schedule', () => {
  test('prints the wall clock of the zone, UTC, and what happens at the next two clock changes', async () => {
    const words = ['--cron', '30 2 * * *', '--timezone', 'Europe/Berlin', '--from', FROM, '--count', '2'];
    expect(await openWorld().call('next', ...words)).toEqual({
      exitCode: 0,
      out: [
        'cron 30 2 * * * in Europe/Berlin',
        '  2027-03-28 03:00 +02:00  2027-03-28 01:00:00Z  (in 127 d)',
        '  2027-03-29 02:30 +02:00  2027-03-29 00:30:00Z  (in 127 d)',
        '  2027-03-28 02:00 clocks go forward to 03:00 in Europe/Berlin: 02:30 does not exist, runs once at 03:00',
        '  2027-10-31 03:00 clocks go back to 02:00 in Europe/Berlin: 02:30 comes twice, runs in the first pass only',
        '',
      ].join('\n'),
      err: '',
    });
  });

  test('shows an offset of half hours west of Greenwich', async () => {
    const words = ['--cron', '0 2 * * *', '--timezone', 'America/St_Johns', '--from', '2026-11-21T00:00Z'];
    const { out } = await openWorld().call('next', ...words, '--count', '1');
    expect(out.split('\n')[1]).toBe('  2026-11-21 02:00 -03:30  2026-11-21 05:30:00Z  (in 4 h)');
  });

  test('in JSON names what it was asked for, and has no task', async () => {
    expect(await nextOf(openWorld(), '--cron', '0 12 * * *', '--from', FROM, '--count', '2')).toEqual([
      {
        task: null,
        kind: 'cron',
        schedule: '0 12 * * *',
        timezone: 'UTC',
        next: ['2027-03-28T12:00:00Z', '2027-03-29T12:00:00Z'],
        remarks: [],
        clockChanges: [],
      },
    ]);
  });

  test('in JSON gives the instants of the clock changes', async () => {
    const words = ['--cron', '0 12 * * *', '--timezone', 'Europe/Berlin', '--from', FROM];
    const [{ clockChanges }] = await nextOf(openWorld(), ...words);
    expect(clockChanges).toEqual([
      {
        at: '2027-03-28T01:00:00Z',
        text: '2027-03-28 02:00 clocks go forward to 03:00 in Europe/Berlin: not affected',
      },
      {
        at: '2027-10-31T01:00:00Z',
        text: '2027-10-31 03:00 clocks go back to 02:00 in Europe/Berlin: not affected',
      },
    ]);
  });

  test('counts from now, prints five instants, and takes the zone of this machine', async () => {
    const world = openWorld();
    const env = { HOME: world.folder, TZ: 'Asia/Kolkata' };
    const { out } = await world.callAs({ env }, 'next', '--cron', '0 7 * * *', '--json');
    const [{ timezone, next }] = JSON.parse(out).schedules;
    expect({ timezone, next }).toEqual({
      timezone: 'Asia/Kolkata',
      next: [
        '2026-11-21T01:30:00Z',
        '2026-11-22T01:30:00Z',
        '2026-11-23T01:30:00Z',
        '2026-11-24T01:30:00Z',
        '2026-11-25T01:30:00Z',
      ],
    });
  });

  test('says that H is chosen for no task', async () => {
    const [{ next, remarks }] = await nextOf(openWorld(), '--cron', 'H 3 * * *', '--from', FROM);
    expect(next[0]).toMatch(/^2027-03-28T03:\d\d:00Z$/);
    expect(remarks).toEqual(['H is chosen for no task here: for a task of its own it gives other values']);
  });

  test('that waits for a boot has no instant, and says so', async () => {
    expect(await openWorld().call('next', '--cron', '@reboot')).toEqual({
      exitCode: 0,
      out: 'cron @reboot in UTC\n  @reboot: it starts at the first tick after a boot, at no instant that is known before\n',
      err: '',
    });
  });
});

describe('next of a period', () => {
  test.each([
    ['counts from --from', [], ['12:05', '12:10', '12:15']],
    ['keeps the phase of --last', ['--last', '2027-03-27T11:57Z'], ['12:02', '12:07', '12:12']],
    ['starts at --from what is overdue then', ['--last', '2027-03-27T11:51Z'], ['12:00', '12:01', '12:06']],
    ['starts at --from what is due just then', ['--last', '2027-03-27T11:55Z'], ['12:00', '12:05', '12:10']],
    ['starts at once where nothing was handled ever', ['--last', 'never'], ['12:00', '12:05', '12:10']],
    ['waits for a --last that lies ahead', ['--last', '2027-03-27T12:30Z'], ['12:35', '12:40', '12:45']],
  ])('%s', async (_title, words, times) => {
    expect(await instantsOf(openWorld(), '--every', '5m', '--count', '3', ...words)).toEqual(
      times.map((time) => `2027-03-27T${time}:00Z`),
    );
  });

  test('ends with --until, the instant itself included', async () => {
    const world = openWorld();
    expect(await instantsOf(world, '--every', '1h', '--until', '2027-03-27T14:00Z')).toEqual([
      '2027-03-27T13:00:00Z',
      '2027-03-27T14:00:00Z',
    ]);
    expect(
      await instantsOf(world, '--every', '1h', '--last', 'never', '--until', '2027-03-27T11:59Z'),
    ).toEqual([]);
    const { out } = await world.call('next', '--every', '1h', '--from', FROM, '--until', FROM);
    expect(out).toBe('every 1h\n  nothing comes\n');
  });

  test('of 0 is the default spacing of the configuration', async () => {
    const [{ schedule, next }] = await nextOf(
      openWorld('default_spacing: 20m\n'),
      ...['--every', '0', '--from', FROM, '--count', '1'],
    );
    expect({ schedule, next }).toEqual({ schedule: '20m', next: ['2027-03-27T12:20:00Z'] });
  });

  test('that is negative never starts, but for a first run at once', async () => {
    const world = openWorld();
    const words = ['next', '--every', '-5m', '--from', '2026-11-21T00:55:10Z'];
    const head = 'every -5m\n  a negative period: its schedule never starts it\n';
    expect(await world.call(...words)).toEqual({ exitCode: 0, out: head, err: '' });
    expect((await world.call(...words, '--last', 'never')).out).toBe(
      `${head}  2026-11-21 00:55:10Z  (now)\n`,
    );
  });
});

describe('next without a task', () => {
  test.each([
    ['', 'expected a task or one of --cron, --every, --window, --ticks and --once, got none'],
    [
      '--every 5m --cron @daily',
      'expected one of --cron, --every, --window, --ticks and --once, got --cron and --every',
    ],
    [
      'backup --every 5m',
      'expected either tasks or one of --cron, --every, --window, --ticks and --once, got both',
    ],
    [
      'backup --timezone UTC',
      'expected --timezone with a schedule, got it with a task, which has a zone of its own',
    ],
    ['--every 5m -n beta', 'expected --node with tasks, got it with a schedule, which belongs to no node'],
    ['--every 5m --count 0', '--count: expected a whole number from 1 to 10000, got "0"'],
    ['--cron 5', '--cron: expected 5 cron fields, got 1: "5" (at character 1)'],
    [
      '--every 5x',
      '--every: expected a duration such as 90s, 15m, 1h30m or 2d (units s, m, h, d, w, each once), got "5x" (at character 1)',
    ],
    [
      '--cron @daily --timezone Mars/Base',
      '--timezone: expected an IANA time zone such as Europe/Berlin, got "Mars/Base"',
    ],
    [
      '--every 5m --from noon',
      '--from: expected an instant such as 2026-11-21T00:55Z or 2026-11-21T01:55+01:00, got "noon"',
    ],
    [
      '--every 5m --last nevr',
      '--last: expected an instant such as 2026-11-21T00:55Z or 2026-11-21T01:55+01:00, got "nevr"',
    ],
  ])('refuses "%s"', async (line, message) => {
    const words = line.split(' ').filter((word) => word !== '');
    expect(await openWorld().call('next', ...words)).toEqual(refused(message));
  });

  test.each([
    ['cron', '@daily', '2027-03-28T00:00:00Z'],
    ['every', '1d', '2027-03-28T12:00:00Z'],
  ])(
    'loads no database driver and makes no file for --%s, wherever the database is said to be',
    async (...row) => {
      const [kind, text, expected] = row;
      const world = openProgramWorld();
      const before = readdirSync(world.folder);
      const preload = refuseDrivers();
      const run = (words: string) =>
        world.shell(
          `PERIODIC_CRON_DATABASE_URL=sqlite:/proc/none/x NODE_OPTIONS='${preload}' $PROGRAM ${words}`,
        );
      const end = await run(`next --${kind} ${text} --from ${FROM} --count 1 --json`);
      expect(end).toMatchObject({ exitCode: 0, err: '' });
      expect(JSON.parse(end.out).schedules[0].next).toEqual([expected]);
      expect(readdirSync(world.folder)).toEqual(before);
    },
  );

  test('differs in that from a task, for which the driver is loaded', async () => {
    const world = openProgramWorld();
    writeFileSync(world.databasePath, '');
    const end = await world.shell(`NODE_OPTIONS='${refuseDrivers()}' $PROGRAM next backup`);
    expect(end.exitCode).toBe(70);
    expect(end.err).toMatch(/refused to load (?:knex|better-sqlite3)/);
  });
});

/** Options of node with which a program fails as soon as it loads a database driver or the query builder. */
function refuseDrivers(): string {
  const hooks = `export function resolve(name, context, next) {
    if (name === "knex" || name === "better-sqlite3") { throw new Error("refused to load " + name); }
    return next(name, context);
  }`;
  const preload = `import { register } from "node:module"; register(${JSON.stringify(dataUrl(hooks))});`;
  return `--import=${dataUrl(preload)}`;
}

function dataUrl(code: string): string {
  return `data:text/javascript;base64,${Buffer.from(code).toString('base64')}`;
}

describe('next of a task', () => {
  async function worldWith(...flags: readonly string[]): Promise<CommandWorld> {
    const world = openWorld();
    await world.call('add', 'backup', '--module', 'command', '-o', 'command=true', ...flags);
    return world;
  }

  test('counts from what it has handled', async () => {
    const world = await worldWith('--every', '10m');
    world.count('backup', '2026-11-21T00:03:00.000Z', '2026-11-21T00:53:00.000Z');
    expect(await nextOf(world, 'backup', '--count', '2')).toEqual([
      {
        task: 'backup',
        kind: 'every',
        schedule: '10m',
        timezone: 'UTC',
        next: ['2026-11-21T01:03:00Z', '2026-11-21T01:13:00Z'],
        remarks: [],
        clockChanges: [],
      },
    ]);
    expect((await world.call('next', 'backup', '--count', '1')).out).toBe(
      'task "backup": every 10m\n  2026-11-21 01:03:00Z  (in 7 min)\n',
    );
  });

  test('starts it at once when it is overdue, unless its deadline is over', async () => {
    const world = await worldWith('--every', '10m');
    world.count('backup', '2026-11-21T00:03:00.000Z', '2026-11-21T00:33:00.000Z');
    const next = () => instantsOf(world, 'backup', '--from', '2026-11-21T00:55:10Z', '--count', '2');
    expect(await next()).toEqual(['2026-11-21T00:55:10Z', '2026-11-21T01:03:00Z']);
    world.sql("UPDATE periodic_task SET start_deadline_s = 60 WHERE name = 'backup'");
    world.count('backup', '2026-11-21T00:03:00.000Z', '2026-11-21T00:33:00.000Z');
    expect(await next()).toEqual(['2026-11-21T01:03:00Z', '2026-11-21T01:13:00Z']);
  });

  test('keeps its phase and takes --last for what it has handled, never for a first run', async () => {
    const world = await worldWith('--every', '10m');
    world.count('backup', '2026-11-21T00:03:00.000Z');
    const words = ['backup', '--from', '2026-11-21T01:00Z', '--count', '2'];
    expect(await instantsOf(world, ...words, '--last', '2026-11-21T00:53Z')).toEqual([
      '2026-11-21T01:03:00Z',
      '2026-11-21T01:13:00Z',
    ]);
    expect(await instantsOf(world, ...words, '--last', 'never')).toEqual([
      '2026-11-21T01:00:00Z',
      '2026-11-21T01:10:00Z',
    ]);
  });

  test('shows a pending attempt before the next slot, and no longer once something newer is due', async () => {
    const world = await worldWith('--every', '10m', '--retry-limit', '2');
    world.count('backup', '2026-11-21T00:03:00.000Z', '2026-11-21T00:53:00.000Z');
    world.sql("UPDATE periodic_task_state SET attempt = 1, retry_at = '2026-11-21T00:57:00.000Z'");
    expect(await instantsOf(world, 'backup', '--from', '2026-11-21T00:55Z', '--count', '2')).toEqual([
      '2026-11-21T00:57:00Z',
      '2026-11-21T01:03:00Z',
    ]);
    world.sql("UPDATE periodic_task_state SET handled_slot = '2026-11-21T00:43:00.000Z'");
    expect(await instantsOf(world, 'backup', '--from', '2026-11-21T00:55Z', '--count', '2')).toEqual([
      '2026-11-21T00:55:00Z',
      '2026-11-21T01:03:00Z',
    ]);
  });

  test('that only runs immediately is one start', async () => {
    const world = await worldWith('--manual', '--run-immediately');
    world.count('backup', '2026-11-21T00:55:00.000Z');
    world.sql("UPDATE periodic_task_state SET first_slot = '2026-11-21T00:55:00.000Z'");
    expect(await world.call('next', 'backup')).toEqual({
      exitCode: 0,
      out: 'task "backup": manual\n  manual: its schedule never starts it\n  2026-11-21 00:55:10Z  (now)\n',
      err: '',
    });
  });

  test.each([
    ['is not active', 'active = 0', 'not active'],
    [
      'has no valid schedule',
      "schedule = '5'",
      'invalid: schedule: expected 5 cron fields, got 1: "5" (at character 1)',
    ],
    [
      'has no module',
      "module = 'gone'",
      'invalid: module: expected a known module, got "gone"; see "periodic-cron modules"',
    ],
  ])('that %s never starts, and says why', async (_title, change, remark) => {
    const world = await worldWith('--cron', '@daily');
    world.sql(`UPDATE periodic_task SET ${change} WHERE name = 'backup'`);
    expect(await nextOf(world, 'backup')).toMatchObject([{ next: [], remarks: [remark] }]);
  });

  test('that is terminated never starts, and says why', async () => {
    const world = await worldWith('--cron', '@daily');
    world.sql(
      "UPDATE periodic_task_state SET terminated_at = '2026-11-21T00:51:00.000Z', terminated_reason = 'all done'",
    );
    expect(await nextOf(world, 'backup')).toMatchObject([{ next: [], remarks: ['terminated: all done'] }]);
  });

  test('that was handled in the future starts after that, and says what repairs it', async () => {
    const world = await worldWith('--cron', '@yearly');
    world.count('backup', '2026-11-20T00:00:00.000Z', '2036-01-01T00:00:00.000Z');
    expect(await nextOf(world, 'backup', '--count', '1')).toMatchObject([
      {
        next: ['2037-01-01T00:00:00Z'],
        remarks: [
          'handled until 2036-01-01 00:00:00Z, which is in the future; "periodic-cron reset" counts "backup" from now',
        ],
      },
    ]);
  });

  test('looks as the node that is named, in the zone of its last tick', async () => {
    const world = await worldWith('--cron', '0 9 * * *', '-n', 'beta');
    world.count('backup', '2026-11-20T00:00:00.000Z', '2026-11-20T23:00:00.000Z');
    world.sql("INSERT INTO periodic_node (name, timezone) VALUES ('beta', 'Asia/Tokyo')");
    const expected = { timezone: 'Asia/Tokyo', next: ['2026-11-22T00:00:00Z'] };
    const words = ['backup', '--from', '2026-11-21T00:55Z', '--last', '2026-11-21T00:00Z', '--count', '1'];
    expect(await nextOf(world, ...words, '-n', 'beta')).toMatchObject([{ ...expected, remarks: [] }]);
    expect(await nextOf(world, ...words)).toMatchObject([
      { ...expected, remarks: ['not a task of node alpha: this is when it starts on beta'] },
    ]);
  });

  test('prints several in the order in which they start, and names one that does not exist', async () => {
    const world = await worldWith('--every', '1h', '--order', '5');
    await world.call('add', 'mirror', '--module', 'command', '-o', 'command=true', '--every', '2h');
    const schedules = await nextOf(world, 'backup', 'mirror');
    expect(schedules.map(({ task }: { task: string }) => task)).toEqual(['mirror', 'backup']);
    expect(await world.call('next', 'backup', 'miror')).toEqual({
      exitCode: 5,
      out: '',
      err: 'periodic-cron: there is no task "miror" (did you mean mirror?)\n',
    });
  });

  test('creates no database', async () => {
    const world = openWorld();
    const { exitCode, err } = await world.call('next', 'backup');
    expect(exitCode).toBe(3);
    expect(err).toContain(`there is no database ${world.database} yet`);
    expect(readdirSync(world.folder)).toEqual([]);
  });
});
