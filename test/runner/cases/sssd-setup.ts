import type { ApiCase } from '../../core/cases/world.ts';
import { setupOf } from '../../core/cases/world.ts';
import type { Columns } from '../../support/virtual-database.ts';
import { BACK_END, type StoredPlan, type StoredWorld, storedWorldOf, textAt } from './stored-world.ts';

/** What a case of SSSD sets up. */
export type SssdSetup = {
  readonly period: number;
  readonly first_delay: number;
  readonly enabled_delay: number;
  readonly timeout: number;
  readonly max_backoff: number;
  readonly flags: readonly string[];
  readonly offline?: boolean;
  readonly duration?: number;
  readonly handler?: string;
};

/** Opens a world with the task of the case: its seconds are minutes, and its resource is as the case has it. */
export async function worldFor(one: ApiCase, changes: Columns = {}): Promise<StoredWorld> {
  const setup = setupOf<SssdSetup>(one);
  const stored = await storedWorldOf({ ...runOf(setup), columns: { ...columnsOf(setup), ...changes } });
  stored.setOffline(setup.offline === true);
  return stored;
}

/** The same with the only slot that a task without a period has in SSSD: the one after its first delay. */
export function worldWithOneSlot(one: ApiCase): Promise<StoredWorld> {
  const { first_delay } = setupOf<SssdSetup>(one);
  const noPeriod = { anchor: 'slot', first_delay_s: null, enabled_delay_s: null };
  return worldFor(one, { ...noPeriod, schedule_kind: 'at', schedule: textAt(first_delay) });
}

/** SCHEDULE_FROM_NOW is the anchor `finish`, anything else `start`; back-off doubles at every scheduling. */
function columnsOf(setup: SssdSetup): Columns {
  const backsOff = setup.max_backoff !== 0;
  return {
    schedule: `${setup.period}m`,
    anchor: setup.flags.includes('SCHEDULE_FROM_NOW') ? 'finish' : 'start',
    first_delay_s: setup.first_delay * 60,
    enabled_delay_s: setup.enabled_delay * 60,
    timeout_s: setup.timeout * 60,
    backoff: backsOff ? 'every_run' : 'none',
    max_period_s: backsOff ? setup.max_backoff * 60 : null,
    offline: policyOf(setup.flags),
    offline_resource: BACK_END,
  };
}

function policyOf(flags: readonly string[]): string {
  return (
    flags
      .find((flag) => flag.startsWith('OFFLINE_'))
      ?.slice('OFFLINE_'.length)
      .toLowerCase() ?? 'execute'
  );
}

function runOf({ duration, handler }: SssdSetup): Pick<StoredPlan, 'duration' | 'ending'> {
  return {
    duration: handler === 'never finishes' ? Number.POSITIVE_INFINITY : (duration ?? 0),
    ending: handler === 'error' ? 'failed' : 'succeeded',
  };
}
