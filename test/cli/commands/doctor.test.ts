import { chmodSync, closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { doctor } from '../../../src/cli/commands/doctor.ts';
import { openContext } from '../../../src/cli/context.ts';
import type { Finding } from '../../../src/cli/doctor/finding.ts';
import { systemWorld, type World } from '../../../src/cli/doctor/world.ts';
import { createPrinter } from '../../../src/cli/output.ts';
import { processIdentity } from '../../../src/execute/processes.ts';
import { SCHEMA_VERSION } from '../../../src/store/migrations.ts';
import { fakeIo } from '../fake-io.ts';
import { type CommandWorld, insertRun, NOW, openWorld } from './command-world.ts';

const COMMAND = ['--module', 'command', '-o', 'command=true'] as const;

/** A world with one valid task and a node that ticked every five minutes, last at 00:55. */
async function healthyWorld(config?: string): Promise<CommandWorld> {
  const world = openWorld(config);
  await world.call('add', 'backup', ...COMMAND, '--every', '5m');
  await world.call('remove', 'prune_history');
  world.count('backup', '2026-11-20T00:00:00.000Z', '2026-11-21T00:55:00.000Z');
  world.sql("INSERT INTO periodic_node (name, last_tick_at) VALUES ('alpha', '2026-11-21T00:55:00.000Z')");
  for (const [index, minute] of ['35', '40', '45', '50', '55'].entries()) {
    insertTick(world, index + 1, `2026-11-21T00:${minute}:00.000Z`);
  }
  return world;
}

function insertTick({ sql }: CommandWorld, tickNo: number, at: string, endedAt: string | null = at): void {
  sql(
    'INSERT INTO periodic_tick (node, tick_no, tick_at, started_at, ended_at) VALUES (?, ?, ?, ?, ?)',
    'alpha',
    tickNo,
    at,
    at,
    endedAt,
  );
}

type Examination = { readonly world?: Partial<World>; readonly now?: number; readonly json?: boolean };

/** Runs doctor as root of a machine whose only crontabs are those given. */
async function examine(
  { folder, database }: CommandWorld,
  { world, now = NOW, json = true }: Examination = {},
) {
  const io = fakeIo({ cwd: folder, env: { HOME: folder, TZ: 'UTC' }, uid: 0, now: () => now });
  const printer = createPrinter(io);
  const globals = { config: undefined, database: `sqlite:${database}`, json, color: true, verbose: false };
  const system = systemWorld(io);
  const exitCode = await doctor(
    openContext(io, printer, globals),
    {},
    {
      user: 'root',
      home: folder,
      timezone: 'UTC',
      readText: (path) => readFrom({}, path),
      namesIn: (path) => (path.startsWith(folder) ? system.namesIn(path) : []),
      ownCrontab: () => crontabFor(database),
      fileFacts: (path) => (path.startsWith(folder) ? system.fileFacts(path) : undefined),
      freeBytes: () => 2 ** 40,
      hasProgram: () => true,
      isCronRunning: () => true,
      ...world,
    },
  );
  await printer.flush();
  return {
    exitCode,
    out: io.printed.out,
    findings: json ? (JSON.parse(io.printed.out).findings as Finding[]) : [],
  };
}

function crontabFor(database: string, schedule = '*/5 * * * *'): string {
  return `${schedule} /opt/periodic-cron --database sqlite:${database} run_scheduled -c\n`;
}

function readFrom(files: Readonly<Record<string, string>>, path: string): string {
  const text = files[path];
  if (text === undefined) {
    throw Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT' });
  }
  return text;
}

/** What is not all right, as one line each. */
function problems(findings: readonly Finding[]): string[] {
  return findings
    .filter(({ level }) => level !== 'ok')
    .map(({ check, level, message }) => `${level} ${check}: ${message}`);
}

describe('doctor', () => {
  test('finds nothing wrong with a sound installation', async () => {
    const world = await healthyWorld();
    const { exitCode, out } = await examine(world, { json: false });
    expect(out.replace(/by SQLite \d+\.\d+\.\d+/, 'by SQLite N').split('\n')).toEqual([
      `ok    configuration: no file, defaults; node "alpha" (host name); database ${world.database} (flag --database)`,
      `ok    database: ${world.database}, sound, by SQLite N`,
      `ok    schema: version ${SCHEMA_VERSION}`,
      'ok    modules: 6 known',
      'ok    definitions: 1 task, all valid',
      'ok    states: none handled in the future, none overdue',
      'ok    runs: 0 alive',
      'ok    spool: empty',
      'ok    crontab: the crontab of root, line 1: "*/5 * * * *" as root',
      'ok    ticks: node "alpha" ticked last at 2026-11-21T00:55:00Z (by the crontab)',
      '0 failures, 0 warnings',
      '',
    ]);
    expect(exitCode).toBe(0);
  });

  test('prints a remedy below what is wrong, and exits with 1', async () => {
    const world = await healthyWorld();
    chmodSync(world.database, 0o666);
    const { exitCode, out } = await examine(world, { json: false });
    expect(out).toContain(
      `fail  database: every user may write to ${world.database} (mode 0666), and so have any command run\n      → chmod 600 ${world.database}\n`,
    );
    expect(out).toContain('1 failure, 0 warnings\n');
    expect(exitCode).toBe(1);
  });

  test('exits with 0 when it only warns, and prints JSON', async () => {
    const world = await healthyWorld();
    chmodSync(world.database, 0o640);
    const { exitCode, out } = await examine(world);
    expect(exitCode).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ failures: 0, warnings: 1 });
    expect(JSON.parse(out).findings[1]).toEqual({
      check: 'database',
      level: 'warn',
      message: `other users may read or write ${world.database} (mode 0640), which holds what tasks print`,
      remedy: `chmod 600 ${world.database}`,
    });
  });

  test('is a command of the program', async () => {
    const world = await healthyWorld();
    const { out, err } = await world.call('doctor', '--json');
    expect(err).toBe('');
    expect(JSON.parse(out).findings[0]).toMatchObject({ check: 'configuration', level: 'ok' });
  });
});

