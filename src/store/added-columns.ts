import type { Row } from './driver.ts';

/**
 * The columns of a definition that the second migration added, with the values by which a task runs as before. They stay
 * so whatever a new task gets.
 */
export const ADDED_TO_TASK: Row = {
  anchor: 'slot',
  first_delay_s: null,
  enabled_delay_s: null,
  random_offset_s: 0,
  catch_up: 'latest',
  catch_up_max: 100,
  backoff: 'none',
  max_period_s: null,
  deactivate_after: '',
};

/** Those that the fourth migration added. */
export const ADDED_FOR_HANDS: Row = { confirmation: 0, run_user: null, memory_limit_bytes: null };

/** Those that the fifth migration added. */
export const ADDED_FOR_WORLD: Row = {
  requires: '',
  offline_resource: null,
  offline: 'execute',
  remove_when_done: 0,
  owner: null,
  gone: 0,
};
