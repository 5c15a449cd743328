import { localTimezone } from '../config/local-zone.ts';
import type { Fault } from '../core/errors.ts';
import { type Instant, toShortText } from '../core/instants.ts';
import { parseAt, resolveAt } from '../core/schedule/at.ts';
import { nameOf, type TaskDefinition } from '../core/task.ts';
import { findTask, type StoredTask } from '../store/definitions.ts';
import { letPastRun } from '../store/past-slot.ts';
import type { GivenFlags } from './definition-flags.ts';
import type { Session } from './session.ts';

type Fields = Partial<Record<keyof TaskDefinition, unknown>>;
type Env = Readonly<Record<string, string | undefined>>;
type Reading = { readonly given: GivenFlags; readonly env: Env; readonly now: Instant };

/**
 * The fault of an instant that has passed, in the zone of this node where the task names none: it never comes, unless
 * `--past run` asks for it.
 */
export function faultsOfPast(fields: Fields, { given, env, now }: Reading): readonly Fault[] {
  const isNamed = given.once !== undefined || given.timezone !== undefined;
  const instant = isNamed && given.past === undefined ? instantOf(fields, env) : undefined;
  return instant === undefined || instant > now
    ? []
    : [
        {
          field: 'schedule',
          message: `expected an instant to come, got ${JSON.stringify(fields.schedule)}, which was ${toShortText(instant)}; with --past run the next tick takes it`,
        },
      ];
}

/** The task as it stands, once the next tick may take an instant that has passed, where `--past run` asks for that. */
export async function allowPast(
  { store }: Session,
  stored: StoredTask,
  { given, env, now }: Reading,
): Promise<StoredTask> {
  const { id, fields } = stored.record;
  const instant = given.past === undefined ? undefined : instantOf(fields, env);
  if (instant === undefined || instant > now) {
    return stored;
  }
  await letPastRun(store.database, id, instant);
  return findTask(store.database, nameOf(stored.record));
}

/** Undefined for another kind, and where text or zone are at fault: the check of the definition tells that. */
function instantOf({ scheduleKind, schedule, timezone = '' }: Fields, env: Env): Instant | undefined {
  if (scheduleKind !== 'at' || typeof schedule !== 'string' || typeof timezone !== 'string') {
    return undefined;
  }
  try {
    return resolveAt(parseAt(schedule), timezone === '' ? localTimezone(env) : timezone).instant;
  } catch {
    return undefined;
  }
}
