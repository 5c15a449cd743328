import { type Instant, LAST_INSTANT } from '../core/instants.ts';
import type { JsonValue } from '../core/json.ts';
import { jsonCopyOf } from '../modules/json-copy.ts';
import type { LogFields, TaskContext } from '../modules/module.ts';
import { shown } from '../modules/option-faults.ts';
import type { KeyedValue, Progress, RunFacts, RunHost } from './execution.ts';
import { messageOfThrown } from './module-outcome.ts';
import { checkedName, checkedOneShot } from './one-shot.ts';

export type ContextParts = {
  readonly run: RunFacts;
  readonly state: JsonValue | undefined;
  readonly signal: AbortSignal;
  readonly host: RunHost;
  /** Takes whole lines. */
  readonly print: (text: string) => void;
};

export type ContextWithState = {
  readonly context: TaskContext;
  /** What the module set, or undefined when it set nothing. */
  readonly newState: () => JsonValue | undefined;
};

/** Builds what a module is given for one run. */
export function createContext({ run, state, signal, host, print }: ContextParts): ContextWithState {
  let current = state;
  let changed: JsonValue | undefined;
  const set = (value: JsonValue): void => {
    const copy = jsonCopyOf(value, 'state');
    if (copy.kind === 'fault') {
      throw new TypeError(copy.message);
    }
    current = copy.value;
    changed = copy.value;
  };
  const line = (level: string) => (message: string, fields?: LogFields) =>
    print(logLine(level, message, fields));
  const context: TaskContext = {
    task: run.task,
    node: run.node,
    slotAt: run.slotAt === null ? null : new Date(run.slotAt),
    attempt: run.attempt,
    runId: run.runId,
    epoch: run.epoch,
    signal,
    stillMine: host.stillMine,
    log: { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') },
    state: { get: () => current, set },
    counters: {
      increment: async (given, amount = 1) => {
        const { name, by } = checkedCounter(given, amount);
        await host.incrementCounter(name, by);
      },
    },
    stats: {
      record: async (key, value, date) => {
        const stats = checkedStats([[key, value]], date);
        await host.recordStats(stats.values, stats.at);
      },
      recordAll: async (given, date) => {
        const stats = checkedStats(entriesOf(given), date);
        await host.recordStats(stats.values, stats.at);
      },
    },
    progress: (done, total) => host.progress(checkedProgress(done, total)),
    schedule: async (oneShot) => {
      const wish = checkedOneShot(oneShot);
      await host.schedule(wish);
      return wish.name;
    },
    postpone: async (name) => host.postpone(checkedName('name of a task', name)),
    isRunning: async (name) => host.isRunning(checkedName('name of a task', name)),
  };
  return { context, newState: () => changed };
}

/**
 * A counter's name in its normal form, and what is to be added to it.
 *
 * @throws TypeError for what is no name, RangeError for what is no whole number
 */
export function checkedCounter(name: unknown, by: unknown): { readonly name: string; readonly by: number } {
  return { name: checkedName('name of a counter', name), by: wholeIn(by) };
}

/** How many values are recorded together: one statement holds them all. */
const MOST_VALUES = 1_000;

/**
 * Values of statistics, by their names; without a date they are of now.
 *
 * @throws TypeError for what is no name, and for one that comes twice in its normal form; RangeError for a value that is not finite, a date that cannot be stored, and too
 * many values
 */
export function checkedStats(
  entries: readonly (readonly [unknown, unknown])[],
  date: unknown,
): { readonly values: readonly KeyedValue[]; readonly at: Instant | undefined } {
  if (entries.length > MOST_VALUES) {
    throw new RangeError(`stats: expected at most ${MOST_VALUES} values together, got ${entries.length}`);
  }
  const values = entries.map(([key, value]) => ({
    key: checkedName('name of a statistic', key),
    value: finiteIn(value),
  }));
  const twice = values.find(({ key }, index) => values.findIndex((other) => other.key === key) < index);
  if (twice !== undefined) {
    throw new TypeError(`stats: expected each name once, got ${JSON.stringify(twice.key)} twice`);
  }
  return {
    values,
    at: date === undefined ? undefined : instantIn(date),
  };
}

function entriesOf(values: unknown): readonly (readonly [string, unknown])[] {
  if (typeof values !== 'object' || values === null || Array.isArray(values)) {
    throw new TypeError(`stats: expected an object of values by their names, got ${shown(values)}`);
  }
  return Object.entries(values);
}

function wholeIn(by: unknown): number {
  if (typeof by !== 'number' || !Number.isSafeInteger(by)) {
    throw new RangeError(
      `counters.increment: expected a whole number from ${-Number.MAX_SAFE_INTEGER} to ${Number.MAX_SAFE_INTEGER}, got ${told(by)}`,
    );
  }
  return by;
}

function finiteIn(value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    throw new RangeError(`stats: expected a number that is finite, got ${told(value)}`);
  }
  return value;
}

function instantIn(date: unknown): Instant {
  const instant = date instanceof Date ? date.getTime() : Number.NaN;
  if (!(instant >= 0 && instant <= LAST_INSTANT)) {
    throw new RangeError(`stats: expected a Date from 1970 to 9999, got ${String(date)}`);
  }
  return instant;
}

/**
 * The progress that two numbers tell.
 *
 * @throws RangeError unless both are finite, `total` is positive and `done` lies from 0 to `total`
 */
export function checkedProgress(done: unknown, total: unknown): Progress {
  const isRight =
    typeof done === 'number' && typeof total === 'number' && total > 0 && done >= 0 && done <= total;
  if (!isRight || !Number.isFinite(total)) {
    throw new RangeError(
      `progress: expected done from 0 to a positive total, got ${told(done)} of ${told(total)}`,
    );
  }
  return { done, total };
}

/** JSON has no word for what is no finite number. */
function told(value: unknown): string {
  return typeof value === 'number' ? String(value) : shown(value);
}

function logLine(level: string, message: string, fields: LogFields | undefined): string {
  return fields === undefined ? `${level} ${message}\n` : `${level} ${message} ${fieldsText(fields)}\n`;
}

// A line of a log must not fail a run, whatever its fields hold.
function fieldsText(fields: LogFields): string {
  try {
    return JSON.stringify(fields, (_, value: unknown) => {
      if (value instanceof Error) {
        return messageOfThrown(value);
      }
      return typeof value === 'bigint' ? value.toString() : value;
    });
  } catch (thrown) {
    return `(fields that cannot be shown: ${messageOfThrown(thrown)})`;
  }
}
