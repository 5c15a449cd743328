import type { JsonValue } from './json.ts';
import { LEASE_LOST } from './lease.ts';

/** How an attempt to run a task ended. `reason` and `message` are for people; `kind` is what the runner acts on. */
export type Outcome = Succeeded | Failed | TimedOut | Stopped | Cancelled;

/** The module returned, or the command ended with status 0. */
export type Succeeded = {
  readonly kind: 'succeeded';
  readonly result?: JsonValue;
  /** Of a command only. */
  readonly exitCode?: number;
  /** It succeeded, and yet something is to be looked at: an exit status that its task maps to a warning. */
  readonly warning?: string;
};

export type Failed = {
  readonly kind: 'failed';
  readonly message: string;
  /** What the process ended with, where a process ran. */
  readonly exitCode?: number;
  /** The signal that ended the process, such as `SIGSEGV`. */
  readonly signal?: string;
};

export type TimedOut = {
  readonly kind: 'timed_out';
  readonly limitMs: number;
  readonly message: string;
  readonly exitCode?: number;
  readonly signal?: string;
};

/** The module asked never to be run again for this task. */
export type Stopped = {
  readonly kind: 'stopped';
  readonly reason: string;
  readonly result?: JsonValue;
  /** Of a command only. */
  readonly exitCode?: number;
};

/** The run was ended from outside, before its module was done. */
export type Cancelled = {
  readonly kind: 'cancelled';
  /** `shutdown` when the runner was told to end, `operator` when a person asked for it; any other text says why. */
  readonly reason: string;
  readonly message: string;
  readonly exitCode?: number;
  readonly signal?: string;
};

/** The reason, in the ledger, of a run that succeeded with something to be looked at; its message says with what. */
export const WARNING = 'warning';

/** Why a run was cancelled, in words that follow its status. */
export function messageOfCancel(reason: string): string {
  switch (reason) {
    case 'shutdown':
      return 'the runner was told to end';
    case 'operator':
      return 'by the operator';
    case 'postponed':
      return 'the task was postponed';
    case LEASE_LOST:
      return 'its lease could not be renewed in time, so that another node may have taken over';
    default:
      return reason;
  }
}

/**
 * The message of a run that has ended: how it ended comes first, then what the claim remarked, such as which attempt it
 * supersedes.
 */
export function messageOfEnd(end: string | null, claim: string | null): string | null {
  return joinMessages(end, claim);
}

/** Several remarks on one run as the one message that the ledger holds; null when there is none. */
export function joinMessages(...messages: ReadonlyArray<string | null>): string | null {
  const present = messages.filter((message) => message !== null && message !== '');
  return present.length === 0 ? null : present.join('; ');
}

const MAX_REMARK_LENGTH = 1_000;

/**
 * What a task said of its end, as the ledger holds it: one line of at most 1,000 characters. Without NUL, which PostgreSQL
 * does not store, so that the end of the run would not be recorded, and without halves of pairs.
 */
export function remarkOf(text: string): string {
  const line = text
    .toWellFormed()
    .replaceAll(/\s*\n\s*/g, ' ')
    .replaceAll('\0', '\uFFFD')
    .trim();
  // A pair that the cut parts leaves no half behind.
  return line.length > MAX_REMARK_LENGTH
    ? `${line.slice(0, MAX_REMARK_LENGTH - 1).replace(/[\ud800-\udbff]$/, '')}…`
    : line;
}
