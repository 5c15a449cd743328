import { MAX_DURATION_S } from '../core/durations.ts';
import { isJsonObject } from '../core/json.ts';
import { RUN_STATUSES } from '../core/state.ts';
import { RETRY_CAUSES } from '../core/task.ts';
import type { RetryPolicy } from '../core/transitions.ts';
import type { RunEnd } from '../store/finish.ts';

/** A result that the database did not take. */
export type SpooledEnd = {
  readonly token: string;
  readonly databaseId: string;
  readonly task: string;
  readonly end: RunEnd;
  readonly policy: RetryPolicy;
};

export type ReadSpooledEnd =
  | { readonly kind: 'result'; readonly spooled: SpooledEnd }
  | { readonly kind: 'fault'; readonly message: string };

/**
 * Reads what a file of the spool holds. Every field is checked, since a file that was damaged or written by hand must
 * not stop the ticks.
 */
export function readSpooledEnd(value: unknown): ReadSpooledEnd {
  const wrong = wrongField(value, FIELDS, '');
  return wrong === undefined
    ? { kind: 'result', spooled: value as SpooledEnd }
    : { kind: 'fault', message: `it does not hold a result: ${wrong} is missing or wrong` };
}

type Check = (value: unknown) => boolean;
type Checks = { readonly [field: string]: Check | Checks };
/** A check for each field, so that a new one cannot be forgotten. */
type ChecksOf<T> = { readonly [Field in keyof T]-?: Check | Checks };

const isText: Check = (value) => typeof value === 'string';
const isTextOrNull: Check = (value) => value === null || isText(value);
const isWholeNumber: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
const isSeconds: Check = (value) => isWholeNumber(value) && Number(value) <= MAX_DURATION_S;

// The last instant that the stored form can hold.
const LAST_INSTANT = Date.parse('9999-12-31T23:59:59.999Z');

const END_STATUSES: ReadonlySet<unknown> = new Set(
  RUN_STATUSES.filter((status) => status !== 'running' && status !== 'skipped'),
);
const CAUSES: ReadonlySet<unknown> = new Set(RETRY_CAUSES);

const END_FIELDS = {
  status: (value) => END_STATUSES.has(value),
  reason: isTextOrNull,
  message: isTextOrNull,
  byShutdown: (value) => typeof value === 'boolean',
  exitCode: (value) => value === null || Number.isSafeInteger(value),
  signal: isTextOrNull,
  result: (value) => value !== undefined,
  output: { text: isText, bytes: isWholeNumber } satisfies ChecksOf<RunEnd['output']>,
  moduleState: () => true,
  endedAt: (value) => isWholeNumber(value) && Number(value) <= LAST_INSTANT,
  durationMs: (value) => value === null || Number.isSafeInteger(value),
} satisfies ChecksOf<RunEnd>;

const POLICY_FIELDS = {
  retryLimit: isWholeNumber,
  retryDelaySeconds: isSeconds,
  retryMaxDelaySeconds: isSeconds,
  retryOn: (value) => Array.isArray(value) && value.every((cause) => CAUSES.has(cause)),
} satisfies ChecksOf<RetryPolicy>;

const FIELDS = {
  token: isText,
  databaseId: isText,
  task: isText,
  end: END_FIELDS,
  policy: POLICY_FIELDS,
} satisfies ChecksOf<SpooledEnd>;

function wrongField(value: unknown, checks: Check | Checks, path: string): string | undefined {
  if (typeof checks === 'function') {
    return checks(value) ? undefined : path;
  }
  if (!isJsonObject(value)) {
    return path === '' ? 'everything' : path;
  }
  for (const [field, check] of Object.entries(checks)) {
    const wrong = wrongField(value[field], check, path === '' ? field : `${path}.${field}`);
    if (wrong !== undefined) {
      return wrong;
    }
  }
  return undefined;
}
