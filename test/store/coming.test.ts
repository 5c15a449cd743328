import { describe, expect, test } from 'vitest';
import type { EndPolicy } from '../../src/core/run-end.ts';
import { finishRun } from '../../src/store/finish.ts';
import { recordLateEnd } from '../../src/store/late-end.ts';
import type { Coming, RunEnd, RunKey } from '../../src/store/run-end-rows.ts';
import { at } from '../support/builders.ts';
import { openStoredState } from '../support/stored-state.ts';
import { claimSlot, endWith, NO_RETRY, readState } from '../support/virtual-runs.ts';

const FROM_END: EndPolicy = {
  ...NO_RETRY,
  period: { periodSeconds: 600, anchor: 'finish', backoff: 'on_failure', maxPeriodSeconds: null },
};
const FAILED = { status: 'failed', message: 'boom' } as const;

/** A live run of slot 12:05, whose task waits for 12:10. */
async function openLiveRun({ period }: Pick<EndPolicy, 'period'> = NO_RETRY) {
  const world = await openStoredState();
  await world.driver.run('UPDATE periodic_task SET schedule = ?, anchor = ?, backoff = ?', [
    `${period?.periodSeconds}s`,
    period?.anchor ?? 'slot',
    period?.backoff ?? 'none',
  ]);
  // The trigger knows the real clock only.
  await world.driver.run(
    "UPDATE periodic_task_state SET counted_from = '2026-03-10T12:00:00.000Z', earliest_start = '2026-03-10T12:05:00.000Z'",
  );
  const token = await claimSlot(world.driver, world.state.taskId, '12:05');
  return { ...world, token };
}

/** What the state itself says is coming. */
async function comingOfState({ driver, state }: Awaited<ReturnType<typeof openLiveRun>>): Promise<Coming> {
  const { retryAt, nextSlot, terminatedReason } = await readState(driver, state.taskId);
  return { retryAt, nextSlot, terminated: terminatedReason };
}

const CASES: ReadonlyArray<readonly [string, Partial<RunEnd>, EndPolicy, Coming]> = [
  ['a success: the next slot', {}, NO_RETRY, { retryAt: null, nextSlot: at('12:10'), terminated: null }],
  [
    'a success, counted from its end: a period from that minute',
    { endedAt: at('12:06:40') },
    FROM_END,
    { retryAt: null, nextSlot: at('12:16'), terminated: null },
  ],
  [
    'a failure that backs off: twice the period from that minute',
    { ...FAILED, endedAt: at('12:06:40') },
    FROM_END,
    { retryAt: null, nextSlot: at('12:26'), terminated: null },
  ],
  [
    'a failure that is tried again: both',
    FAILED,
    { ...NO_RETRY, retryLimit: 1 },
    { retryAt: at('12:07'), nextSlot: at('12:10'), terminated: null },
  ],
  [
    'a cancelled run: the next slot',
    { status: 'cancelled', reason: 'postponed' },
    { ...NO_RETRY, retryLimit: 1, retryOn: ['failed', 'shutdown'] },
    { retryAt: null, nextSlot: at('12:10'), terminated: null },
  ],
  [
    'one failure too many: nothing, and why',
    FAILED,
    { ...NO_RETRY, deactivateAfter: '1 failures' },
    {
      retryAt: null,
      nextSlot: null,
      terminated: 'deactivated after 1 failure in a row since 2026-03-10T12:06:00Z',
    },
  ],
  [
    'a stop: nothing, and why',
    { status: 'stopped', message: 'enough' },
    NO_RETRY,
    { retryAt: null, nextSlot: null, terminated: 'enough' },
  ],
];

describe('what comes after the end of a run, as its recording says and as the state says', () => {
  test.each(CASES)('is after %s', async (_title, changes, policy, coming) => {
    const world = await openLiveRun(policy);
    const finished = await finishRun(world.driver, world.token, endWith(changes), policy);
    expect(finished).toEqual({ kind: 'recorded', ...coming });
    expect(await comingOfState(world)).toEqual(coming);
  });

  test.each(CASES)(
    'is the same where the end comes late: after %s',
    async (_title, changes, policy, coming) => {
      const world = await openLiveRun(policy);
      const late = await recordLateEnd(world.driver, world.token, endWith(changes), policy);
      expect(late).toMatchObject({ kind: 'recorded', ...coming });
      expect(await comingOfState(world)).toEqual(coming);
    },
  );

  test.each(CASES)(
    'is the same where the run had been given up: after %s',
    async (_title, changes, policy, coming) => {
      const world = await openLiveRun(policy);
      const lost = endWith({ status: 'lost', reason: 'runner_died', endedAt: at('12:20') });
      await finishRun(world.driver, world.token, lost, policy);
      const late = await recordLateEnd(world.driver, world.token, endWith(changes), policy);
      expect(late).toMatchObject({ kind: 'recorded', ...coming });
      expect(await comingOfState(world)).toEqual(coming);
    },
  );

  test('is the same where the runner hands in the state as it claimed it', async () => {
    const world = await openLiveRun(FROM_END);
    const { driver, token, state } = world;
    const run: RunKey = {
      ...{ token, taskId: state.taskId, scopeKey: 'alpha' },
      ...{ trigger: 'schedule', slot: at('12:05'), attempt: 1 },
    };
    const claimed = { run, state: await readState(driver, state.taskId) };
    const finished = await finishRun(driver, token, endWith(), { ...FROM_END, claimed });
    expect(finished).toEqual({ kind: 'recorded', retryAt: null, nextSlot: at('12:16'), terminated: null });
    expect(await comingOfState(world)).toMatchObject({ nextSlot: at('12:16') });
  });
});

describe('nothing is known to come', () => {
  const NOTHING: Coming = { retryAt: null, nextSlot: null, terminated: null };

  test('after a run by hand, whose state stays as it is', async () => {
    const world = await openStoredState();
    const { driver, state } = world;
    const token = await claimSlot(driver, state.taskId, '12:05', { trigger: 'manual', slots: null });
    const stop = endWith({ status: 'stopped', message: 'enough' });
    expect(await finishRun(driver, token, stop, NO_RETRY)).toEqual({ kind: 'recorded', ...NOTHING });
    expect(world.database.stateRow('backup')).toMatchObject({ terminated_at: null });
  });

  test('after a run whose task was removed meanwhile', async () => {
    const { database, driver, token } = await openLiveRun();
    database.sql.exec('DELETE FROM periodic_task');
    expect(await finishRun(driver, token, endWith(), FROM_END)).toEqual({ kind: 'recorded', ...NOTHING });
  });
});