describe('the configuration', () => {
  test('with a fault is all that is told', async () => {
    const world = openWorld('max_runing: 3\n');
    const { exitCode, out } = await world.call('doctor');
    const file = join(world.folder, 'periodic-cron.yaml');
    expect(out).toBe(
      `fail  configuration: ${file}: max_runing: unknown key (did you mean max_running?)\n1 failure, 0 warnings\n`,
    );
    expect(exitCode).toBe(1);
  });
});

describe('the database', () => {
  test('that does not exist is a failure, and is not created', async () => {
    const world = openWorld();
    const { exitCode, findings } = await examine(world);
    expect(exitCode).toBe(1);
    expect(problems(findings)).toEqual([
      `fail database: there is no database ${world.database} yet: "periodic-cron add" or the first run_scheduled creates it`,
    ]);
    expect((await world.call('doctor')).out).toContain('there is no database');
  });

  test('that is another file is a failure', async () => {
    const world = openWorld();
    writeFileSync(world.database, 'some text that is longer than the header of a database '.repeat(20), {
      mode: 0o600,
    });
    expect(problems((await examine(world)).findings)).toEqual([
      `fail database: ${world.database} is not a SQLite database: name another file with --database sqlite:PATH, or move this one away`,
    ]);
  });

  test('that is damaged is a failure, whatever else can still be read', async () => {
    const world = await healthyWorld();
    const [{ rootpage }] = world.sql("SELECT rootpage FROM sqlite_master WHERE name = 'periodic_audit'");
    const [{ page_size }] = world.sql('PRAGMA page_size');
    const file = openSync(world.database, 'r+');
    writeSync(file, Buffer.alloc(page_size, 0xff), 0, page_size, (rootpage - 1) * page_size);
    closeSync(file);
    const { exitCode, findings } = await examine(world);
    expect(problems(findings)).toEqual([
      expect.stringMatching(new RegExp(`^fail database: (database )?${world.database} is damaged`)),
    ]);
    expect(exitCode).toBe(1);
  });

  test('of a newer schema is a failure of the schema, unless this program may work with it', async () => {
    const world = await healthyWorld();
    world.sql('UPDATE periodic_schema SET version = 7');
    expect(problems((await examine(world)).findings)).toEqual([
      `warn schema: version 7, of a newer periodic-cron; this one knows version ${SCHEMA_VERSION}, and may work with it`,
    ]);
    world.sql('UPDATE periodic_schema SET oldest_version = 7');
    expect(problems((await examine(world)).findings)).toEqual([
      `fail schema: database ${world.database} has schema version 7, which needs a program that knows version 7 or later; this one knows version ${SCHEMA_VERSION}: upgrade periodic-cron`,
    ]);
  });

  test.each([
    ['fail', 0o777],
    ['warn', 0o1777],
    ['warn', 0o770],
  ])('in a folder that others may write to is a %s with mode %o', async (level, mode) => {
    const world = await healthyWorld();
    chmodSync(world.folder, mode);
    expect(problems((await examine(world)).findings)).toEqual([
      `${level} database: other users may write to ${world.folder}, the folder of the database (mode ${mode.toString(8).padStart(4, '0')})`,
    ]);
  });

  test.each([
    ['fail', 15],
    ['warn', 255],
  ])('is a %s on a disk with %i MiB left', async (level, mebibytes) => {
    const world = await healthyWorld();
    const { findings } = await examine(world, { world: { freeBytes: () => mebibytes * 1_048_576 } });
    expect(problems(findings)).toEqual([
      `${level} database: the disk of ${world.database} has ${mebibytes} MiB left`,
    ]);
  });

  test('without one of its triggers is a failure', async () => {
    const world = await healthyWorld();
    world.sql('DROP TRIGGER periodic_task_updated');
    expect(problems((await examine(world)).findings)).toEqual([
      `fail database: ${world.database} lacks the triggers periodic_task_updated: changed tasks do not reach the ticks`,
    ]);
  });

  test('beside which a user without configuration would find another one is a warning', async () => {
    const world = await healthyWorld();
    const other = join(world.folder, '.local/state/periodic-cron/periodic-cron.sqlite');
    mkdirSync(join(other, '..'), { recursive: true });
    writeFileSync(other, '');
    expect(problems((await examine(world)).findings)).toEqual([
      `warn other database: there is a second database, ${other}; this call looks at ${world.database} (flag --database)`,
    ]);
  });
});

