import type { Task } from '../../../src/core/task.ts';

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

/** The definition of a task of SSSD. Its back-off doubles at every scheduling; a sync task counts from its start. */
export function definitionOf(setup: SssdSetup): Partial<Task> {
  const backsOff = setup.max_backoff !== 0;
  return {
    schedule: `${setup.period}m`,
    anchor: setup.flags.includes('SCHEDULE_FROM_NOW') ? 'finish' : 'start',
    firstDelaySeconds: setup.first_delay * 60,
    enabledDelaySeconds: setup.enabled_delay * 60,
    timeoutSeconds: setup.timeout * 60,
    backoff: backsOff ? 'every_run' : 'none',
    maxPeriodSeconds: backsOff ? setup.max_backoff * 60 : null,
    ...offlinePolicyOf(setup.flags),
  };
}

/** The flags of SSSD are the policies of a resource. */
function offlinePolicyOf(flags: readonly string[]): Partial<Task> {
  const offline = (['skip', 'disable', 'execute'] as const).find((policy) =>
    flags.includes(`OFFLINE_${policy.toUpperCase()}`),
  );
  return offline === undefined ? {} : { offline, offlineResource: 'back_end' };
}
