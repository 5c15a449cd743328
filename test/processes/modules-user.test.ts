import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { moduleSource, openModuleWorld } from '../support/module-world.ts';

const WHO = `
import { readFileSync } from 'node:fs';
${moduleSource(
  'who',
  `const ids = (name) => readFileSync('/proc/self/status', 'utf8').match(new RegExp('^' + name + ':\\\\s*(.*)$', 'm'))[1].trim().split(/\\s+/);
   const { HOME, USER, LOGNAME, SHELL, PATH, OF_THE_RUNNER } = process.env;
   await context.counters.increment('seen');
   return { uid: ids('Uid'), gid: ids('Gid'), groups: ids('Groups'), cwd: process.cwd(), pid: process.pid,
     env: { HOME, USER, LOGNAME, SHELL, PATH, OF_THE_RUNNER } };`,
)}`;

const isRoot = process.getuid?.() === 0;

// Only root may change users.
describe.runIf(isRoot)('a module of another user', () => {
  test('has that user, its groups and a clean environment, and talks with the runner all the same', async () => {
    const world = await openModuleWorld(WHO);
    world.addRun('first', 'who', { run_user: 'games' });
    world.addRun('second', 'who', { run_user: 'games' });
    const { out } = await world.shell(
      'OF_THE_RUNNER=secret $PROGRAM run_scheduled -c; id -u games; id -g games',
    );
    const [uid, gid] = out.trim().split('\n');
    const results = world.told().map(({ result }) => result as { pid: number });
    expect(results[0]).toMatchObject({
      uid: [uid, uid, uid, uid],
      gid: [gid, gid, gid, gid],
      groups: [gid],
      env: { USER: 'games', LOGNAME: 'games', PATH: '/usr/local/bin:/usr/bin:/bin' },
    });
    expect(results[0]).not.toHaveProperty('env.OF_THE_RUNNER');
    expect(results[1]?.pid).toBe(results[0]?.pid);
    expect(world.sql.prepare('SELECT name, value FROM periodic_counter').all()).toEqual([
      { name: 'seen', value: 2 },
    ]);
  });

  test('is refused when that user may not read its file', async () => {
    const world = await openModuleWorld(WHO);
    chmodSync(join(world.folder, 'modules'), 0o700);
    world.addRun('first', 'who', { run_user: 'nobody' });
    const [run] = await world.runs();
    expect(run).toMatchObject({
      status: 'failed',
      message: `run_user: expected files that user "nobody" may read, got ${join(world.folder, 'modules', 'modules.mjs')}`,
      output: '',
    });
  });

  test('is refused when there is no such user', async () => {
    const world = await openModuleWorld(WHO);
    world.addRun('first', 'who', { run_user: 'nosuchuser' });
    const [run] = await world.runs();
    expect(run?.message).toContain('run_user: expected a user of this machine, got "nosuchuser"');
  });

  test('is refused when the runner is not root', async () => {
    const world = await openModuleWorld(WHO);
    world.addRun('first', 'who', { run_user: 'games' });
    await world.shell(`chown -R nobody . && setpriv --reuid=65534 --clear-groups $PROGRAM run_scheduled -c`);
    const [run] = world.told();
    expect(run?.message).toMatch(
      /^run_user: this runner may not run anything as user "games": it is user nobody/,
    );
  });

  test('is refused for root without the capability to change users', async () => {
    const world = await openModuleWorld(WHO);
    world.addRun('first', 'who', { run_user: 'games' });
    await world.shell('setpriv --bounding-set=-setuid --inh-caps=-setuid $PROGRAM run_scheduled -c');
    const [run] = world.told();
    expect(run).toMatchObject({ status: 'failed', result: null });
    expect(run?.message).toContain('it is root without the capabilities CAP_SETUID and CAP_SETGID');
  });

  test('in an endless loop is ended at its time limit', async () => {
    const world = await openModuleWorld(moduleSource('loops', 'for (;;) {}'));
    world.addRun('first', 'loops', { run_user: 'games', timeout_s: 2, kill_grace_s: 1 });
    expect(await world.runs()).toMatchObject([{ status: 'timed_out' }]);
  });
});
