import type { Instant } from '../../src/core/instants.ts';
import { newState, type TaskState } from '../../src/core/state.ts';
import type { Task, TaskRecord } from '../../src/core/task.ts';
import { type Timetable, timetableOf } from '../../src/core/timetable.ts';

/** An instant: a whole text such as `2026-03-10T12:05:30Z`, or the time of that day alone, such as `12:05:30`. */
export function at(text: string): Instant {
  const instant = Date.parse(text.includes('T') ? text : `2026-03-10T${text}Z`);
  if (Number.isNaN(instant)) {
    throw new Error(`expected an instant or a time of the day, got ${JSON.stringify(text)}`);
  }
  return instant;
}

/** A valid task that runs every 5 minutes; what a test is about stands in `changes`. */
export function taskWith(changes: Partial<Task> = {}): Task {
  return {
    id: 7,
    name: 'backup',
    active: true,
    module: 'succeed',
    options: {},
    scheduleKind: 'every',
    schedule: '5m',
    timezone: '',
    scope: 'each',
    ordering: 0,
    anchor: 'slot',
    runImmediately: false,
    firstDelaySeconds: null,
    enabledDelaySeconds: null,
    randomOffsetSeconds: 0,
    catchUp: 'latest',
    catchUpMax: 100,
    startDeadlineSeconds: null,
    timeoutSeconds: null,
    killGraceSeconds: 10,
    retryLimit: 0,
    retryDelaySeconds: 60,
    retryMaxDelaySeconds: 3_600,
    retryOn: ['failed', 'timed_out'],
    retryPastNext: false,
    backoff: 'none',
    maxPeriodSeconds: null,
    deactivateAfter: '',
    overlap: 'forbid',
    maxParallel: 1,
    confirmation: false,
    runUser: null,
    memoryLimitBytes: null,
    requires: '',
    offlineResource: null,
    offline: 'execute',
    removeWhenDone: false,
    owner: null,
    gone: false,
    nodes: ['alpha'],
    tags: [],
    ...changes,
  };
}

/** The state of that task on its node, counted from 12:00 and not handled yet. */
export function stateWith(changes: Partial<TaskState> = {}): TaskState {
  return { ...newState(at('12:00'), { taskId: 7, scopeKey: 'alpha' }), epoch: 1, ...changes };
}

/** The timetable of that task, on the node `alpha` in UTC or for all nodes together. */
export function timetableWith(changes: Partial<Task> = {}): Timetable {
  const task = taskWith(changes);
  return timetableOf(task, { scopeKey: task.scope === 'one' ? '*' : 'alpha', nodeTimezone: 'UTC' });
}

/** A record as a row holds it, with anything in its fields. */
export function recordWith(fields: Readonly<Record<string, unknown>>): TaskRecord {
  const { id, ...definition } = taskWith();
  return { id, createdAt: at('11:00'), updatedAt: at('11:00'), fields: { ...definition, ...fields } };
}
