import type { Instant } from '../core/instants.ts';
import type { JsonObject, JsonValue } from '../core/json.ts';
import type { Outcome } from '../core/outcome.ts';
import type { ResolvedModule } from '../modules/registry.ts';
import type { ShippedServices } from '../modules/shipped-module.ts';
import type { ChildPool } from './child-pool.ts';
import type { OutputListener } from './output-capture.ts';

/** One attempt to run a task: everything that the execution needs to know, and nothing it has to look up. */
export type ExecutionRequest = {
  readonly module: ResolvedModule;
  readonly options: JsonValue;
  readonly run: RunFacts;
  /** What the task's last successful run kept. */
  readonly state: JsonValue | undefined;
  /** 0 is no limit. */
  readonly timeoutMs: number;
  /** How long a run may go on after it was asked to end. */
  readonly graceMs: number;
  /** Aborted to cancel the run; its reason becomes the outcome's reason when it is text. */
  readonly cancel: AbortSignal;
  /** How much of the output is kept, half of it from the beginning and half from the end. */
  readonly outputLimitBytes: number;
  /**
   * Called with the output as it comes, as the process wrote it: see `harmless` before showing it on a terminal. The
   * promise of a listener that cannot keep up makes the process wait as soon as its pipe is full.
   */
  readonly onOutput?: OutputListener;
  readonly host: RunHost;
  /** How the child process of a foreign module runs; commands say that in their options. */
  readonly childLimits: ChildLimits;
  /** Where children wait that have served a run and may serve this one; without it each run has one of its own. */
  readonly children?: (() => Promise<ChildPool>) | undefined;
  /** Handed to shipped modules only. */
  readonly services: ShippedServices;
};

/** What a run may ask of its runner, and tell it: the runner alone has the database. */
export type RunHost = {
  /**
   * Asks the database whether the run is still this runner's. Where it cannot be asked, false for a run with a lease and
   * true for any other; never rejects.
   */
  readonly stillMine: () => Promise<boolean>;
  /** Takes note of how far the run is; never throws. */
  readonly progress: (progress: Progress) => void;
  /** Adds to a counter of this node, at once. Rejects with a `DatabaseError` when that cannot be written. */
  readonly incrementCounter: (name: string, by: number) => Promise<void>;
  /**
   * Writes values of statistics at once, all of them or none; without an instant, of now. Rejects like
   * `incrementCounter`.
   */
  readonly recordStats: (values: readonly KeyedValue[], at: Instant | undefined) => Promise<void>;
  /** Adds a one-shot of the run's task. Rejects with an error for people when it is refused. */
  readonly schedule: (wish: OneShotWish) => Promise<void>;
  /** Postpones a task here. Rejects with an error for people when it cannot be. */
  readonly postpone: (task: string) => Promise<void>;
  /** Whether a run of the task is alive anywhere. Rejects for a name that no task has or had. */
  readonly isRunning: (task: string) => Promise<boolean>;
};

/** A value of the statistic with this name. */
export type KeyedValue = { readonly key: string; readonly value: number };

/** A task that a run wants to be run once, in a form that is checked by itself: see `checkedOneShot`. */
export type OneShotWish = {
  /** In its normal form. */
  readonly name: string;
  /** Undefined is the module of the run's own task. */
  readonly module: string | undefined;
  readonly options: JsonObject | undefined;
  readonly when:
    | { readonly kind: 'ticks'; readonly after: number }
    | { readonly kind: 'at'; readonly at: Instant };
  readonly replace: boolean;
};

export type ChildLimits = {
  /** The name or number of the user as whom the child process runs; null is the runner's own. */
  readonly user: string | null;
  /** How much memory it may take; null is no limit of ours. */
  readonly memoryBytes: number | null;
};

/** How far a run is: `done` of `total`, in whatever unit the task counts. */
export type Progress = { readonly done: number; readonly total: number };

/** What a run is told about itself. */
export type RunFacts = {
  readonly runId: string;
  readonly task: { readonly id: number; readonly name: string };
  readonly node: string;
  readonly slotAt: Instant | null;
  readonly attempt: number;
  readonly epoch: number;
};

export type ExecutionResult = {
  readonly outcome: Outcome;
  readonly output: CapturedOutput;
  /** What the module wants to keep; present only when it set something and did not fail. */
  readonly state?: JsonValue;
};

export type CapturedOutput = {
  readonly text: string;
  /** How much was written, not how much is kept. */
  readonly bytes: number;
  /** True when the middle was left out. */
  readonly cut: boolean;
};
