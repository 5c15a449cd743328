import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { packageRoot } from '../../src/store/package-root.ts';
import { reachableEngines } from '../support/engines.ts';
import {
  commandColumns,
  openNodeBeside,
  openStockedWorld,
  type ProgramEnd,
  type ProgramWorld,
  processesOfRun,
} from '../support/processes.ts';
import type { Operator } from '../support/virtual-database.ts';

const BOUND = { timeout: 60_000 };
const TERMINAL = join(packageRoot(), 'test', 'support', 'on-terminal.py');

const CLEAR_LINE = '\r\u001b[K';

type World = ProgramWorld & Operator;

type Typing = { readonly prompt?: string; readonly answer?: string; readonly columns?: number };

/** Calls the program on a terminal of its own; `out` is what that showed. */
function onTerminal(
  { shell }: ProgramWorld,
  words: string,
  { prompt = '', answer = '', columns = 60 }: Typing = {},
): Promise<ProgramEnd> {
  return shell(`exec python3 '${TERMINAL}' ${columns} '${prompt}' '${answer}' $PROGRAM ${words}`);
}

/** By hand only: what no slot makes due. */
const BY_HAND = { run_immediately: 0 };

function addCommand(world: World, name: string, script: string, columns: Record<string, number> = {}): void {
  world.addTask({ name, columns: commandColumns(['sh', '-c', script], { ...BY_HAND, ...columns }) });
}

const STEPS = `
import { existsSync } from 'node:fs';
const moment = () => new Promise((resolve) => setTimeout(resolve, 20));
export const steps = {
  id: 'steps',
  description: 'Goes on from each step when the file of that step is there.',
  async run(options, context) {
    for (const step of [1, 2, 3]) {
      context.progress(step, 4);
      while (!existsSync('step ' + step)) await moment();
      console.log('done with ' + step);
    }
  },
};`;

async function openStepsWorld(): Promise<World & { readonly letGo: (step: number) => void }> {
  const world = await openStockedWorld({ modules: { folders: ['modules'] } });
  mkdirSync(join(world.folder, 'modules'));
  mkdirSync(join(world.folder, 'node_modules'));
  symlinkSync(packageRoot(), join(world.folder, 'node_modules', 'periodic-cron'));
  writeFileSync(join(world.folder, 'modules', 'steps.mjs'), STEPS);
  const manual = { schedule_kind: 'manual', schedule: '' };
  world.addTask({ name: 'long', columns: { module: 'steps', ...manual } });
  return { ...world, letGo: (step) => writeFileSync(join(world.folder, `step ${step}`), '') };
}

describe('the progress of a task', () => {
  test('is a bar on a terminal that makes way for the output, and is gone at the end', async () => {
    const world = await openStepsWorld();
    const running = onTerminal(world, 'run_manually -t long --no-color', { columns: 50 });
    const progress = () => world.runRows()[0]?.['progress_done'];
    for (const step of [1, 2, 3]) {
      await expect.poll(progress, BOUND).toBe(step);
      world.letGo(step);
    }
    const { exitCode, out } = await running;
    expect(exitCode).toBe(0);
    const lines = out.split(CLEAR_LINE).flatMap((part) => part.split('\r\n'));
    for (const [percent, count] of [
      [25, 1],
      [50, 2],
      [75, 3],
    ]) {
      expect(lines).toContainEqual(
        expect.stringMatching(new RegExp(`^long {2}${percent} % \\[=+ +\\] ${count}/4$`)),
      );
    }
    // Every line that stays was begun on a line of its own.
    for (const line of ['done with 1', 'done with 2', 'done with 3']) {
      expect(lines).toContain(line);
    }
    expect(out.split(CLEAR_LINE).at(-1)).toMatch(/^succeeded {2}"long", by hand in \d+ ms\r\n$/);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(50);
  });

  test('is shown by list in another terminal, and is nothing without a terminal or with --json', async () => {
    const world = await openStepsWorld();
    const running = world.start('run_manually', '-t', 'long');
    world.letGo(1);
    await expect.poll(() => world.runRows()[0]?.['progress_done'], BOUND).toBe(2);
    expect((await world.call('list')).out).toContain('running 50 %');
    expect((await world.call('history')).out).toContain('running 50 %');
    world.letGo(2);
    world.letGo(3);
    const { exitCode, out, err } = await running.ended;
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    expect(out).toMatch(/^done with 1\ndone with 2\ndone with 3\nsucceeded {2}"long", by hand in \d+ ms\n$/);
    const json = await onTerminal(world, 'run_manually -t long --json');
    expect(JSON.parse(json.out)).toMatchObject({
      runs: [{ task: 'long', status: 'succeeded', warning: null }],
    });
  });
});

