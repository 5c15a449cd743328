import { expect, vi } from 'vitest';
import type { SssdSetup } from '../../core/cases/sssd-definition.ts';
import type { ApiCase } from '../../core/cases/world.ts';
import { expectedOf, instantAt, setupOf } from '../../core/cases/world.ts';
import { actionOf, isAsSaid, type PlayedCases } from './read-case.ts';
import { worldFor } from './sssd-setup.ts';
import { inLedger, type StoredWorld, storedWorldOf, TASK, timeIn } from './stored-world.ts';

/** The cases of SSSD about what happens while a task runs, and by its run. */
export const RUNNING: PlayedCases = {
  reschedule_timeout: {
    async check(one) {
      const { timeout } = setupOf<SssdSetup>(one);
      const stored = await timedOut(one, { module: 'call' });
      const { next_execution, ...expected } = expectedOf<Record<string, unknown>>(one);
      expect({
        recv_called: stored.state()['module_state'] !== null,
        timer: stored.timer() !== null,
      }).toEqual(expected);
      expect(isAsSaid(next_execution, stored.next(), { t1: timeout })).toBe(true);
      expect(stored.world.ledger()).toEqual([`${TASK} ${inLedger(0)} timed_out`]);
    },
  },
  sync_timeout_ineffective: {
    why: 'a timeout ends every run, in whatever way its module works, and is a failure, which counts from its end',
    async check(one) {
      const { timeout, period } = setupOf<SssdSetup>(one);
      const stored = await timedOut(one);
      expect(stored.state()).toMatchObject({ last_status: 'timed_out', failures: 1 });
      expect(stored.next()).toBe(timeout + period);
    },
  },
  sync_error_from_finish: {
    async check(one) {
      const stored = await worldFor(one);
      await stored.passes([0, 1, 4, 5]);
      expect({ next: stored.next() }).toEqual(expectedOf(one));
      expect(stored.world.ledger()).toEqual([`${TASK} ${inLedger(0)} failed`]);
    },
  },
  from_now_overrun: {
    async check(one) {
      const { starts } = expectedOf<{ starts: readonly number[] }>(one);
      const { duration = 0 } = setupOf<SssdSetup>(one);
      const until = actionOf<number>(one, 'until');
      const stored = await worldFor(one);
      const around = [0, 1, 10, duration - 1, duration, duration + 1, 34].flatMap((after) =>
        starts.map((start) => start + after),
      );
      const times = [...new Set([...around, until])].filter((time) => time <= until);
      await stored.passes(times.toSorted((earlier, later) => earlier - later));
      expect({ starts: stored.starts() }).toEqual(expectedOf(one));
    },
  },
  disable_lets_running_finish: {
    async check(one) {
      const stored = await worldFor(one);
      await stored.pass(0);
      const off = actionOf<number>(one, 'disable');
      stored.switchTo(false, off);
      await stored.pass(off);
      const running_after_disable = stored.isRunning();
      await stored.pass(actionOf(one, 'until'));
      expect({
        running_after_disable,
        finished: stored.state()['last_status'] === 'succeeded',
        timer: stored.timer(),
        enabled: stored.isActive(),
      }).toEqual(expectedOf(one));
      await stored.passes([10, 20]);
      expect(stored.starts()).toEqual([0]);
    },
  },
  postpone_cancels_running: {
    async check(one) {
      // The runner looks now and then whether its run is asked to end.
      await withTimers('Interval', async () => {
        const stored = await worldFor(one);
        await stored.pass(0);
        expect(stored.isRunning()).toBe(true);
        await stored.postpone(0);
        await vi.advanceTimersByTimeAsync(2_000);
        await stored.settled();
        expect(stored.world.ledger()).toContain(`${TASK} ${inLedger(0)} cancelled (postponed)`);
        expect({
          request_freed: stored.state()['last_status'] === 'cancelled',
          recv_called: stored.state()['module_state'] !== null,
          running: stored.isRunning(),
          next: stored.next(),
        }).toEqual(expectedOf(one));
      });
    },
  },
  stop_return_code: {
    async check(one) {
      const stored = await worldFor(one, { module: 'stop' });
      await stored.passes([0, 1, 2]);
      const isTerminated = stored.state()['terminated_at'] !== null && stored.timer() === null;
      expect({ task: isTerminated ? 'terminated' : 'goes on' }).toEqual(expectedOf(one));
      expect(stored.world.ledger()).toEqual([`${TASK} ${inLedger(0)} stopped`]);
    },
  },
  full_done_postpones_smart: {
    async check(one) {
      const [full, smart] = setupOf<{ tasks: readonly [string, string] }>(one).tasks;
      const [t1, period] = [4, 15];
      const stored = await storedWorldOf({ columns: { active: 0 } });
      const { world } = stored;
      world.addTask({ name: full, columns: { module: 'call', schedule: `${t1}m` } });
      world.addTask({
        name: smart,
        columns: { schedule: `${period}m`, anchor: 'start', first_delay_s: 600 },
      });
      world.script.call = (_task, { postpone }) => postpone(smart);
      await stored.pass(t1);
      expect(expectedOf(one)).toEqual({ smart_next: 't1 + smart period' });
      expect(stored.next(smart)).toBe(t1 + period);
      expect(timeIn(stored.state(smart)['counted_from'])).toBe(t1);
    },
  },
};

/** Lets the first run of the case reach its time limit. */
async function timedOut(one: ApiCase, columns = {}): Promise<StoredWorld> {
  const { timeout } = setupOf<SssdSetup>(one);
  return await withTimers('Timeout', async () => {
    const stored = await worldFor(one, columns);
    await stored.pass(0);
    stored.world.clock.now = instantAt(timeout);
    await vi.advanceTimersByTimeAsync(timeout * 60_000);
    await stored.settled();
    return stored;
  });
}

async function withTimers<T>(kind: 'Interval' | 'Timeout', work: () => Promise<T>): Promise<T> {
  vi.useFakeTimers({ toFake: [`set${kind}`, `clear${kind}`] });
  try {
    return await work();
  } finally {
    vi.useRealTimers();
  }
}
