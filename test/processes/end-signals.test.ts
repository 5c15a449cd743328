import { describe, expect, test } from 'vitest';
import { commandColumns, openStockedWorld, processesOfRun } from '../support/processes.ts';

const BOUND = { timeout: 30_000 };

describe.each([
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const)('%s to the runner', (signal, exitCode) => {
  test.each([
    ['that obeys', 'sleep 300 & setsid sleep 300 & wait', 3],
    ['that does not', 'trap "" TERM INT; sleep 300; sleep 300', 2],
  ])(
    `ends a command ${'%s'} with its children, starts nothing more, and exits with ${exitCode}`,
    async (_title, script, processes) => {
      const world = await openStockedWorld();
      world.addTask({
        name: 'slow',
        columns: commandColumns(['sh', '-c', script], { ordering: 1, kill_grace_s: 1 }),
      });
      world.addTask({ name: 'next', columns: commandColumns(['true'], { ordering: 2 }) });
      const runner = world.start('run_scheduled', '-c');
      await expect.poll(() => processesOfRun(world).length, BOUND).toBe(processes);
      process.kill(runner.pid, signal);
      expect(await runner.ended).toEqual({
        exitCode,
        signal: null,
        out: '',
        err: 'periodic-cron: task "slow", slot 2024-01-01T00:00:00Z cancelled: the runner was told to end\n',
      });
      expect(processesOfRun(world)).toEqual([]);
      expect(world.ledger()).toEqual(['slow 2024-01-01T00:00 cancelled (shutdown)']);
      await world.call('run_scheduled', '-c');
      expect(world.ledger()[1]).toBe('next 2024-01-01T00:00 succeeded');
    },
  );
});
