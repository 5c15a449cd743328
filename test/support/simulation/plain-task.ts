import type { Instant, SimulatedTask, TaskKind } from './world.ts';

/** A task that says nothing but when it runs: it runs on node alpha, takes 5 s at most, and succeeds. */
export function plainTask({
  name,
  kind,
  schedule,
  createdAt,
}: {
  readonly name: string;
  readonly kind: TaskKind;
  readonly schedule: string;
  readonly createdAt: Instant;
}): SimulatedTask {
  return {
    id: 1,
    name,
    nodes: ['alpha'],
    scope: 'each',
    ordering: 0,
    kind,
    schedule,
    timezone: '',
    anchor: 'slot',
    runImmediately: false,
    firstDelaySeconds: null,
    enabledDelaySeconds: null,
    randomOffsetSeconds: 0,
    catchUp: 'latest',
    catchUpMax: 100,
    startDeadlineSeconds: null,
    timeoutSeconds: null,
    retryLimit: 0,
    retryDelaySeconds: 60,
    retryMaxDelaySeconds: 3_600,
    retryOn: ['failed', 'timed_out'],
    retryPastNext: false,
    backoff: 'none',
    maxPeriodSeconds: null,
    deactivateAfter: null,
    overlap: 'forbid',
    maxParallel: 1,
    temper: {
      shortestMs: 0,
      longestMs: 5_000,
      longShare: 0,
      longMs: 5_000,
      failShare: 0,
      stopShare: 0,
      crashShare: 0,
    },
    createdAt,
    switchedAt: [],
    postponedAt: [],
    resetAt: [],
    byHand: [],
  };
}