test('output is shown as it comes, before the task has ended', async () => {
  const world = await openStockedWorld();
  addCommand(world, 'talks', `echo first; while [ ! -e go ]; do sleep 0.05; done; echo last`, {});
  const line = `cd '${world.folder}'; $PROGRAM run_manually -t talks | { read line; echo "seen $line"; touch go; cat; }`;
  world.changeTask('talks', {
    options: JSON.stringify({
      argv: ['sh', '-c', 'echo first; while [ ! -e go ]; do sleep 0.05; done; echo last'],
      cwd: world.folder,
    }),
  });
  const { exitCode, out } = await world.shell(line);
  expect(exitCode).toBe(0);
  expect(out).toMatch(/^seen first\nlast\nsucceeded /);
});

describe.each(reachableEngines())('cancel, on %s', (engine) => {
  test.each([
    ['that a tick started', 'run_scheduled', '-c'],
    ['that a hand started', 'run_manually', '-t slow'],
  ])(
    'ends a run %s on another node, with all of its processes, and no other attempt follows',
    async (_t, command, words) => {
      const world = await openStockedWorld({}, engine);
      addCommand(world, 'slow', 'sleep 300 & setsid sleep 300 & wait', {
        run_immediately: 1,
        retry_limit: 3,
        kill_grace_s: 2,
      });
      const beta = openNodeBeside(world, 'beta');
      const runner = world.start(command, ...words.split(' '));
      await expect.poll(() => processesOfRun(world).length, BOUND).toBe(3);
      const id = Number(world.runRows()[0]?.['id']);

      const { exitCode, out, err } = await beta.call('cancel', String(id));
      expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
      expect(out).toMatch(
        new RegExp(`^run ${id} of task "slow" \\(.*\\) has ended: cancelled at .*Z, by the operator\\n$`),
      );
      expect(await runner.ended).toMatchObject({ exitCode: 1, signal: null });
      expect(processesOfRun(world)).toEqual([]);
      expect(world.runRows()).toMatchObject([{ status: 'cancelled', reason: 'operator' }]);
      expect(world.stateRow('slow')).toMatchObject({ retry_at: null, failures: 0 });
      expect(await beta.call('cancel', String(id))).toMatchObject({ exitCode: 5, out: '' });
    },
  );

  test('and rerun, of the run that was cancelled', async () => {
    const world = await openStockedWorld({}, engine);
    addCommand(world, 'slow', '[ "$PERIODIC_CRON_ATTEMPT" = 2 ] || sleep 300; echo "$PERIODIC_CRON_SLOT"', {
      run_immediately: 1,
    });
    const runner = world.start('run_scheduled', '-c');
    await expect.poll(() => processesOfRun(world).length, BOUND).toBe(2);
    const id = String(world.runRows()[0]?.['id']);
    expect(await world.call('rerun', id)).toMatchObject({ exitCode: 1, out: '' });
    await world.call('cancel', id, '--wait', '1m');
    await runner.ended;
    const { exitCode, out } = await world.call('rerun', id);
    expect(exitCode).toBe(0);
    expect(out).toMatch(/^2024-01-01T00:00:00\.000Z\nsucceeded {2}"slow", slot .*, attempt 2 in /);
    expect(world.ledger()).toEqual([
      'slow 2024-01-01T00:00 cancelled (operator)',
      'slow 2024-01-01T00:00 #2 succeeded',
    ]);
  });
});

test('cancel of a run whose runner was killed says so, and the next tick records it as lost', async () => {
  const world = await openStockedWorld();
  addCommand(world, 'slow', 'sleep 300');
  const runner = world.start('run_manually', '-t', 'slow');
  await expect.poll(() => processesOfRun(world).length, BOUND).toBeGreaterThan(0);
  process.kill(runner.pid, 'SIGKILL');
  await runner.ended;
  const id = String(world.runRows()[0]?.['id']);
  const { exitCode, err } = await world.call('cancel', id, '--wait', '1s');
  expect(exitCode).toBe(1);
  expect(err).toContain(
    'If its runner on node "alpha" is gone, the next tick of that node records the run as lost',
  );
  await world.call('run_scheduled', '-c');
  expect(world.runRows()).toMatchObject([{ status: 'lost', cancel_requested: 'operator' }]);
  expect(processesOfRun(world)).toEqual([]);
});