describe('the definitions', () => {
  test('that are invalid are failures, or warnings while they are switched off', async () => {
    const world = await healthyWorld();
    await world.call('add', 'off', ...COMMAND, '--every', '5m', '--inactive');
    world.sql("UPDATE periodic_task SET schedule = 'often'");
    const { findings } = await examine(world);
    expect(problems(findings)).toEqual([
      expect.stringMatching(/^fail definitions: task "backup" is invalid: schedule: .*"often"/),
      expect.stringMatching(/^warn definitions: task "off" is invalid: schedule: .*"often"/),
    ]);
  });

  test('of a node that never ticked are warnings', async () => {
    const world = await healthyWorld();
    await world.call('add', 'lonely', ...COMMAND, '--manual', '-n', 'beta');
    world.count('lonely', '2026-11-20T00:00:00.000Z');
    expect(problems((await examine(world)).findings)).toEqual([
      'warn definitions: task "lonely" belongs to the node "beta", which has never ticked',
    ]);
  });

  test('whose module does not load are failures, and so is the module', async () => {
    const world = await healthyWorld('modules:\n  folders: [modules]\n');
    mkdirSync(join(world.folder, 'modules'));
    const file = join(world.folder, 'modules', 'broken.js');
    writeFileSync(file, 'throw new Error("not today");\n');
    world.sql("UPDATE periodic_task SET module = 'broken', options = '{}'");
    const { exitCode, findings } = await examine(world, {
      world: { readText: (path) => readFrom({ [join(world.folder, 'periodic-cron.yaml')]: '' }, path) },
    });
    expect(problems(findings)).toEqual([
      expect.stringMatching(new RegExp(`^fail modules: ${file}: .*not today`)),
      expect.stringMatching(/^fail definitions: task "backup" is invalid: module: .*not today/),
    ]);
    expect(exitCode).toBe(1);
  });
});

describe('the states', () => {
  test('that were handled in the future are failures', async () => {
    const world = await healthyWorld();
    world.count('backup', '2026-11-20T00:00:00.000Z', '2036-11-21T00:55:00.000Z');
    const { findings } = await examine(world);
    expect(findings.find(({ level }) => level === 'fail')).toEqual({
      check: 'states',
      level: 'fail',
      message:
        'task "backup" on node "alpha" has handled its slots up to 2036-11-21T00:55:00Z, which lies in the future: it does not run until then',
      remedy: 'if the clock was wrong then and is right now: periodic-cron reset "backup"',
    });
  });

  test('that count from the future are failures', async () => {
    const world = await healthyWorld();
    world.count('backup', '2027-01-01T00:00:00.000Z');
    expect(problems((await examine(world)).findings)).toEqual([
      'fail states: task "backup" on node "alpha" counts its slots from 2027-01-01T00:00:00Z, which lies in the future: it does not run until then',
    ]);
  });

  test('that are due for long are warnings', async () => {
    const world = await healthyWorld();
    world.count('backup', '2026-11-20T00:00:00.000Z', '2026-11-21T00:30:00.000Z');
    expect(problems((await examine(world)).findings)).toEqual([
      'warn states: task "backup" on node "alpha" has been due since 2026-11-21T00:35:00Z',
    ]);
  });
});

