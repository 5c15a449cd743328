import type { JsonValue } from '../core/json.ts';
import { jsonCopyOf } from '../modules/json-copy.ts';
import type { LogFields, TaskContext } from '../modules/module.ts';
import type { RunFacts } from './execution.ts';
import { messageOfThrown } from './module-outcome.ts';

export type ContextParts = {
  readonly run: RunFacts;
  readonly state: JsonValue | undefined;
  readonly signal: AbortSignal;
  readonly stillMine: () => Promise<boolean>;
  /** Takes whole lines. */
  readonly print: (text: string) => void;
};

export type ContextWithState = {
  readonly context: TaskContext;
  /** What the module set, or undefined when it set nothing. */
  readonly newState: () => JsonValue | undefined;
};

/** Builds what a module is given for one run. */
export function createContext({ run, state, signal, stillMine, print }: ContextParts): ContextWithState {
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
    stillMine,
    log: { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') },
    state: { get: () => current, set },
  };
  return { context, newState: () => changed };
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
