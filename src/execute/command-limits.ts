import type { Interruption, Limits } from './interruption.ts';
import { reasonOfCancel } from './interruption.ts';

/** A time limit that the steps of a command share. */
export type SharedLimits = {
  /** What is left of it now, for the next step; an interruption where nothing may start any more. */
  readonly left: () => Limits | Interruption;
  /** An interruption of a step as one of the whole. */
  readonly asWhole: (by: Interruption) => Interruption;
};

/** Starts the time limit of a run; 0 is none. */
export function shareLimits({ timeoutMs, graceMs, cancel }: Limits): SharedLimits {
  const startedMs = performance.now();
  const whole: Interruption = { kind: 'timed_out', limitMs: timeoutMs };
  const left = (): Limits | Interruption => {
    if (cancel.aborted) {
      return { kind: 'cancelled', reason: reasonOfCancel(cancel) };
    }
    if (timeoutMs === 0) {
      return { timeoutMs, graceMs, cancel };
    }
    const leftMs = Math.ceil(timeoutMs - (performance.now() - startedMs));
    return leftMs > 0 ? { timeoutMs: leftMs, graceMs, cancel } : whole;
  };
  return { left, asWhole: (by) => (by.kind === 'timed_out' ? whole : by) };
}
