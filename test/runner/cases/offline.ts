import { expect } from 'vitest';
import type { SssdSetup } from '../../core/cases/sssd-definition.ts';
import { expectedOf, setupOf } from '../../core/cases/world.ts';
import { actionOf, actionsOf, isAsSaid, type PlayedCases } from './read-case.ts';
import { worldFor, worldWithOneSlot } from './sssd-setup.ts';
import { everyTime, inLedger, storedWorldOf, TASK, textAt } from './stored-world.ts';

/** The cases of SSSD about a resource that is down, and about tasks without a period. */
export const OFFLINE: PlayedCases = {
  offline_skip: {
    async check(one) {
      const stored = await worldFor(one);
      const before = stored.next() ?? Number.NaN;
      await stored.pass(before);
      const { next_execution, ...expected } = expectedOf<Record<string, unknown>>(one);
      expect(isAsSaid(next_execution, stored.next(), { 'previous next': before })).toBe(true);
      expect({
        executed: stored.starts().length > 0,
        enabled: stored.isActive() && stored.state()['offline_disabled_at'] === null,
        timer: stored.timer() !== null,
      }).toEqual(expected);
      expect(stored.world.ledger()).toEqual([`${TASK} ${inLedger(0)} skipped (offline)`]);
    },
  },
  offline_disable: {
    why: 'there are no callbacks: each tick looks whether the resource is up again; the rest holds as in the case',
    async check(one) {
      const stored = await worldFor(one);
      const timer_after_create = stored.timer() !== null;
      await stored.passes(everyTime(0, 3));
      expect(expectedOf(one)).toMatchObject({
        timer_after_create,
        executed: stored.starts().length > 0,
        enabled: stored.state()['offline_disabled_at'] === null,
        timer: stored.timer(),
      });
      expect(stored.isActive()).toBe(true);
      expect(stored.world.ledger()).toEqual([`${TASK} ${inLedger(0)} skipped (offline)`]);
      stored.setOffline(false);
      await stored.passes(everyTime(4, 6));
      expect(stored.starts()).toEqual([4, 5, 6]);
    },
  },
  offline_execute: {
    async check(one) {
      const stored = await worldFor(one);
      await stored.pass(0);
      expect({
        executed: stored.starts().length > 0,
        enabled: stored.isActive() && stored.state()['offline_disabled_at'] === null,
        timer: stored.timer() !== null,
      }).toEqual(expectedOf(one));
    },
  },
  no_periodic: {
    why: 'a task without a period has another kind, manual or at, and not a period of 0; it can be created, as in the case',
    async check(one) {
      const columns = { schedule_kind: 'manual', schedule: '', run_immediately: 1 };
      const stored = await storedWorldOf({ columns });
      const { enabled_delay } = setupOf<SssdSetup>(one);
      const later = { schedule_kind: 'at', schedule: textAt(enabled_delay) };
      stored.world.addTask({ name: 'later', columns: later });
      await stored.passes(everyTime(0, enabled_delay + 1));
      expect(stored.world.ledger()).toEqual([
        `${TASK} ${inLedger(0)} succeeded`,
        `later ${inLedger(enabled_delay)} succeeded`,
      ]);
      const hasFault = stored.world.runRows().some((run) => run['reason'] === 'invalid');
      expect({ create: hasFault ? 'refused' : 'OK' }).toEqual(expectedOf(one));
    },
  },
  no_periodic_skip_offline_loses_run: {
    why: 'a task whose only slot was skipped is terminated and says so, and does not stay enabled without ever running',
    async check(one) {
      const { first_delay } = setupOf<SssdSetup>(one);
      const back = actionOf<number>(one, 'online');
      const [, end = back] = actionsOf<number>(one, 'until');
      const stored = await worldWithOneSlot(one);
      await stored.passes([0, first_delay - 1, first_delay, first_delay + 1, back]);
      stored.setOffline(false);
      await stored.passes([back + 1, back + 2, end]);
      expect(expectedOf(one)).toMatchObject({
        starts: stored.starts(),
        timer: stored.timer(),
        enabled: stored.isActive(),
      });
      expect(stored.world.ledger()).toEqual([`${TASK} ${inLedger(first_delay)} skipped (offline)`]);
      expect(stored.state()).toMatchObject({ terminated_reason: 'its only slot was skipped' });
    },
  },
  no_periodic_online_transition: {
    why: 'a task that comes once is terminated after that, and no return of its resource lets it come again',
    async check(one) {
      const [first = Number.NaN, again = Number.NaN] = expectedOf<{ starts: readonly number[] }>(one).starts;
      const away = actionOf<number>(one, 'offline');
      const stored = await worldWithOneSlot(one);
      await stored.passes([0, first - 1, first, away - 1]);
      stored.setOffline(true);
      await stored.pass(away);
      stored.setOffline(false);
      await stored.passes([away + 1, again - 1, again, again + 1, actionOf<number>(one, 'until')]);
      expect(stored.starts()).toEqual([first]);
      expect(stored.state()).toMatchObject({ terminated_reason: 'done: its only slot has run' });
    },
  },
  no_periodic_postpone_drops_timer: {
    why: 'what has no period cannot be postponed: that is refused, and the one run is not lost',
    async check(one) {
      const stored = await worldWithOneSlot(one);
      const before = stored.state();
      await expect(stored.postpone(0)).rejects.toThrow(
        `expected a task with a period, got "${TASK}" of kind at`,
      );
      expect(stored.state()).toEqual(before);
      const { first_delay } = setupOf<SssdSetup>(one);
      await stored.passes([0, first_delay - 1, first_delay, first_delay + 1, actionOf<number>(one, 'until')]);
      expect(stored.starts()).toEqual([first_delay]);
    },
  },
};