describe('the runs', () => {
  test('whose runner is gone are warnings', async () => {
    const world = await healthyWorld();
    const { machineId, bootId, pidNamespace } = processIdentity();
    const here = { machine_id: machineId, pid_namespace: pidNamespace, pid_started: 'never', pid: 4_194_305 };
    const alive = { ...here, status: 'running', live_node: 'alpha' };
    insertRun(world, 'backup', { ...alive, boot_id: bootId });
    insertRun(world, 'backup', { ...alive, boot_id: 'an earlier boot' });
    expect(problems((await examine(world)).findings)).toEqual([
      'warn runs: run 1 of task "backup" counts as alive, but its runner, process 4194305, is gone',
      'warn runs: run 2 of task "backup" counts as alive, but the machine was booted since it started',
    ]);
  });

  test('that outlive their time limit by more than ten minutes are failures', async () => {
    const world = await healthyWorld();
    const alive = { status: 'running', live_node: 'alpha', machine_id: 'another', pid: 7 };
    insertRun(world, 'backup', { ...alive, deadline_at: '2026-11-21T00:46:00.000Z' });
    expect(problems((await examine(world)).findings)).toEqual([]);
    expect(problems((await examine(world, { now: Date.UTC(2026, 10, 21, 0, 57) })).findings)).toEqual([
      'fail runs: run 1 of task "backup" is alive, though its time limit passed at 2026-11-21T00:46:00Z',
    ]);
  });
});

describe('the spool', () => {
  test('with results that wait, or that nobody could record, is a warning', async () => {
    const world = await healthyWorld();
    const [{ database_id }] = world.sql('SELECT database_id FROM periodic_schema');
    const spool = join(world.folder, 'spool', database_id);
    mkdirSync(spool, { recursive: true });
    const waiting = join(spool, '00000000-0000-4000-8000-000000000001.json');
    const rejected = join(spool, '00000000-0000-4000-8000-000000000002.json.rejected');
    writeFileSync(waiting, '{}');
    writeFileSync(rejected, '{}');
    expect(problems((await examine(world)).findings)).toEqual([
      `warn spool: results that wait for the database (1): ${waiting}`,
      `warn spool: results that could not be recorded (1): ${rejected}`,
    ]);
  });
});

