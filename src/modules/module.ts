import type { $ZodType, output } from 'zod/v4/core';
import type { JsonValue } from '../core/json.ts';

/** What a task module is told about the run it serves, and what it may do in it. */
export type TaskContext = {
  readonly task: { readonly id: number; readonly name: string };
  /** The node whose tick started the run. */
  readonly node: string;
  /** The nominal instant that this run serves, or null for a run by hand. */
  readonly slotAt: Date | null;
  /** 1 for the first attempt of a slot. */
  readonly attempt: number;
  /** Unique for every attempt; every process that the run starts carries it as `PERIODIC_CRON_RUN_ID`. */
  readonly runId: string;
  /** Grows with every attempt: hand it to other systems so that they can refuse a runner that has been overtaken. */
  readonly epoch: number;
  /** Aborted when the time limit passes or the run is cancelled. What still runs after the grace is killed. */
  readonly signal: AbortSignal;
  /**
   * Asks the database whether this run is still the one that counts: worth a look before a write that must not happen
   * twice. False when the run was given up or its lease has ended, and while the
   * database cannot be asked by a run that holds a lease; never rejects.
   */
  stillMine(): Promise<boolean>;
  readonly log: TaskLog;
  readonly state: TaskState;
  /** Numbers to add to from many runs and nodes, such as events seen. */
  readonly counters: TaskCounters;
  /** Series of values over time. */
  readonly stats: TaskStats;
  /**
   * Tells how far the run is, in whatever unit the task counts: shown live by hand and in `list`. It may be called often;
   * only the newest is shown.
   *
   * @throws RangeError unless both are finite, `total` is positive and `done` lies from 0 to `total`
   */
  progress(done: number, total: number): void;
  /**
   * Adds a task that runs once and is removed when that is over, whatever becomes of this run. It belongs to this task, and
   * runs where this one does: on this node, or on any node of a task of scope `one`. A one-shot that runs may give its own
   * name: then it comes once more. Resolves with the name in its normal form.
   *
   * @throws TypeError or RangeError for what is no {@link OneShot}; Error when it is refused: its name is taken, its options
   * do not fit, this run may not schedule its module, or the database does not take it
   */
  schedule(oneShot: OneShot): Promise<string>;
  /**
   * Puts a task off by a whole period, as `periodic-cron postpone` does, on this node alone where each node has its own
   * state: a live run of it is asked to end. A task that postpones itself goes on with this run.
   *
   * @throws Error for a name that no task has, and for a task that cannot be postponed
   */
  postpone(task: string): Promise<void>;
  /**
   * Whether a run of that task is alive, on any node. Of its own task, this run is one.
   *
   * @throws Error for a name that no task has
   */
  isRunning(task: string): Promise<boolean>;
};

/** A task that is to run once: after so many ticks, or at an instant. */
export type OneShot = {
  /** Unique among all tasks. */
  readonly name: string;
  /** The id of the module that it runs: that of this task unless told otherwise. */
  readonly module?: string;
  /** JSON. Without them those of this task for the same module, and none for another one. */
  readonly options?: { readonly [name: string]: JsonValue };
  /** Takes the place of a one-shot with this name that this task scheduled before and that has not started. */
  readonly replace?: boolean;
} & (
  | {
      /** How many ticks pass before the one at which it runs: 0 is the next tick. */
      readonly after: number;
      readonly at?: never;
    }
  | {
      /** Runs at the first tick at or after this instant, which must be one to come. */ readonly at: Date;
      readonly after?: never;
    }
);

export type TaskCounters = {
  /**
   * Adds to a counter of this node, 1 unless told otherwise, at once and whatever becomes of the run.
   *
   * @throws RangeError for what is no whole number; TypeError for what is no name; Error when the database does not take it
   */
  increment(name: string, by?: number): Promise<void>;
};

export type TaskStats = {
  /**
   * Records a value of a series, at once and whatever becomes of the run; of now unless an instant is given.
   *
   * @throws RangeError for a value that is not finite or an invalid date; TypeError for what is no name; Error when the
   * database does not take it
   */
  record(key: string, value: number, at?: Date): Promise<void>;
  /**
   * Records one value each of several series, by their names, all of one instant: either all of them, or none.
   *
   * @throws like `record`, and RangeError for more than 1,000 values
   */
  recordAll(values: Readonly<Record<string, number>>, at?: Date): Promise<void>;
};

/** Lines of a module's log become part of the run's output, in order with whatever else it prints. */
export type TaskLog = {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
};

export type LogFields = { readonly [name: string]: unknown };

/** JSON that a task keeps from run to run. */
export type TaskState = {
  /** What the last successful run set, or undefined if none did. */
  get(): JsonValue | undefined;
  /**
   * Replaces the state. It is stored when the run ends without a failure, and forgotten otherwise.
   *
   * @throws TypeError when the value is not JSON
   */
  set(value: JsonValue): void;
};

/**
 * A task module: the code that tasks name by its id.
 *
 * `options` is any zod 4 schema; without one the module takes no options. `run` returns nothing, a JSON result or
 * {@link stop}; whatever it throws makes the run a failed one, with the error's message.
 */
export type TaskModule<Schema extends $ZodType = $ZodType> = {
  readonly id: string;
  readonly description: string;
  readonly options?: Schema;
  run(options: output<Schema>, context: TaskContext): ModuleResult | Promise<ModuleResult>;
};

export type ModuleResult = JsonValue | Stop | undefined;

/** A result that says: never run this task again. */
export type Stop = { readonly [STOP]: { readonly reason: string; readonly result?: JsonValue } };

// Registered under a global name, because a module may hold another copy of this file than the process that runs it.
const STOP = Symbol.for('periodic-cron.stop');

/** Declares a task module. It only serves the types: the module comes back as it is. */
export function defineTaskModule<Schema extends $ZodType>(module: TaskModule<Schema>): TaskModule<Schema> {
  return module;
}

/**
 * Returned from `run`: the task has done all it will ever do. It is terminated with this reason until an operator
 * resets it. A reason of more than 1,000 characters is cut.
 *
 * @throws TypeError without a reason: whoever finds the task terminated needs one
 */
export function stop(reason: string, result?: JsonValue): Stop {
  const given: unknown = reason;
  if (typeof given !== 'string' || given.trim() === '') {
    throw new TypeError(
      `stop: expected a reason, got ${typeof given === 'string' ? 'an empty text' : String(given)}`,
    );
  }
  return { [STOP]: result === undefined ? { reason } : { reason, result } };
}

/** Tells {@link stop} from other results, also when it was made by another copy of this library. */
export function readStop(value: unknown): { readonly reason: string; readonly result?: unknown } | undefined {
  if (typeof value !== 'object' || value === null || !(STOP in value)) {
    return undefined;
  }
  const mark = value[STOP];
  if (typeof mark !== 'object' || mark === null || !('reason' in mark)) {
    return undefined;
  }
  return 'result' in mark
    ? { reason: String(mark.reason), result: mark.result }
    : { reason: String(mark.reason) };
}
