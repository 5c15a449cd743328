import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { type CommandWorld, openWorld } from './command-world.ts';

// Each of these starts processes of Node, which take their time on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

type SyncWorld = CommandWorld & {
  /** Writes a file of modules: what it declares, as source text. */
  readonly write: (name: string, ...declarations: readonly string[]) => string;
  readonly remove: (name: string) => void;
  /** Syncs, and returns the lines that it printed. */
  readonly sync: (...flags: readonly string[]) => Promise<readonly string[]>;
  // biome-ignore lint/suspicious/noExplicitAny: rows are compared with literals.
  readonly rows: () => any[];
};

function openSyncWorld(config = ''): SyncWorld {
  const world = openWorld(`node: alpha\nmodules:\n  folders: [modules]\n${config}`);
  const folder = join(world.folder, 'modules');
  mkdirSync(folder);
  const pathOf = (name: string): string => join(folder, name);
  return {
    ...world,
    write: (name, ...declarations) => {
      const head = "import { periodicTask } from 'periodic-cron';\n";
      writeFileSync(
        pathOf(name),
        head + declarations.map((text, index) => `export const d${index} = ${text};\n`).join(''),
      );
      return pathOf(name);
    },
    remove: (name) => rmSync(pathOf(name)),
    sync: async (...flags) => {
      const { exitCode, out, err } = await world.call('modules', 'sync', ...flags);
      return exitCode === 0 ? out.trimEnd().split('\n') : [`exit ${exitCode}`, err.trimEnd()];
    },
    rows: () =>
      world.sql(
        `SELECT name, active, schedule_kind AS kind, schedule, module, owner, gone, run_immediately AS now
         FROM periodic_task WHERE name <> 'prune_history' ORDER BY id`,
      ),
  };
}

const declare = (name: string, settings = ''): string =>
  `periodicTask({ ${settings} }, async function ${name}() {})`;

const asNode = ({ folder }: SyncWorld, node: string) => ({
  env: { HOME: folder, TZ: 'UTC', PERIODIC_CRON_NODE: node },
});

