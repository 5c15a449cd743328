import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { findExecutable } from '../../src/execute/find-executable.ts';
import { carriersOf } from '../../src/execute/processes.ts';
import { openStockedWorld } from '../support/processes.ts';
import { addResourceRow } from '../support/resources.ts';

const BOUND = { timeout: 30_000 };

/** A world whose node has a name that no other one has, by which the processes of its probes are found. */
async function openProbeWorld() {
  const node = `probed-${process.pid}-${performance.now()}`;
  const world = await openStockedWorld({ node });
  const probing = () => carriersOf('PERIODIC_CRON_NODE', node);
  onTestFinished(() => {
    for (const pid of probing()) {
      process.kill(pid, 'SIGKILL');
    }
  });
  return { ...world, node, probing };
}

test('a runner that is killed leaves no look behind', async () => {
  const world = await openProbeWorld();
  addResourceRow(world, { name: 'slow', probe: 'command', target: { command: ['sleep', '300'] } });
  const runner = world.start('resource', 'probe', 'slow');
  await expect.poll(() => world.probing().length, BOUND).toBe(1);
  process.kill(runner.pid, 'SIGKILL');
  await runner.ended;
  await expect.poll(() => world.probing(), BOUND).toEqual([]);
});

// The copy of setpriv takes the real rights of root, so that a runner without them may not end what it becomes.
test.skipIf(process.getuid?.() !== 0)('a probe that nobody can end does not keep the runner', async () => {
  const world = await openProbeWorld();
  const becomeRoot = join(world.folder, 'become-root');
  copyFileSync(pathOf('setpriv'), becomeRoot);
  addResourceRow(world, {
    name: 'stuck',
    probe: 'command',
    target: { command: [becomeRoot, '--reuid=0', 'sleep', '300'] },
  });
  world.sql.exec('UPDATE periodic_resource SET timeout_s = 1');
  const nobody = 'setpriv --reuid=65534 --regid=65534 --clear-groups';
  const before = performance.now();
  const looked = await world.shell(
    `chown -R 65534 . && chown root become-root && chmod 4755 become-root && ${nobody} $PROGRAM resource probe stuck`,
  );
  expect(performance.now() - before).toBeLessThan(60_000);
  const [left] = world.probing();
  expect(looked).toMatchObject({ exitCode: 0, err: '' });
  expect(looked.out).toContain(
    `the command did not end within 1s; process ${left} is left: not permitted to end it`,
  );
});

function pathOf(program: string): string {
  const found = findExecutable(program, { path: process.env['PATH'], cwd: '/' });
  return found.kind === 'found' ? found.file : program;
}
