import type { Columns } from '../virtual-database.ts';
import type { SimulatedTask } from './world.ts';

/** The task as an operator inserts it by plain SQL. */
export function columnsOf(task: SimulatedTask): Columns {
  const { deactivateAfter: after } = task;
  const days = after?.days ? ` and ${after.days} days` : '';
  return {
    id: task.id,
    module: 'scripted',
    schedule_kind: task.kind,
    schedule: task.schedule,
    timezone: task.timezone,
    scope: task.scope,
    ordering: task.ordering,
    anchor: task.anchor,
    run_immediately: task.runImmediately ? 1 : 0,
    first_delay_s: task.firstDelaySeconds,
    enabled_delay_s: task.enabledDelaySeconds,
    random_offset_s: task.randomOffsetSeconds,
    catch_up: task.catchUp,
    catch_up_max: task.catchUpMax,
    start_deadline_s: task.startDeadlineSeconds,
    timeout_s: task.timeoutSeconds,
    retry_limit: task.retryLimit,
    retry_delay_s: task.retryDelaySeconds,
    retry_max_delay_s: task.retryMaxDelaySeconds,
    retry_on: task.retryOn.join(','),
    retry_past_next: task.retryPastNext ? 1 : 0,
    backoff: task.backoff,
    max_period_s: task.maxPeriodSeconds,
    deactivate_after: after === null ? '' : `${after.failures} failures${days}`,
    overlap: task.overlap,
    max_parallel: task.maxParallel,
  };
}