describe('modules sync', () => {
  test('makes rows of what files declare, and lists them as modules', async () => {
    const world = openSyncWorld('default_spacing: 10m\n');
    const file = world.write(
      'tasks.mjs',
      declare('cleanup', "spacing: '90s', runImmediately: true"),
      declare('report', 'spacing: 300'),
      declare('usual'),
      declare('named', "name: 'better-name', spacing: 60"),
    );
    expect(await world.sync()).toEqual([
      `+ cleanup: every 1m30s (${file})`,
      `+ report: every 5m (${file})`,
      `+ usual: every 10m (${file})`,
      `+ better-name: every 1m (${file})`,
      'done: 4 added, 0 changed, 0 gone, 0 unchanged',
    ]);
    const shared = { active: 1, kind: 'every', owner: `modules:${file}`, gone: 0 };
    expect(world.rows()).toEqual([
      { ...shared, name: 'cleanup', module: 'cleanup', schedule: '1m30s', now: 1 },
      { ...shared, name: 'report', module: 'report', schedule: '5m', now: 0 },
      { ...shared, name: 'usual', module: 'usual', schedule: '10m', now: 0 },
      { ...shared, name: 'better-name', module: 'better-name', schedule: '1m', now: 0 },
    ]);
    expect(
      world.sql(
        "SELECT node FROM periodic_task_node n JOIN periodic_task t ON t.id = n.task_id WHERE t.name = 'report'",
      ),
    ).toEqual([{ node: 'alpha' }]);
    expect(await world.sync()).toEqual(['nothing to do: 4 as their files say']);
    expect((await world.call('modules', 'show', 'report')).out).toContain('declared     every 5m\n');
  });

  test('does not schedule what is negative or not enabled, and says why', async () => {
    const world = openSyncWorld();
    world.write(
      'tasks.mjs',
      declare('negative', 'spacing: -60, runImmediately: true'),
      declare('off', 'spacing: 60, enabled: false'),
    );
    expect((await world.sync()).slice(2)).toEqual([
      '  negative: not scheduled: its spacing is negative',
      '  off: not scheduled: its code says enabled: false',
      'done: 2 added, 0 changed, 0 gone, 0 unchanged',
    ]);
    expect(world.rows()).toMatchObject([
      { name: 'negative', active: 1, schedule: '-1m', now: 0 },
      { name: 'off', active: 1, schedule: '-1m', now: 0 },
    ]);
    expect((await world.call('set', 'off', '--order', '3')).out).toMatch(
      /a negative period is never \(\S+tasks\.mjs declares it with enabled: false or a negative spacing\)/,
    );
    const { notScheduled, changes, applied } = JSON.parse(
      (await world.call('modules', 'sync', '--json')).out,
    );
    expect({ notScheduled, changes, applied }).toEqual({
      notScheduled: [
        { task: 'negative', reason: 'its spacing is negative' },
        { task: 'off', reason: 'its code says enabled: false' },
      ],
      changes: [],
      applied: true,
    });
  });

  test('changes what the code changed, and leaves what an operator set', async () => {
    const world = openSyncWorld();
    world.write('tasks.mjs', declare('report', 'spacing: 300'), declare('other', 'spacing: 60'));
    await world.sync();
    await world.call('disable', 'other');
    await world.call('set', 'report', '--timeout', '30s', '--tag', 'mine');
    world.write(
      'tasks.mjs',
      declare('report', 'spacing: 600'),
      declare('other', 'spacing: 60, enabled: false'),
    );
    expect(await world.sync('--plan')).toEqual([
      '~ report: every 5m -> every 10m',
      '~ other: every 1m -> every -1m',
      '  other: not scheduled: its code says enabled: false',
      'would be: 0 added, 2 changed, 0 gone, 0 unchanged',
    ]);
    expect(world.rows()).toMatchObject([{ schedule: '5m' }, { schedule: '1m', active: 0 }]);
    await world.sync();
    expect(world.rows()).toMatchObject([
      { schedule: '10m', active: 1 },
      { schedule: '-1m', active: 0 },
    ]);
    world.write('tasks.mjs', declare('report', 'spacing: 600'), declare('other', 'spacing: 60'));
    await world.sync();
    expect(world.rows()).toMatchObject([{ active: 1 }, { schedule: '1m', active: 0 }]);
    expect(world.sql("SELECT timeout_s FROM periodic_task WHERE name = 'report'")).toEqual([
      { timeout_s: 30 },
    ]);
  });

  test('disables and marks what is gone, and takes that back', async () => {
    const world = openSyncWorld();
    world.write('tasks.mjs', declare('report', 'spacing: 300'), declare('other', 'spacing: 60'));
    await world.sync();
    world.write('tasks.mjs', declare('report', 'spacing: 300'));
    expect(await world.sync()).toEqual([
      '- other: disabled: no file declares it any more',
      'done: 0 added, 0 changed, 1 gone, 1 unchanged',
    ]);
    expect(world.rows()).toMatchObject([
      { gone: 0, active: 1 },
      { gone: 1, active: 0 },
    ]);
    expect((await world.call('show', 'other')).out).toMatch(
      /made by +modules:\S+, gone: its file does not declare it any more\n/,
    );
    expect(await world.sync()).toEqual(['nothing to do: 1 as its file says']);
    const why = /the task is gone: \S+tasks\.mjs does not declare it any more/;
    expect((await world.call('list')).out).toMatch(/^no .* other .* gone$/m);
    expect((await world.call('list')).out).toMatch(why);
    expect((await world.call('explain', 'other')).out).toMatch(
      /expected one that is declared, got "other", which \S+tasks\.mjs does not declare any more/,
    );
    expect((await world.call('doctor')).out).toMatch(why);
    world.write('tasks.mjs', declare('report', 'spacing: 300'), declare('other', 'spacing: 120'));
    expect(await world.sync()).toEqual([
      '~ other: enabled: its file declares it again, every 1m -> every 2m',
      'done: 0 added, 1 changed, 0 gone, 1 unchanged',
    ]);
    expect(world.rows()).toMatchObject([{ gone: 0 }, { gone: 0, active: 1, schedule: '2m' }]);
    expect(world.sql("SELECT DISTINCT actor FROM periodic_audit WHERE task_name = 'other'")).toEqual([
      { actor: expect.not.stringMatching(/^outside$/) },
    ]);
  });

  test('follows code that moved to another file', async () => {
    const world = openSyncWorld();
    const from = world.write('one.mjs', declare('report', 'spacing: 300'));
    await world.sync();
    const to = join(world.folder, 'modules', 'two.mjs');
    renameSync(from, to);
    expect((await world.sync())[0]).toBe(`~ report: file ${from} -> ${to}`);
    expect(world.rows()).toMatchObject([{ owner: `modules:${to}`, active: 1 }]);
  });

  test('of files on several nodes adds each node, and takes only its own away', async () => {
    const world = openSyncWorld();
    world.write('tasks.mjs', declare('report', 'spacing: 300'));
    const nodes = () =>
      world
        .sql(
          'SELECT node FROM periodic_task_node n JOIN periodic_task t ON t.id = n.task_id WHERE owner IS NOT NULL ORDER BY node',
        )
        .map(({ node }) => node);
    const asBeta = () => world.callAs(asNode(world, 'beta'), 'modules', 'sync');
    await world.sync();
    expect((await asBeta()).out).toContain('~ report: node beta added\n');
    expect(nodes()).toEqual(['alpha', 'beta']);
    world.remove('tasks.mjs');
    expect((await asBeta()).out).toContain('- report: node beta removed: no file declares it here\n');
    expect(nodes()).toEqual(['alpha']);
    expect(world.rows()).toMatchObject([{ active: 1, gone: 0 }]);
    // What belongs to other nodes alone is none of this one's business.
    expect((await asBeta()).out).toBe('nothing to do: 0 as their files say\n');
  });

  test('names every fault at once, and writes nothing', async () => {
    const world = openSyncWorld();
    world.write('fine.mjs', declare('fine', 'spacing: 60'));
    world.write('one.mjs', declare('twice', 'spacing: 60'));
    world.write('two.mjs', declare('twice', 'spacing: 90'));
    world.write('wrong.mjs', 'periodicTask({ spacing: 60 }, async () => {})');
    world.write('own.mjs', declare('backup', 'spacing: 60'), declare('child', 'spacing: 60'));
    await world.call('add', 'backup', '--module', 'command', '-o', 'argv=["true"]', '--every', '1h');
    await world.call('add', 'child', '--module', 'command', '-o', 'argv=["true"]', '--ticks', '9');
    world.sql("UPDATE periodic_task SET owner = 'task:parent' WHERE name = 'child'");
    const [exit, message] = await world.sync();
    expect(exit).toBe('exit 2');
    expect(message).toContain('periodicTask: expected a name, or a function that has one, got neither');
    expect(message).toMatch(/twice: expected one module "twice", got 2: \S+one\.mjs, \S+two\.mjs/);
    expect(message).toContain(
      'backup: expected a new name or a task of its file, got that of a task that belongs to an operator',
    );
    expect(message).toContain(
      'child: expected a new name or a task of its file, got that of a task that belongs to task:parent',
    );
    expect(world.rows().map(({ name }) => name)).toEqual(['backup', 'child']);
  });

  test('never takes a file that does not load for one that declares nothing', async () => {
    const world = openSyncWorld();
    world.write('tasks.mjs', declare('report', 'spacing: 300'));
    await world.sync();
    world.write('tasks.mjs', '{');
    expect((await world.sync())[0]).toBe('exit 2');
    expect(world.rows()).toMatchObject([{ active: 1, gone: 0 }]);
  });

  test('refuses a configuration that names no modules any more, where tasks would go', async () => {
    const world = openSyncWorld();
    const file = join(world.folder, 'periodic-cron.yaml');
    writeFileSync(file, 'node: alpha\n');
    await world.call('migrate');
    expect(await world.sync()).toEqual(['nothing to do: 0 as their files say']);
    writeFileSync(file, 'node: alpha\nmodules:\n  folders: [modules]\n');
    world.write('tasks.mjs', declare('report', 'spacing: 300'), declare('other', 'spacing: 60'));
    await world.sync();
    writeFileSync(file, 'node: alpha\n');
    const refused = [
      'exit 2',
      `periodic-cron: modules sync: expected folders or packages of modules, got none in ${file}: 2 tasks that files declared would go from node alpha; name them under "modules", or say what becomes of the tasks with "periodic-cron set NAME -n …" or "periodic-cron remove NAME"`,
    ];
    expect(await world.sync('--plan')).toEqual(refused);
    expect(await world.sync()).toEqual(refused);
    expect(world.rows()).toMatchObject([
      { active: 1, gone: 0 },
      { active: 1, gone: 0 },
    ]);
    rmSync(file);
    expect((await world.callAs(asNode(world, 'alpha'), 'modules', 'sync')).err).toContain(
      'got no configuration file: 2 tasks that files declared would go from node alpha',
    );
  });

  test('leaves a task of all nodes that its file is missing for on one of several', async () => {
    const world = openSyncWorld();
    world.write('tasks.mjs', declare('report', 'spacing: 300'));
    await world.sync();
    await world.call('set', 'report', '-n', '*');
    world.sql("INSERT INTO periodic_node (name) VALUES ('alpha'), ('beta')");
    world.write('tasks.mjs', declare('other', 'spacing: 60'));
    const left =
      'no file declares it on node alpha, but it is on every node ("*"): name the nodes that have its file with "periodic-cron set report -n …", or end it with "periodic-cron remove report"';
    const first = (await world.sync('--plan')).slice(1);
    expect(first).toEqual([
      `  report: left as it is: ${left}`,
      'would be: 1 added, 0 changed, 0 gone, 0 unchanged',
    ]);
    expect((await world.sync())[1]).toBe(`  report: left as it is: ${left}`);
    expect(world.rows()[0]).toMatchObject({ name: 'report', active: 1, gone: 0 });
    const { changes, left: told } = JSON.parse((await world.call('modules', 'sync', '--json')).out);
    expect({ changes, told }).toEqual({ changes: [], told: [{ task: 'report', reason: left }] });
    world.sql("DELETE FROM periodic_node WHERE name = 'beta'");
    expect((await world.sync())[0]).toBe('- report: disabled: no file declares it any more');
    expect(world.rows()[0]).toMatchObject({ name: 'report', active: 0, gone: 1 });
    expect(await world.sync()).toEqual(['nothing to do: 1 as its file says']);
  });

  test('refuses a spacing that does not go with what an operator set, and writes nothing', async () => {
    const world = openSyncWorld();
    world.write('tasks.mjs', declare('report', 'spacing: 300'), declare('other', 'spacing: 60'));
    await world.sync();
    await world.call('set', 'report', '--backoff', 'on_failure', '--max-period', '10m');
    world.write(
      'tasks.mjs',
      declare('report', 'spacing: 3600'),
      declare('other', 'spacing: 90'),
      declare('fresh', 'spacing: 60'),
    );
    const refused = [
      'exit 2',
      'periodic-cron: modules sync: report.max_period: expected at least the period (1h), got 10m',
    ];
    expect(await world.sync('--plan')).toEqual(refused);
    expect(await world.sync()).toEqual(refused);
    expect(world.rows()).toMatchObject([
      { name: 'report', schedule: '5m' },
      { name: 'other', schedule: '1m' },
    ]);
    await world.call('set', 'report', '--max-period', '2h');
    expect((await world.sync()).at(-1)).toBe('done: 1 added, 2 changed, 0 gone, 0 unchanged');
  });

  test('stops a task with a first slot, and gives it none when it runs again', async () => {
    const world = openSyncWorld();
    world.write('tasks.mjs', declare('report', 'spacing: 60, runImmediately: true'));
    await world.sync();
    world.write('tasks.mjs', declare('report', 'spacing: 60, runImmediately: true, enabled: false'));
    expect((await world.sync())[0]).toBe('~ report: every 1m -> every -1m, no first slot any more');
    expect(world.rows()).toMatchObject([{ schedule: '-1m', now: 0 }]);
    world.write('tasks.mjs', declare('report', 'spacing: 60, runImmediately: true'));
    expect((await world.sync())[0]).toBe('~ report: every -1m -> every 1m');
    expect(world.rows()).toMatchObject([{ schedule: '1m', now: 0 }]);
  });

  test('warns of a file that holds no module any more, whose tasks go', async () => {
    const world = openSyncWorld();
    const file = world.write('tasks.mjs', declare('report', 'spacing: 300'), declare('other', 'spacing: 60'));
    await world.sync();
    writeFileSync(join(world.folder, 'modules', 'never-held-one.mjs'), '');
    writeFileSync(file, '');
    const warning = `! ${file} holds no module any more, and declared report, other: if it is not whole, put it right and sync again`;
    expect((await world.sync('--plan'))[0]).toBe(warning);
    expect(JSON.parse((await world.call('modules', 'sync', '--plan', '--json')).out).emptyFiles).toEqual([
      { file, tasks: ['report', 'other'] },
    ]);
    expect(await world.sync()).toEqual([
      warning,
      '- report: disabled: no file declares it any more',
      '- other: disabled: no file declares it any more',
      'done: 0 added, 0 changed, 2 gone, 0 unchanged',
    ]);
    expect(await world.sync()).toEqual(['nothing to do: 0 as their files say']);
  });

  test('takes a task that was renamed in code for a new one', async () => {
    const world = openSyncWorld();
    const file = world.write('tasks.mjs', declare('report', 'spacing: 300'));
    await world.sync();
    world.write('tasks.mjs', declare('summary', 'spacing: 300'));
    expect((await world.sync()).slice(0, 2)).toEqual([
      `+ summary: every 5m (${file})`,
      '- report: disabled: no file declares it any more',
    ]);
  });

  test('with --plan writes nothing, and needs a database to compare with', async () => {
    const world = openSyncWorld();
    world.write('tasks.mjs', declare('report', 'spacing: 300'));
    expect((await world.sync('--plan'))[1]).toContain('there is no database');
    await world.call('add', 'other', '--module', 'command', '-o', 'argv=["true"]', '--manual');
    expect((await world.sync('--plan')).at(-1)).toBe('would be: 1 added, 0 changed, 0 gone, 0 unchanged');
    expect(world.rows().map(({ name }) => name)).toEqual(['other']);
  });
});
