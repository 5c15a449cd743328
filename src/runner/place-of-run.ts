import { isJsonObject } from '../core/json.ts';
import type { TaskRecord } from '../core/task.ts';

/** The module whose options say as whom it runs. */
export const COMMAND_ID = 'command';

/**
 * As whom a task runs where that is somebody else than its runner, as text to compare; undefined for the runner's own user.
 * What such a run asks for must not be done with the rights of the runner.
 */
export function otherUserOf({ module, options, runUser }: TaskRecord['fields']): string | undefined {
  const { user = null, group = null } = module === COMMAND_ID && isJsonObject(options) ? options : {};
  const place = [runUser ?? null, user, group];
  return place.every((part) => part === null) ? undefined : JSON.stringify(place);
}
