import type { Config } from '../config/config.ts';
import type { Instant } from '../core/instants.ts';
import type { RunStatus } from '../core/state.ts';
import type { ChildPool } from '../execute/child-pool.ts';
import type { Progress } from '../execute/execution.ts';
import type { Registry } from '../modules/registry.ts';
import type { ShippedServices } from '../modules/shipped-module.ts';
import type { RunnerIdentity } from '../store/claim.ts';
import type { Driver } from '../store/driver.ts';
import type { NodeFacts } from '../store/ticks.ts';
import type { Clock } from './clock.ts';
import type { LifeHappened, ResourceChange } from './events.ts';
import type { Spool } from './spool.ts';

export type Children = {
  readonly take: () => Promise<ChildPool>;
  readonly close: () => Promise<void>;
};

/** What a runner works with; built once for a call of the program. */
export type Runner = {
  readonly driver: Driver;
  readonly node: NodeFacts;
  readonly identity: RunnerIdentity;
  readonly settings: Pick<
    Config,
    'maxRunning' | 'defaultTimeoutSeconds' | 'outputLimitBytes' | 'tickEverySeconds'
  >;
  readonly clock: Clock;
  /** How far the machine's clock is ahead of the database's, in milliseconds; left out where they are one. */
  readonly clockOffsetMs?: number | undefined;
  readonly spool: Spool;
  /** Loaded when the first due task needs it: a tick with nothing due must not pay for it. */
  readonly registry: () => Promise<Registry>;
  readonly services: ShippedServices;
  /** Children of foreign modules that wait for another run; to be closed when no run follows. */
  readonly children?: Children;
  /** Aborted, with a cancel reason, when this process is told to end. */
  readonly cancel: AbortSignal;
  readonly onEvent: (event: RunnerEvent) => void;
};

/** What happens in a tick, as it happens. */
export type RunnerEvent =
  | LifeHappened
  | {
      readonly kind: 'started';
      readonly task: string;
      readonly slotAt: Instant | null;
      readonly attempt: number;
    }
  | {
      readonly kind: 'output';
      readonly task: string;
      readonly text: string;
      /** For a listener that cannot keep up: the task is told to print no more until the promise is settled. */
      readonly waitFor: (shown: Promise<void>) => void;
    }
  | { readonly kind: 'progress'; readonly task: string; readonly progress: Progress }
  | { readonly kind: 'ended'; readonly run: RunReport }
  | { readonly kind: 'not-run'; readonly notRun: NotRun }
  /** A resource is in another state than before, on this node. */
  | { readonly kind: 'resource'; readonly change: ResourceChange }
  /** Something an operator has to know, whatever the verbosity. */
  | { readonly kind: 'warning'; readonly message: string };

/** A run that ended in this call, or that a dry run would start. */
export type RunReport = {
  readonly task: string;
  /** The key of its state: the node's name, or `*`. */
  readonly scope: string;
  readonly slotAt: Instant | null;
  /** How many older due slots this run stands for. */
  readonly missed: number;
  readonly attempt: number;
  readonly status: RunStatus | 'would run';
  readonly durationMs: number | null;
  readonly error: string | null;
  /** What is to be looked at although the run succeeded. */
  readonly warning: string | null;
  readonly exitCode: number | null;
  /** When the next attempt may start, if one is pending. */
  readonly retryAt: Instant | null;
  /** The next slot of the state, where one is known. */
  readonly nextSlotAt: Instant | null;
  /** Why the state was terminated with this run, if it was. */
  readonly terminated: string | null;
  /** The task was removed with this run, as it asked for. */
  readonly removed?: true;
  /** The result could not be written to the database; the next tick records it. */
  readonly spooled: boolean;
  readonly output: string;
};

/** A state that the tick looked at and did not run. */
export type NotRun = {
  readonly task: string;
  readonly reason: string;
  readonly nextSlotAt: Instant | null;
  /** A fault that was recorded for the first time. */
  readonly newFault: boolean;
};

const FINAL_FAILURES: ReadonlySet<string> = new Set(['failed', 'timed_out', 'lost', 'cancelled']);

/** True for a run that ended badly and is not going to be tried again. */
export function failedForGood(run: RunReport): boolean {
  return FINAL_FAILURES.has(run.status) && run.retryAt === null;
}
