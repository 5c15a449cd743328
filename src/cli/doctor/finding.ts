import { PeriodicCronError } from '../../core/errors.ts';

/** What is examined, in the order in which it is told. */
const CHECKS = [
  'configuration',
  'database',
  'other database',
  'clock',
  'schema',
  'modules',
  'definitions',
  'states',
  'resources',
  'runs',
  'spool',
  'crontab',
  'ticks',
] as const;
export type CheckName = (typeof CHECKS)[number];

/** What one check found. Only `fail` makes the examination fail. */
export type Finding = {
  readonly check: CheckName;
  readonly level: 'ok' | 'warn' | 'fail';
  readonly message: string;
  /** What to do; null where nothing is wrong, or where the message says it. */
  readonly remedy: string | null;
};

export function ok(check: CheckName, message: string): Finding {
  return { check, level: 'ok', message, remedy: null };
}

export function warn(check: CheckName, message: string, remedy: string): Finding {
  return { check, level: 'warn', message, remedy };
}

export function fail(check: CheckName, message: string, remedy: string): Finding {
  return { check, level: 'fail', message, remedy };
}

/** The finding of a check that an error ended: its message names the remedy. A fault of this program is thrown on. */
export function failureOf(check: CheckName, error: unknown): Finding {
  if (!(error instanceof PeriodicCronError)) {
    throw error;
  }
  return { check, level: 'fail', message: error.message, remedy: null };
}

/** A list for a message: its first entries, and how many more there are. */
export function listed(entries: readonly string[], most = 5): string {
  const rest = entries.length - most;
  return entries.slice(0, most).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}

/** Puts what belongs to one check together, in the order of the checks. */
export function inOrder(findings: readonly Finding[]): readonly Finding[] {
  return CHECKS.flatMap((check) => findings.filter((finding) => finding.check === check));
}
