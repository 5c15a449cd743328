import { definitionRow } from '../../../src/store/definition-row.ts';
import { definitionOf, type SssdSetup } from '../../core/cases/sssd-definition.ts';
import type { ApiCase } from '../../core/cases/world.ts';
import { setupOf } from '../../core/cases/world.ts';
import type { Columns } from '../../support/virtual-database.ts';
import { BACK_END, type StoredPlan, type StoredWorld, storedWorldOf, textAt } from './stored-world.ts';

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

/** The columns of its definition. The task has the resource whatever its policy is. */
function columnsOf(setup: SssdSetup): Columns {
  return { ...definitionRow(definitionOf(setup)), offline_resource: BACK_END };
}

function runOf({ duration, handler }: SssdSetup): Pick<StoredPlan, 'duration' | 'ending'> {
  return {
    duration: handler === 'never finishes' ? Number.POSITIVE_INFINITY : (duration ?? 0),
    ending: handler === 'error' ? 'failed' : 'succeeded',
  };
}