describe('the crontab', () => {
  test('of another database is a warning when nothing ticks this one', async () => {
    const world = await healthyWorld();
    const { findings } = await examine(world, {
      world: { ownCrontab: () => crontabFor('/srv/other.sqlite') },
    });
    expect(problems(findings)).toEqual([
      'warn crontab: the crontab of root, line 1 ticks the database /srv/other.sqlite, and no line ticks what this call looks at',
    ]);
  });

  test('of another node is no concern when a line ticks this one', async () => {
    const world = await healthyWorld();
    const second = crontabFor(world.database).replace('run_scheduled', 'run_scheduled -n beta');
    const { findings } = await examine(world, {
      world: { ownCrontab: () => crontabFor(world.database) + second },
    });
    expect(findings.filter(({ check }) => check === 'crontab').map(({ message }) => message)).toEqual([
      'the crontab of root, line 1: "*/5 * * * *" as root',
      'the crontab of root, line 2 ticks the node "beta"',
    ]);
  });

  test('that calls a script is taken at its word, unless another line ticks this database openly', async () => {
    const world = await healthyWorld();
    const script = '* * * * * /opt/tick run_scheduled -c\n';
    const messagesFor = async (crontab: string) => {
      const { findings } = await examine(world, { world: { ownCrontab: () => crontab } });
      return findings
        .filter(({ check }) => ['crontab', 'ticks'].includes(check))
        .map(({ message }) => message);
    };
    const told =
      'the crontab of root, line 1: "* * * * *" as root, by /opt/tick, which may tick this or another database';
    const last = 'node "alpha" ticked last at 2026-11-21T00:55:00Z (by the crontab)';
    expect(await messagesFor(script)).toEqual([
      told,
      last,
      'the last 5 ticks came every 5m, but the crontab promises one every 1m',
    ]);
    expect(await messagesFor(script + crontabFor(world.database))).toEqual([
      told,
      'the crontab of root, line 2: "*/5 * * * *" as root',
      last,
    ]);
  });

  test('of a user without configuration is read as cron would start it', async () => {
    const world = await healthyWorld();
    const { findings } = await examine(world, {
      world: {
        ownCrontab: () => '',
        namesIn: (folder) => (folder === '/etc/cron.d' ? ['pc'] : []),
        readText: (path) =>
          readFrom(
            {
              '/etc/passwd': 'ben:x:1234:1234::/home/ben:/bin/sh\n',
              '/etc/cron.d/pc': '* * * * * ben /opt/periodic-cron run_scheduled -c\n',
            },
            path,
          ),
      },
    });
    expect(problems(findings)).toEqual([
      'warn crontab: /etc/cron.d/pc, line 1 ticks the database /home/ben/.local/state/periodic-cron/periodic-cron.sqlite, and no line ticks what this call looks at',
    ]);
  });

  test('whose user does not own the database is a failure', async () => {
    const world = await healthyWorld();
    const { findings } = await examine(world, {
      world: {
        ownCrontab: () => '',
        fileFacts: () => ({ mode: 0o600, uid: 0, isWritable: true }),
        readText: (path) =>
          readFrom(
            {
              '/etc/passwd': 'ben:x:1234:1234::/home/ben:/bin/sh\n',
              '/etc/crontab': `* * * * * ben /opt/periodic-cron --database sqlite:${world.database} run_scheduled\n`,
            },
            path,
          ),
      },
    });
    expect(problems(findings)).toContain(
      `fail crontab: /etc/crontab, line 1: ben is not the owner of the database ${world.database}, so its ticks cannot write`,
    );
  });

  test.each([
    ['the program', '/opt/periodic-cron', 'there is no program /opt/periodic-cron'],
    ['node', 'node', 'cron does not find node, since the PATH of the line is /usr/bin:/bin'],
  ])('that does not lead to %s is a failure', async (_what, missing, message) => {
    const world = await healthyWorld();
    const { findings } = await examine(world, { world: { hasProgram: (name) => name !== missing } });
    expect(problems(findings)).toEqual([`fail crontab: the crontab of root, line 1: ${message}`]);
  });

  test.each([
    ['a wrong schedule', '*/99 * * * *', '', /^fail crontab: the crontab of root, line 1: .*99/],
    ['a wrong flag', '* * * * *', ' --paralel 2', /^fail crontab: .*unknown option '--paralel'/],
  ])('with %s is a failure', async (_what, schedule, flag, problem) => {
    const world = await healthyWorld();
    const line = crontabFor(world.database, schedule).replace('\n', `${flag}\n`);
    const { findings } = await examine(world, { world: { ownCrontab: () => line } });
    expect(problems(findings)).toEqual([expect.stringMatching(problem)]);
  });

  test.each([
    ['periodic.cron', '\n', 'cron ignores files whose name has other characters'],
    ['periodic-cron', '', 'its last line has no line break at its end'],
  ])('that cron ignores is a warning: %s', async (name, end, message) => {
    const world = await healthyWorld();
    const { findings } = await examine(world, {
      world: {
        ownCrontab: () => '',
        namesIn: (folder) => (folder === '/etc/cron.d' ? [name] : []),
        readText: (path) =>
          readFrom({ [`/etc/cron.d/${name}`]: `* * * * * root periodic-cron run_scheduled${end}` }, path),
      },
    });
    expect(problems(findings)).toEqual([expect.stringContaining(message)]);
  });
});

