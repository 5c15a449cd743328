import { closeSync, constants, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import type { Logger, pino } from 'pino';
import type { LogLevel } from '../config/config.ts';
import { messageOf } from '../core/errors.ts';
import { type Instant, toShortText, toText } from '../core/instants.ts';
import { once } from '../core/once.ts';
import type { LifeEvent } from '../runner/events.ts';
import type { LogEntry, LogResource, LogWarning } from './event-log.ts';

export type LogFile = {
  /** Absolute. */
  readonly path: string;
  readonly level: LogLevel;
  readonly host: string;
  /** Told once in a call, however many lines are lost. */
  readonly onFault: (message: string) => void;
};

/**
 * Opens a log file: a line of JSON for each entry, in the file when the call returns. Nothing is loaded or touched before
 * the first line.
 */
export function openLogFile(file: LogFile): (entry: LogEntry) => void {
  let isFaultTold = false;
  let at = 0;
  const logger = once(() => createLogger(file, () => at));
  return (entry) => {
    at = entry.at;
    try {
      logger()[entry.severity](fieldsOf(entry.happened));
    } catch (error) {
      if (!isFaultTold) {
        isFaultTold = true;
        file.onFault(`cannot write to the log file ${file.path}: ${messageOf(error)}`);
      }
    }
  };
}

function createLogger({ path, level, host }: LogFile, now: () => Instant): Logger {
  // An import would only be there a moment later, and what happened until then would be lost in a crash.
  const create: typeof pino = createRequire(import.meta.url)('pino');
  return create(
    {
      level,
      base: { pid: process.pid, host },
      timestamp: () => `,"time":"${toText(now())}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line) => append(path, line) },
  );
}

const { O_APPEND, O_CREAT, O_NOCTTY, O_NONBLOCK, O_WRONLY } = constants;
// A pipe that nobody reads must not hold a tick up.
const APPEND = O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY | O_NONBLOCK;
const FILE_MODE = 0o640;
const FOLDER_MODE = 0o750;

function append(path: string, line: string): void {
  const file = openForAppend(path);
  try {
    writeFileSync(file, line);
  } finally {
    closeSync(file);
  }
}

function openForAppend(path: string): number {
  try {
    return openSync(path, APPEND, FILE_MODE);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) {
      throw error;
    }
    mkdirSync(dirname(path), { recursive: true, mode: FOLDER_MODE });
    return openSync(path, APPEND, FILE_MODE);
  }
}

// Every field is named here: what an event may come to carry besides does not get into the file by itself.
function fieldsOf(happened: LifeEvent | LogWarning | LogResource): object {
  if (happened.event === 'warning') {
    const { event, node, message } = happened;
    return { event, node, message };
  }
  if (happened.event === 'resource') {
    const { event, resource, node, before, state, why } = happened;
    return { event, resource, node, before, state, why };
  }
  const { event, task, scope, node, slotAt, nextSlotAt, retryAt, ...details } = happened;
  const { scopes, runId, trigger, attempt, slotCount, status, durationMs, reason, error } = details;
  const { actor, fields, formerName } = details;
  return {
    event,
    task,
    scope,
    node,
    slotAt: instantText(slotAt),
    nextSlotAt: instantText(nextSlotAt),
    ...present({ scopes, runId, trigger, attempt, slotCount, status, durationMs, reason, error }),
    ...present({ retryAt: instantText(retryAt ?? null), actor, fields, formerName }),
  };
}

function present(fields: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => (value ?? null) !== null));
}

function instantText(instant: Instant | null): string | null {
  return instant === null ? null : toShortText(instant);
}
