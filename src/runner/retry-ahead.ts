import type { Decision } from '../core/due.ts';
import type { Instant } from '../core/instants.ts';
import type { TaskState } from '../core/state.ts';

/**
 * When the pending attempt may start for which newer slots wait that are due already (`retry_past_next`); undefined where
 * none of them waits. The state itself keeps when its slots came due, which lies in the past then.
 */
export function retryAhead(decision: Decision, { retryAt }: TaskState): Instant | undefined {
  return decision.kind === 'waiting' && retryAt !== null && decision.nextAt === retryAt ? retryAt : undefined;
}
