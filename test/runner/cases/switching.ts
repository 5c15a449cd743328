import { expect } from 'vitest';
import { main } from '../../../src/cli/main.ts';
import { fakeIo } from '../../cli/fake-io.ts';
import type { SssdSetup } from '../../core/cases/sssd-definition.ts';
import { expectedOf, setupOf } from '../../core/cases/world.ts';
import type { VirtualWorld } from '../../support/virtual-runner.ts';
import { actionOf, isAsSaid, type PlayedCases } from './read-case.ts';
import { worldFor } from './sssd-setup.ts';
import { everyTime, storedWorldOf, urlOf } from './stored-world.ts';

/** The cases of SSSD about tasks that are switched off and on, and that are put off. */
export const SWITCHING: PlayedCases = {
  disable: {
    async check(one) {
      const stored = await worldFor(one);
      stored.switchTo(false, 0);
      await stored.passes([0, 1]);
      expect({ timer: stored.timer(), enabled: stored.isActive() }).toEqual(expectedOf(one));
      expect(stored.starts()).toEqual([]);
    },
  },
  enable: {
    async check(one) {
      const [off, t1] = [0, 7];
      const stored = await worldFor(one);
      stored.switchTo(false, off);
      await stored.passes(everyTime(off, t1 - 1));
      stored.switchTo(true, t1);
      const timer_after_enable = stored.timer() !== null;
      const { last_execution, ...expected } = expectedOf<Record<string, unknown>>(one);
      expect({ timer_after_enable }).toEqual(expected);
      await stored.pass(t1);
      expect(stored.starts()).toEqual([t1]);
      expect(isAsSaid(last_execution, stored.starts().at(-1) ?? null, { t1 })).toBe(true);
    },
  },
  enable_delay: {
    async check(one) {
      const { enabled_delay } = setupOf<SssdSetup>(one);
      const t1 = 5;
      const stored = await worldFor(one);
      await stored.pass(0);
      stored.switchTo(false, 1);
      await stored.passes(everyTime(1, t1 - 1));
      stored.switchTo(true, t1);
      await stored.passes(everyTime(t1, t1 + enabled_delay));
      expect(stored.starts()).toEqual([0, t1 + enabled_delay]);
      const { last_execution } = expectedOf<Record<string, unknown>>(one);
      expect(isAsSaid(last_execution, stored.starts().at(-1) ?? null, { t1 })).toBe(true);
    },
  },
  disable_resets_backoff_enable_uses_enabled_delay: {
    async check(one) {
      const expected = expectedOf<{ next_after_enable: number }>(one);
      const stored = await worldFor(one);
      const off = actionOf<number>(one, 'disable');
      await stored.passes([0, 1, off - 1, off]);
      const period_before = stored.period();
      stored.switchTo(false, off);
      const period_after_disable = stored.period();
      stored.switchTo(true, actionOf(one, 'enable'));
      await stored.pass(off + 1);
      const next_after_enable = stored.next();
      await stored.passes([expected.next_after_enable - 1, expected.next_after_enable]);
      expect({
        ...{ period_before, period_after_disable, next_after_enable },
        ...{ period_after_next_run: stored.period(), next: stored.next() },
      }).toEqual(expected);
      expect(stored.starts()).toEqual([0, off, expected.next_after_enable]);
    },
  },
  postpone: {
    async check(one) {
      const said = expectedOf<Record<string, unknown>>(one);
      const stored = await worldFor(one);
      await stored.pass(0);
      expect(isAsSaid(said['next_after_create'], stored.next(), { t0: 0 })).toBe(true);
      await stored.postpone(0);
      expect(isAsSaid(said['next_after_postpone'], stored.next(), { t0: 0 })).toBe(true);
      const { first_delay, period } = setupOf<SssdSetup>(one);
      await stored.passes([first_delay, period - 1]);
      expect(stored.starts()).toEqual([]);
      await stored.pass(period);
      expect(stored.starts()).toEqual([period]);
    },
  },
  postpone_with_backoff: {
    async check(one) {
      const stored = await worldFor(one);
      const after = [{ next: stored.next(), period: stored.period() }];
      for (let times = 0; times < 2; times += 1) {
        await stored.postpone(0);
        after.push({ next: stored.next(), period: stored.period() });
      }
      const [next, period] = [after.map((each) => each.next), after.map((each) => each.period)];
      expect({ next, period }).toEqual(expectedOf(one));
    },
  },
  postpone_all: {
    async check(one) {
      const { tasks } = setupOf<{ tasks: ReadonlyArray<{ period: number }> }>(one);
      const stored = await storedWorldOf({ columns: { schedule: '1d' } });
      const names = tasks.map(({ period }) => `every ${period}`);
      for (const [index, { period }] of tasks.entries()) {
        const columns = { schedule: `${period}m`, first_delay_s: 0 };
        stored.world.addTask({ name: names[index] ?? '', columns });
      }
      for (const name of names) {
        await stored.postpone(0, name);
      }
      expect({ next: names.map((name) => stored.next(name)) }).toEqual(expectedOf(one));
    },
  },
  null_handles: {
    why: 'what names no task is told by the command that was given it; nothing else happens, as in the case',
    async check(one) {
      const { world } = await storedWorldOf({});
      const before = everythingIn(world);
      for (const command of ['enable', 'disable', 'postpone']) {
        const io = fakeIo({ cwd: world.folder, env: { HOME: world.folder, TZ: 'UTC' } });
        const exitCode = await main(['--database', urlOf(world), command, 'nothing'], io);
        expect([exitCode, io.printed.err]).toEqual([
          5,
          expect.stringContaining('there is no task "nothing"'),
        ]);
      }
      const effect = everythingIn(world) === before ? 'none' : 'some';
      expect({ effect }).toEqual(expectedOf(one));
    },
  },
};

function everythingIn({ sql }: VirtualWorld): string {
  const tables = ['periodic_task', 'periodic_task_state', 'periodic_run', 'periodic_audit'];
  return JSON.stringify(tables.map((table) => sql.prepare(`SELECT * FROM ${table}`).all()));
}
