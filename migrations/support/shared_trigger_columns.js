// The columns by which the triggers of the servers tell one change of a task from another.

/** The columns of a definition. A change of any other column is no change of the task. */
export const DEFINITION_COLUMNS = [
  'name',
  'active',
  'module',
  'options',
  'schedule_kind',
  'schedule',
  'timezone',
  'scope',
  'ordering',
  'anchor',
  'run_immediately',
  'first_delay_s',
  'enabled_delay_s',
  'random_offset_s',
  'catch_up',
  'catch_up_max',
  'start_deadline_s',
  'timeout_s',
  'kill_grace_s',
  'retry_limit',
  'retry_delay_s',
  'retry_max_delay_s',
  'retry_on',
  'retry_past_next',
  'backoff',
  'max_period_s',
  'deactivate_after',
  'overlap',
  'max_parallel',
];

/** A change of one of these is another schedule: its slots count from the change on. */
export const COUNTING_COLUMNS = ['schedule_kind', 'schedule', 'timezone', 'anchor', 'scope'];

/** With another of these, a task that was done with its only slot has a slot again. No other termination ends so. */
export const SLOT_COLUMNS = ['schedule_kind', 'schedule', 'timezone'];
