import { parseByteSize } from '../config/byte-size.ts';
import { formatDeactivateAfter, parseDeactivateAfter } from '../core/deactivation.ts';
import { formatDuration, parseDuration } from '../core/durations.ts';
import { type Fault, messageOf, UsageError } from '../core/errors.ts';
import type { TaskDefinition } from '../core/task.ts';
import { columnName, definitionSchema, limitsOf, normalizeDefinition } from '../core/task-schema.ts';
import { type GivenFlags, KIND_FLAGS, policyGiven } from './definition-flags.ts';
import { POLICY_FLAGS, type PolicyFlag } from './policy-flags.ts';

/** The fields of a definition that flags name, unchecked but for their form, and the flags that cannot be read. */
export type FieldsGiven = {
  readonly fields: Partial<Record<keyof TaskDefinition, unknown>>;
  readonly faults: readonly Fault[];
};

/**
 * Reads the flags of `add` and `set`, but for the options of the module. Reports every fault.
 *
 * @throws UsageError for a flag without the one that it belongs to
 */
export function readDefinition(
  given: GivenFlags,
  { defaultSpacingSeconds }: { readonly defaultSpacingSeconds: number },
): FieldsGiven {
  const schedule = readSchedule(given, defaultSpacingSeconds);
  const policies = POLICY_FLAGS.map((flag) => readPolicy(flag, policyGiven(given, flag)));
  const plain = {
    ...optional('name', given.name),
    ...optional('module', given.module),
    ...optional('timezone', given.timezone),
    ...optional('nodes', given.node),
    ...optional('scope', given.scope),
    ...optional('ordering', given.order === undefined ? undefined : numberOrText(given.order)),
    ...optional('tags', Array.isArray(given.tag) ? given.tag : noTags(given.tag)),
    ...optional('active', given.inactive === true ? false : undefined),
  };
  return {
    fields: normalizeDefinition(
      Object.assign(
        {},
        plain,
        schedule.fields,
        withoutBackEnd(policies),
        ...policies.map(({ fields }) => fields),
      ),
    ),
    faults: [...schedule.faults, ...policies.flatMap(({ faults }) => faults)],
  };
}

/** A task that is offline without nothing runs all the same, unless a flag says otherwise: that is refused then. */
function withoutBackEnd(policies: readonly FieldsGiven[]): FieldsGiven['fields'] {
  return policies.some(({ fields }) => fields.offlineResource === null) ? { offline: 'execute' } : {};
}

function optional<Field extends keyof TaskDefinition>(
  field: Field,
  value: unknown,
): Partial<Record<Field, unknown>> {
  return value === undefined ? {} : ({ [field]: value } as Partial<Record<Field, unknown>>);
}

function noTags(tag: GivenFlags['tag']): readonly string[] | undefined {
  return tag === false ? [] : undefined;
}

/** A text that is no number is left for the schema, which says what it expected. */
function numberOrText(text: string): number | string {
  return /^-?\d{1,15}$/.test(text.trim()) ? Number(text) : text;
}

type NamedSchedule = { readonly flag: string; readonly scheduleKind: string; readonly schedule: string };

function readSchedule(given: GivenFlags, defaultSpacingSeconds: number): FieldsGiven {
  requireOwners(given);
  const named = namedSchedules(given, defaultSpacingSeconds);
  const [first] = named;
  if (first === undefined) {
    return { fields: {}, faults: [] };
  }
  if (named.length > 1) {
    const flags = named.map(({ flag }) => flag).join(' and ');
    return {
      fields: { scheduleKind: 'manual' },
      faults: [{ field: 'schedule', message: `expected one of ${KIND_FLAGS}, got ${flags}` }],
    };
  }
  return { fields: { scheduleKind: first.scheduleKind, schedule: first.schedule }, faults: [] };
}

function requireOwners({ repeat, ticks, past, once }: GivenFlags): void {
  if (repeat === true && ticks === undefined) {
    throw new UsageError('--repeat: expected it with --ticks, got it without');
  }
  if (past !== undefined && once === undefined) {
    throw new UsageError('--past: expected it with --once, got it without');
  }
  if (past !== undefined && past !== 'run') {
    throw new UsageError(`--past: expected run, got ${JSON.stringify(past)}`);
  }
}

