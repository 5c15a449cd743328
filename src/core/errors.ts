/**
 * The errors of this project. Each has a stable `code`, and `exitCode` is what the program ends with when nobody
 * handles it (the contract of exit codes). A message says what was expected, what came, and where.
 */
export class PeriodicCronError extends Error {
  readonly code: string = 'E_PERIODIC_CRON';
  readonly exitCode: number = 2;
  override readonly name: string = 'PeriodicCronError';
}

/** A command line that cannot be understood. */
export class UsageError extends PeriodicCronError {
  override readonly code = 'E_USAGE';
}

/** A configuration file, variable or flag value that is not valid. */
export class ConfigError extends PeriodicCronError {
  override readonly code = 'E_CONFIG';
}

/** One fault of a definition or a configuration: the field it is in and what is wrong with it. */
export type Fault = { readonly field: string; readonly message: string };

/** Several faults in one line. */
export function faultText(faults: readonly Fault[]): string {
  return faults.map(({ field, message }) => `${field}: ${message}`).join('; ');
}

/** A task definition that is not valid. Carries every fault, not only the first. */
export class DefinitionError extends PeriodicCronError {
  override readonly code = 'E_DEFINITION';
  readonly faults: readonly Fault[];

  constructor(subject: string, faults: readonly Fault[]) {
    super(`${subject}: ${faultText(faults)}`);
    this.faults = faults;
  }
}

/**
 * A schedule text that is not valid. `position` counts characters of the text from 1; the message names it too.
 */
export class ScheduleError extends PeriodicCronError {
  override readonly code = 'E_SCHEDULE';
  readonly position: number | undefined;

  constructor(message: string, position?: number) {
    super(position === undefined ? message : `${message} (at character ${position})`);
    this.position = position;
  }
}

/** The database cannot be reached, is locked for too long, is full, or is not a database. Temporary as a rule. */
export class DatabaseError extends PeriodicCronError {
  override readonly code = 'E_DATABASE';
  override readonly exitCode: number = 3;
}

/** The schema of the database is too old or too new for this program. */
export class SchemaError extends PeriodicCronError {
  override readonly code = 'E_SCHEMA';
  override readonly exitCode: number = 4;
}

/** Nothing matched what the user named. */
export class NotFoundError extends PeriodicCronError {
  override readonly code = 'E_NOT_FOUND';
  override readonly exitCode: number = 5;
}

/** Says in one line what was thrown, whatever it was: modules may throw anything, `undefined` included. */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof Error) {
    return thrown.message === '' ? thrown.name : thrown.message;
  }
  try {
    return typeof thrown === 'string' ? thrown : `threw ${JSON.stringify(thrown) ?? String(thrown)}`;
  } catch {
    return `threw a value that cannot be shown (${typeof thrown})`;
  }
}
