import { parseDeactivateAfter } from '../core/deactivation.ts';
import { MAX_DURATION_S } from '../core/durations.ts';
import { isJsonObject } from '../core/json.ts';
import type { PeriodPolicy } from '../core/period.ts';
import type { EndPolicy } from '../core/run-end.ts';
import { RUN_STATUSES } from '../core/state.ts';
import { ANCHORS, BACKOFFS, RETRY_CAUSES } from '../core/task.ts';
import type { RunEnd } from '../store/run-end-rows.ts';

/** A result that the database did not take. */
export type SpooledEnd = {
  readonly token: string;
  readonly databaseId: string;
  readonly task: string;
  readonly end: RunEnd;
  readonly policy: EndPolicy;
};

export type ReadSpooledEnd =
  | { readonly kind: 'result'; readonly spooled: SpooledEnd }
  | { readonly kind: 'fault'; readonly message: string };

/**
 * Reads what a file of the spool holds. Every field is checked, since a file that was damaged or written by hand must
 * not stop the ticks.
 */
export function readSpooledEnd(content: unknown): ReadSpooledEnd {
  const value = withOlderPolicy(content);
  const wrong = wrongField(value, FIELDS, '');
  return wrong === undefined
    ? { kind: 'result', spooled: value as SpooledEnd }
    : { kind: 'fault', message: `it does not hold a result: ${wrong} is missing or wrong` };
}

/** An older version of this program spooled less of the policy: what it did not know was not asked for. */
function withOlderPolicy(content: unknown): unknown {
  return isJsonObject(content) && isJsonObject(content['policy'])
    ? { ...content, policy: { ...UNKNOWN_TO_OLDER, ...content['policy'] } }
    : content;
}

const UNKNOWN_TO_OLDER = {
  deactivateAfter: '',
  period: null,
  once: false,
  randomOffsetSeconds: 0,
} satisfies Partial<EndPolicy>;

type Check = (value: unknown) => boolean;
type Checks = { readonly [field: string]: Check | Checks };
/** A check for each field, so that a new one cannot be forgotten. */
type ChecksOf<T> = { readonly [Field in keyof T]-?: Check | Checks };

const isText: Check = (value) => typeof value === 'string';
const isTextOrNull: Check = (value) => value === null || isText(value);
const isBoolean: Check = (value) => typeof value === 'boolean';
const isWholeNumber: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
const isSeconds: Check = (value) => isWholeNumber(value) && Number(value) <= MAX_DURATION_S;

// The last instant that the stored form can hold.
const LAST_INSTANT = Date.parse('9999-12-31T23:59:59.999Z');

const END_STATUSES: ReadonlySet<unknown> = new Set(
  RUN_STATUSES.filter((status) => status !== 'running' && status !== 'skipped'),
);
const CAUSES: ReadonlySet<unknown> = new Set(RETRY_CAUSES);
const ANCHOR_WORDS: ReadonlySet<unknown> = new Set(ANCHORS);
const BACKOFF_WORDS: ReadonlySet<unknown> = new Set(BACKOFFS);

const END_FIELDS = {
  status: (value) => END_STATUSES.has(value),
  reason: isTextOrNull,
  message: isTextOrNull,
  byShutdown: isBoolean,
  exitCode: (value) => value === null || Number.isSafeInteger(value),
  signal: isTextOrNull,
  result: (value) => value !== undefined,
  output: { text: isText, bytes: isWholeNumber } satisfies ChecksOf<RunEnd['output']>,
  moduleState: () => true,
  endedAt: (value) => isWholeNumber(value) && Number(value) <= LAST_INSTANT,
  durationMs: (value) => value === null || Number.isSafeInteger(value),
} satisfies ChecksOf<RunEnd>;

const PERIOD_FIELDS = {
  periodSeconds: (value) => Number.isSafeInteger(value) && Math.abs(Number(value)) <= MAX_DURATION_S,
  anchor: (value) => ANCHOR_WORDS.has(value),
  backoff: (value) => BACKOFF_WORDS.has(value),
  maxPeriodSeconds: (value) => value === null || isSeconds(value),
} satisfies ChecksOf<PeriodPolicy>;

const POLICY_FIELDS = {
  retryLimit: isWholeNumber,
  retryDelaySeconds: isSeconds,
  retryMaxDelaySeconds: isSeconds,
  retryOn: (value) => Array.isArray(value) && value.every((cause) => CAUSES.has(cause)),
  deactivateAfter: (value) => isText(value) && isDeactivation(String(value)),
  once: isBoolean,
  randomOffsetSeconds: isSeconds,
  period: (value) => value === null || wrongField(value, PERIOD_FIELDS, 'period') === undefined,
} satisfies ChecksOf<EndPolicy>;

const FIELDS = {
  token: isText,
  databaseId: isText,
  task: isText,
  end: END_FIELDS,
  policy: POLICY_FIELDS,
} satisfies ChecksOf<SpooledEnd>;

function isDeactivation(text: string): boolean {
  try {
    parseDeactivateAfter(text);
    return true;
  } catch {
    return false;
  }
}

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
