import type { Instant } from '../core/instants.ts';
import { type LifeEvent, type ResourceChange, type Severity, severityOf } from '../runner/events.ts';
import type { RunnerEvent } from '../runner/runner.ts';
import type { Context } from './context.ts';
import type { Session } from './session.ts';

/** Where the events in the life of tasks go: to the log file that is configured, and to whoever watches. */
export type EventLog = {
  /** Never throws: a log that cannot be written stops nothing. */
  readonly write: (life: LifeEvent) => void;
  /** Writes to the log file what an operator was told aside from any task's life. */
  readonly warn: (message: string) => void;
  /** A resource is in another state than before. */
  readonly resource: (change: ResourceChange) => void;
};

/** A line of the log. A warning belongs to no task. */
export type LogEntry<Happened = LifeEvent | LogWarning | LogResource> = {
  readonly at: Instant;
  readonly severity: Severity;
  readonly happened: Happened;
};

export type LogWarning = { readonly event: 'warning'; readonly node: string; readonly message: string };

export type LogResource = { readonly event: 'resource' } & ResourceChange;

/** A log that keeps nothing, such as that of a dry run. */
export const SILENT_LOG: EventLog = {
  write: () => undefined,
  warn: () => undefined,
  resource: () => undefined,
};

/**
 * Opens the log of a call. With `show`, `-v` makes every event a line on stdout as it happens, unless `--json` has
 * stdout for its document. Loads nothing where no file is configured and nothing is shown, and opens the file for each
 * line: a call that has nothing to log leaves no trace, and a file may be rotated at any time.
 */
export async function openEventLog(
  { io, output }: Context,
  { config, clock }: Pick<Session, 'config' | 'clock'>,
  { show }: { readonly show: boolean },
): Promise<EventLog> {
  const { file, level } = config.log;
  const keep =
    file === undefined
      ? undefined
      : (await import('./event-log-file.ts')).openLogFile({
          path: file,
          level,
          host: io.hostName,
          onFault: (message) => output.note(message),
        });
  const isShown = show && output.isVerbose && !output.isJson;
  const lines = isShown ? await import('./event-log-line.ts') : undefined;
  return {
    write: (life) => {
      const severity = severityOf(life);
      const entry = { at: clock(), severity, happened: life };
      keep?.(entry);
      if (lines !== undefined && severity !== 'debug') {
        output.line(lines.lineOf(entry, output.paint));
      }
    },
    warn: (message) => {
      const happened = { event: 'warning', node: config.node, message } as const;
      keep?.({ at: clock(), severity: 'warn', happened });
    },
    resource: (change) => {
      const happened = { event: 'resource', ...change } as const;
      const entry = { at: clock(), severity: 'info', happened } as const;
      keep?.(entry);
      if (lines !== undefined) {
        output.line(lines.lineOfResource(entry));
      }
    },
  };
}

/** Logs what a runner tells, as far as it belongs into the log: lives and warnings. */
export function logRunnerEvent(log: EventLog, event: RunnerEvent): void {
  switch (event.kind) {
    case 'life':
      log.write(event.life);
      return;
    case 'warning':
      log.warn(event.message);
      return;
    case 'resource':
      log.resource(event.change);
      return;
    default:
      return;
  }
}