describe('a confirmation on a terminal', () => {
  const PROMPT = 'to run it: ';

  async function openDangerWorld(): Promise<World> {
    const world = await openStockedWorld();
    addCommand(world, 'danger', 'echo bang', { confirmation: 1 });
    return world;
  }

  test('is given by yes, after what is about to run was shown', async () => {
    const world = await openDangerWorld();
    const { exitCode, out } = await onTerminal(world, 'run_manually -t danger', {
      prompt: PROMPT,
      answer: 'yes\\n',
      columns: 100,
    });
    expect(exitCode).toBe(0);
    expect(out).toContain('danger (id ');
    expect(out).toContain('argv=["sh","-c","echo bang"]');
    expect(out).toMatch(/to run it: yes\r\nbang\r\nsucceeded {2}"danger", by hand in \d+ ms\r\n$/);
    expect(world.runRows()).toMatchObject([
      { status: 'succeeded', message: expect.stringMatching(/^confirmed by \w+/) },
    ]);
  });

  test.each([
    ['no', 'no\\n', 1, 'not confirmed: answered "no"'],
    ['y', 'y\\n', 1, 'not confirmed: answered "y"'],
    ['the end of the input', '\\x04', 1, 'not confirmed: the input ended without an answer'],
    ['Ctrl-C', '\\x03', 130, 'not confirmed: interrupted'],
  ])('is refused by %s, which is recorded', async (_title, answer, exitCode, message) => {
    const world = await openDangerWorld();
    const end = await onTerminal(world, 'run_manually -t danger', { prompt: PROMPT, answer });
    expect(end.exitCode).toBe(exitCode);
    expect(end.out).not.toContain('bang\r\n');
    expect(end.out).toContain(`periodic-cron: task "danger": ${message}\r\n`);
    expect(world.ledger()).toEqual(['danger manual cancelled (not confirmed)']);
    expect(world.runRows()).toMatchObject([{ message }]);
  });

  test('is refused by a terminal that is closed, which is recorded', async () => {
    const world = await openDangerWorld();
    const { exitCode } = await onTerminal(world, 'run_manually -t danger', {
      prompt: PROMPT,
      answer: 'close',
    });
    expect(exitCode).not.toBe(0);
    expect(world.ledger()).toEqual(['danger manual cancelled (not confirmed)']);
  });

  test('is asked for before each of several tasks, and for a rerun', async () => {
    const world = await openDangerWorld();
    addCommand(world, 'plain', 'echo pop');
    addCommand(world, 'risk', 'echo crack', { confirmation: 1 });
    const both = await onTerminal(world, 'run_manually -t danger -t risk', {
      prompt: PROMPT,
      answer: 'yes\\n|yes\\n',
    });
    expect(both.exitCode).toBe(0);
    const ahead = await onTerminal(world, 'run_manually -t danger -t risk', {
      prompt: PROMPT,
      answer: 'yes\\nyes\\n|no\\n',
    });
    expect(ahead.exitCode).toBe(1);
    expect(ahead.out).toMatch(
      /\r\nbang\r\n(.|[\r\n])*not confirmed: answered "no"\r\n2 tasks: 1 done, 0 failed, 1 refused/,
    );
    expect(both.out).toMatch(/\r\nbang\r\n(.|[\r\n])*\r\ncrack\r\n(.|[\r\n])*2 tasks: 2 done/);
    const { exitCode, out } = await onTerminal(world, 'run_manually -t danger -t plain', {
      prompt: PROMPT,
      answer: 'no\\n',
    });
    expect(exitCode).toBe(1);
    expect(out).toMatch(/\r\npop\r\nsucceeded .*\r\n2 tasks: 1 done, 0 failed, 1 refused\r\n$/);
    world.changeTask('danger', { confirmation: 0, run_immediately: 1 });
    world.sql.exec("UPDATE periodic_task_state SET first_slot = counted_from, earliest_start = ''");
    await world.call('run_scheduled', '-c');
    world.changeTask('danger', { confirmation: 1, run_immediately: 0 });
    const id = world.runRows().find(({ slot }) => slot !== null)?.['id'];
    const rerun = await onTerminal(world, `rerun ${id}`, { prompt: PROMPT, answer: 'yes\\n' });
    expect(rerun.exitCode).toBe(0);
    expect(rerun.out).toContain(`as run ${id}`);
  });

  test('is refused at once without a terminal', async () => {
    const world = await openDangerWorld();
    expect(await world.call('run_manually', '-t', 'danger')).toEqual({
      exitCode: 1,
      signal: null,
      out: '',
      err: 'periodic-cron: task "danger": not confirmed: there is no terminal to ask on, and no --confirm\n',
    });
    expect((await world.call('run_manually', '-t', 'danger', '--confirm')).out).toContain('bang\n');
  });
});
