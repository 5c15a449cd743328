import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { moduleSource, openModuleWorld } from '../support/module-world.ts';

function names({
  sql,
}: {
  readonly sql: { prepare: (text: string) => { pluck: () => { all: () => unknown[] } } };
}) {
  return sql
    .prepare("SELECT name FROM periodic_task WHERE name <> 'prune_history' ORDER BY id")
    .pluck()
    .all();
}

const PLANS = `
import { z } from 'zod';
export const plans = {
  id: 'plans',
  description: 'plans',
  options: z.strictObject({ step: z.number().optional() }),
  async run({ step }, context) {
    if (step === 2) {
      return 'second';
    }
    await context.schedule({ name: 'follow-up', options: { step: 2 }, after: 0 });
    const at = new Date(Date.now() + 3_600_000);
    await context.schedule({ name: 'much-later', module: 'command', options: { argv: ['true'] }, at });
    const refused = [];
    for (const wrong of [
      { name: 'plans', after: 1 }, { name: 'x', module: 'command', after: 1 }, { name: 'x', module: 'nosuch', after: 1 },
    ]) {
      await context.schedule(wrong).catch((error) => refused.push(error.message));
    }
    return { running: await context.isRunning(context.task.name), refused };
  },
};
`;

describe('a module of a child process', () => {
  test('schedules one-shots, which run, are seen in the list, and are gone when they are done', async () => {
    const world = await openModuleWorld(PLANS);
    world.addRun('plans', 'plans');
    const [first] = await world.runs();
    expect(first).toMatchObject({ status: 'succeeded', result: { running: true } });
    const { refused } = (first?.result ?? {}) as { readonly refused?: readonly string[] };
    expect(refused).toEqual([
      expect.stringContaining('which is no one-shot'),
      expect.stringContaining('options: expected command or argv, got neither'),
      expect.stringContaining('module: '),
    ]);
    expect(names(world)).toEqual(['plans', 'follow-up', 'much-later']);
    const { out } = await world.shell('$PROGRAM list');
    expect(out).toContain('follow-up');
    expect(out).toContain('much-later');
    const runs = await world.runs();
    expect(runs.map(({ task, status, result }) => [task, status, result]).at(-1)).toEqual([
      'follow-up',
      'succeeded',
      'second',
    ]);
    expect(names(world)).toEqual(['plans', 'much-later']);
    expect((await world.shell('$PROGRAM history follow-up')).out).toContain('succeeded');
  });

  test('runs what a file declares, as modules sync made rows of it', async () => {
    const world = await openModuleWorld(`
      import { periodicTask } from 'periodic-cron';
      export const beat = periodicTask({ spacing: '1m', runImmediately: true }, async function beat({ task, state }) {
        state.set((state.get() ?? 0) + 1);
        return task.name;
      });
    `);
    expect((await world.shell('$PROGRAM modules sync')).out).toContain('+ beat: every 1m (');
    expect(await world.runs()).toMatchObject([{ task: 'beat', status: 'succeeded', result: 'beat' }]);
    writeFileSync(join(world.folder, 'modules', 'modules.mjs'), 'export const nothing = 1;\n');
    expect((await world.shell('$PROGRAM modules sync')).out).toContain('- beat: disabled: ');
    expect((await world.shell('$PROGRAM list --all --json')).out).toContain('"beat"');
  });
});

test('a command script keeps a state, schedules and postpones by its report', async () => {
  const world = await openModuleWorld(moduleSource('nothing', ''));
  const script = join(world.folder, 'script.sh');
  writeFileSync(
    script,
    `#!/bin/sh
state=$((\${PERIODIC_CRON_STATE:-0} + 1))
echo "{\\"state\\": $state}" >&3
[ $state -gt 1 ] && exit 0
echo '{"schedule": {"name": "again", "options": {"argv": ["echo", "again"]}, "after": 0, "replace": true}}' >&3
echo '{"postpone": "slow"}' >&3
echo '{"postpone": "nosuch"}' >&3
`,
    { mode: 0o755 },
  );
  world.addTask({
    name: 'slow',
    columns: { module: 'command', options: '{"argv":["true"]}', schedule: '7d' },
  });
  world.addRun('script', 'command', {
    options: JSON.stringify({ argv: [script] }),
    schedule_kind: 'ticks',
    schedule: '0 repeat',
    run_immediately: 0,
  });
  const first = (await world.runs()).find(({ task }) => task === 'script');
  expect(first).toMatchObject({
    status: 'succeeded',
    output: expect.stringMatching(/^\[report line 4 refused: there is no task "nosuch".*\]\n$/),
  });
  expect(world.stateRow('script')).toMatchObject({ module_state: '1' });
  expect(names(world)).toEqual(['slow', 'script', 'again']);
  const runs = await world.runs();
  expect(runs.filter(({ task }) => task === 'again')).toMatchObject([
    { status: 'succeeded', output: 'again\n' },
  ]);
  expect(world.stateRow('script')).toMatchObject({ module_state: '2' });
  expect(
    world.sql.prepare("SELECT count(*) FROM periodic_audit WHERE action = 'postponed'").pluck().all(),
  ).toEqual([1]);
});