describe('the ticks', () => {
  test('that are missing in a crontab are a failure from the third on', async () => {
    const world = await healthyWorld();
    const at = (minute: number, second: number) => Date.UTC(2026, 10, 21, 1, minute, second);
    world.count('backup', '2026-11-20T00:00:00.000Z', '2026-11-21T01:10:00.000Z');
    expect(problems((await examine(world, { now: at(10, 0) })).findings)).toEqual([]);
    const { findings } = await examine(world, { now: at(11, 0), world: { isCronRunning: () => false } });
    expect(findings.at(-1)).toEqual({
      check: 'ticks',
      level: 'fail',
      message:
        'node "alpha" ticked last at 2026-11-21T00:55:00Z, and has missed three ticks or more since (by the crontab)',
      remedy: 'no cron daemon runs on this machine: start it, for example with "service cron start"',
    });
  });

  test('are not missed outside the hours of the crontab', async () => {
    const world = await healthyWorld();
    world.count('backup', '2026-11-20T00:00:00.000Z', '2026-11-21T07:00:00.000Z');
    const { findings } = await examine(world, {
      now: Date.UTC(2026, 10, 21, 7, 0),
      world: { ownCrontab: () => crontabFor(world.database, '*/5 0,8-17 * * *') },
    });
    expect(problems(findings)).toEqual([]);
  });

  test.each([
    {
      config: 'tick_every: 20m\n',
      rhythm: 'one every 20m, by tick_every of the configuration',
      fine: Date.UTC(2026, 10, 21, 1, 55),
      late: Date.UTC(2026, 10, 21, 1, 56),
    },
    {
      config: '',
      rhythm: 'one every 5m, as measured',
      fine: Date.UTC(2026, 10, 21, 1, 10),
      late: Date.UTC(2026, 10, 21, 1, 11),
    },
  ])('are missed where no crontab tells, $rhythm', async ({ config, rhythm, fine, late }) => {
    const world = await healthyWorld(config);
    world.sql('UPDATE periodic_task SET active = 0');
    const failuresAt = async (now: number) => {
      const { findings } = await examine(world, { now, world: { ownCrontab: () => '' } });
      return findings.filter(({ level }) => level === 'fail').map(({ message }) => message);
    };
    expect(await failuresAt(fine)).toEqual([]);
    expect(await failuresAt(late)).toEqual([
      `node "alpha" ticked last at 2026-11-21T00:55:00Z, and has missed three ticks or more since (${rhythm})`,
    ]);
  });

  test('that never came are a warning that says whether a crontab has a line', async () => {
    const world = openWorld();
    await world.call('migrate');
    await world.call('remove', 'prune_history');
    const without = await examine(world, { world: { ownCrontab: () => '' } });
    expect(without.exitCode).toBe(0);
    expect(without.findings.at(-1)).toEqual({
      check: 'ticks',
      level: 'warn',
      message:
        'node "alpha" has never ticked, and no crontab that this user may read ticks it: its tasks do not run',
      remedy: 'install the line of crontab.example with "crontab -e"',
    });
    expect((await examine(world)).findings.at(-1)?.message).toBe(
      'node "alpha" has never ticked, though a crontab ticks it',
    );
  });

  test('in another rhythm than the crontab promises are a warning', async () => {
    const world = await healthyWorld();
    const { findings } = await examine(world, {
      now: Date.UTC(2026, 10, 21, 0, 57),
      world: { ownCrontab: () => crontabFor(world.database, '* * * * *') },
    });
    expect(problems(findings)).toEqual([
      'warn ticks: the last 5 ticks came every 5m, but the crontab promises one every 1m',
    ]);
  });

  test('that never ended are a warning, unless a run of theirs is alive', async () => {
    const world = await healthyWorld();
    world.sql('UPDATE periodic_tick SET ended_at = NULL WHERE tick_no = 4');
    expect(problems((await examine(world)).findings)).toEqual([
      'warn ticks: 1 of the last 5 ticks never ended, the newest of them at 2026-11-21T00:50:00Z: killed, crashed or out of memory',
    ]);
    insertRun(world, 'backup', { status: 'running', live_node: 'alpha', machine_id: 'another' });
    expect(problems((await examine(world)).findings)).toEqual([]);
  });

  test('between which the clock went back are a warning', async () => {
    const world = await healthyWorld();
    world.sql("UPDATE periodic_tick SET tick_at = '2026-11-21T01:45:00.000Z' WHERE tick_no = 3");
    expect(problems((await examine(world)).findings)).toEqual([
      'warn ticks: the clock went back between two ticks, from 2026-11-21T01:45:00Z to 2026-11-21T00:50:00Z',
    ]);
  });

  test('in the future are a failure', async () => {
    const world = await healthyWorld();
    insertTick(world, 6, '2036-11-21T00:55:00.000Z');
    expect(problems((await examine(world)).findings)).toEqual([
      'fail ticks: node "alpha" ticked last at 2036-11-21T00:55:00Z, which lies in the future: the clock was ahead then, or is behind now',
    ]);
  });
});