function namedSchedules(given: GivenFlags, defaultSpacingSeconds: number): readonly NamedSchedule[] {
  const { cron, every, window, ticks, repeat = false, once, manual } = given;
  const texts = [
    { flag: '--cron', scheduleKind: 'cron', schedule: cron },
    {
      flag: '--every',
      scheduleKind: 'every',
      schedule: every === undefined ? undefined : spacing(every, defaultSpacingSeconds),
    },
    { flag: '--window', scheduleKind: 'window', schedule: window },
    {
      flag: '--ticks',
      scheduleKind: 'ticks',
      schedule: ticks === undefined ? undefined : ticksText(ticks, repeat),
    },
    { flag: '--once', scheduleKind: 'at', schedule: once },
    { flag: '--manual', scheduleKind: 'manual', schedule: manual === true ? '' : undefined },
  ];
  return texts.flatMap(({ schedule, ...named }) => (schedule === undefined ? [] : [{ ...named, schedule }]));
}

/** The text of a schedule of ticks, which may say itself that it repeats. */
export function ticksText(ticks: string, repeat: boolean): string {
  const text = ticks.trim();
  return repeat && !/\srepeat$/i.test(text) ? `${text} repeat` : text;
}

/** `0` stands for the default spacing at the time of writing: a later change of the configuration changes no task. */
function spacing(every: string, defaultSpacingSeconds: number): string {
  try {
    return parseDuration(every) === 0 ? formatDuration(defaultSpacingSeconds) : every.trim();
  } catch {
    // The check of the schedule says what is wrong with it, as it does for every kind.
    return every;
  }
}

function readPolicy({ field, reads, words }: PolicyFlag, given: string | boolean | undefined): FieldsGiven {
  if (given === undefined) {
    return { fields: {}, faults: [] };
  }
  if (typeof given === 'boolean') {
    return { fields: { [field]: given }, faults: [] };
  }
  if (given === 'default') {
    return { fields: { [field]: definitionSchema.shape[field].parse(undefined) }, faults: [] };
  }
  if (words !== undefined && Object.hasOwn(words, given)) {
    return { fields: { [field]: words[given] }, faults: [] };
  }
  switch (reads) {
    case 'duration':
      return read(field, () => secondsFor(field, given));
    case 'count':
      return { fields: { [field]: numberOrText(given) }, faults: [] };
    case 'bytes':
      return read(field, () => bytesFor(given));
    case 'words':
      return { fields: { [field]: wordsIn(given) }, faults: [] };
    case 'trimmed':
      return { fields: { [field]: given.trim() }, faults: [] };
    case 'deactivation':
      return read(field, () => formatDeactivateAfter(parseDeactivateAfter(given)));
    default:
      return { fields: { [field]: given }, faults: [] };
  }
}

function secondsFor(field: keyof TaskDefinition, given: string): number {
  const seconds = parseDuration(given);
  const limits = limitsOf(field);
  if (limits !== undefined && (seconds < limits.least || seconds > limits.most)) {
    const [least, most] = [formatDuration(limits.least), formatDuration(limits.most)];
    throw new UsageError(`expected a duration from ${least} to ${most}, got ${JSON.stringify(given)}`);
  }
  return seconds;
}

function bytesFor(given: string): number {
  const bytes = parseByteSize(given);
  if (bytes === undefined) {
    throw new UsageError(`expected a size such as 256MiB, got ${JSON.stringify(given)}`);
  }
  return bytes;
}

function read(field: keyof TaskDefinition, value: () => unknown): FieldsGiven {
  try {
    return { fields: { [field]: value() }, faults: [] };
  } catch (error) {
    return { fields: {}, faults: [{ field: columnName(field), message: messageOf(error) }] };
  }
}

function wordsIn(text: string): readonly string[] {
  return text.split(',').flatMap((word) => (word.trim() === '' ? [] : [word.trim()]));
}
