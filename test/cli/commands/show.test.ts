import { describe, expect, test } from 'vitest';
import { insertRun, openWorld } from './command-world.ts';

describe('show', () => {
  test('prints the definition, the policies with their defaults, the last run and the states', async () => {
    const world = openWorld();
    const line =
      'add backup --module command -o command=true -o cwd=/tmp --every 5m -n alpha -n beta --tag a --tag b --timeout 90s --retry-limit 2';
    await world.call(...line.split(' '));
    world.count('backup', '2026-11-21T00:50:00.000Z');
    world.sql(
      "UPDATE periodic_task SET created_at = '2026-11-20T10:00:00.000Z', updated_at = '2026-11-20T11:00:00.000Z'",
    );
    world.count('backup', '2026-11-21T00:50:00.000Z', '2026-11-21T00:55:00.000Z');
    world.sql(
      "UPDATE periodic_task_state SET terminated_at = '2026-11-21T00:51:00.000Z', terminated_reason = 'nothing left', failures = 2 WHERE scope_key = 'beta'",
    );
    insertRun(world, 'backup', {
      status: 'failed',
      message: 'exited with status 3',
      ended_at: '2026-11-21T00:50:10.000Z',
    });
    const { exitCode, out, err } = await world.call('show', 'backup');
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    expect(out.split('\n')).toEqual([
      'name              backup',
      'id                2',
      'active            yes',
      'module            command',
      'options           command = "true"',
      '                  cwd = "/tmp"',
      'schedule          every 5m',
      'scope             each',
      'nodes             alpha, beta',
      'ordering          0',
      'tags              a, b',
      'created           2026-11-20 10:00:00Z',
      'changed           2026-11-20 11:00:00Z',
      'anchor            slot',
      'run_immediately   no',
      'first_delay       none',
      'enabled_delay     none',
      'random_offset     0s',
      'catch_up          latest',
      'catch_up_max      100',
      'start_deadline    none',
      'timeout           1m30s (default: as configured)',
      'kill_grace        10s',
      'retry_limit       2 (default: 0)',
      'retry_delay       1m',
      'retry_max_delay   1h',
      'retry_on          failed, timed_out',
      'retry_past_next   no',
      'backoff           none',
      'max_period        none',
      'deactivate_after  none',
      'overlap           forbid',
      'max_parallel      1',
      'requires          none',
      'offline_resource  none',
      'offline           execute',
      'confirmation      no',
      'run_user          none',
      'memory_limit      none',
      'last run          failed 5 min ago on node "alpha" (run 1): exited with status 3',
      '',
      'NODE   NEXT RUN                      HANDLED SLOT          COUNTED FROM          RETRY AT  FAILURES  STANDING',
      'alpha  2026-11-21 01:00Z (in 4 min)  2026-11-21 00:55:00Z  2026-11-21 00:50:00Z  -                0  waiting',
      'beta   -                             2026-11-21 00:55:00Z  2026-11-21 00:50:00Z  -                2  terminated: nothing left',
      '',
    ]);
  });

  test('names what is wrong with a definition', async () => {
    const world = openWorld();
    await world.call('add', 'backup', '--module', 'command', '-o', 'command=true', '--manual');
    world.sql("UPDATE periodic_task SET overlap = 'maybe', options = '{}' WHERE name = 'backup'");
    const { out } = await world.call('show', 'backup');
    expect(out).toContain('overlap           maybe (default: forbid)\n');
    expect(out).toContain('invalid           overlap: expected forbid, skip, allow, got "maybe"\n');
  });

  test('prints JSON with instants in UTC', async () => {
    const world = openWorld();
    await world.call('add', 'backup', '--module', 'command', '-o', 'command=true', '--every', '5m');
    world.count('backup', '2026-11-21T00:50:00.000Z', '2026-11-21T00:55:00.000Z');
    const task = JSON.parse((await world.call('show', 'backup', '--json')).out);
    expect(task).toMatchObject({
      id: 2,
      name: 'backup',
      active: true,
      scheduleKind: 'every',
      schedule: '5m',
      scope: 'each',
      tags: [],
      killGraceSeconds: 10,
      retryOn: ['failed', 'timed_out'],
      faults: [],
      nextAt: '2026-11-21T01:00:00Z',
      lastRun: null,
    });
    expect(task.states).toEqual([
      {
        scopeKey: 'alpha',
        countedFrom: '2026-11-21T00:50:00Z',
        firstSlot: null,
        handledSlot: '2026-11-21T00:55:00Z',
        anchoredAt: null,
        nextAt: '2026-11-21T01:00:00Z',
        nextInTicks: null,
        nextTickAboutAt: null,
        backedOffPeriodSeconds: null,
        isDue: false,
        marks: [],
        liveRuns: 0,
        attempt: 0,
        retryAt: null,
        failures: 0,
        firstFailureAt: null,
        fault: null,
        lastStatus: null,
        lastStartedAt: null,
        lastEndedAt: null,
        terminatedAt: null,
        terminatedReason: null,
        blockedReason: null,
        blockage: null,
        resting: null,
        skipReason: null,
        offlineDisabledAt: null,
      },
    ]);
  });

  test('of the task that a new database comes with shows its shared state', async () => {
    const world = openWorld();
    await world.call('add', 'backup', '--module', 'command', '-o', 'command=true', '--manual');
    const { out } = await world.call('show', 'prune_history');
    expect(out).toContain('schedule          cron H H(0-5) * * * (UTC)\n');
    expect(out).toContain('scope             one\n');
    expect(out).toMatch(/\nall {3}/);
  });
});
