import { formatDuration, parseDuration } from '../core/durations.ts';
import { type Fault, messageOf } from '../core/errors.ts';
import type { TaskDefinition } from '../core/task.ts';
import { columnName, definitionSchema, normalizeDefinition } from '../core/task-schema.ts';
import { type GivenFlags, POLICY_FLAGS, type PolicyFlag, policyGiven } from './definition-flags.ts';

/** The fields of a definition that flags name, unchecked but for their form, and the flags that cannot be read. */
export type FieldsGiven = {
  readonly fields: Partial<Record<keyof TaskDefinition, unknown>>;
  readonly faults: readonly Fault[];
};

/** Reads the flags of `add` and `set`, but for the options of the module. Reports every fault. */
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
      Object.assign({}, plain, schedule.fields, ...policies.map(({ fields }) => fields)),
    ),
    faults: [...schedule.faults, ...policies.flatMap(({ faults }) => faults)],
  };
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

function readSchedule({ cron, every, manual }: GivenFlags, defaultSpacingSeconds: number): FieldsGiven {
  const named = [
    ...(cron === undefined ? [] : [{ flag: '--cron', scheduleKind: 'cron', schedule: cron }]),
    ...(every === undefined
      ? []
      : [{ flag: '--every', scheduleKind: 'every', schedule: spacing(every, defaultSpacingSeconds) }]),
    ...(manual === true ? [{ flag: '--manual', scheduleKind: 'manual', schedule: '' }] : []),
  ];
  const [first] = named;
  if (first === undefined) {
    return { fields: {}, faults: [] };
  }
  if (named.length > 1) {
    const flags = named.map(({ flag }) => flag).join(' and ');
    return {
      fields: { scheduleKind: 'manual' },
      faults: [{ field: 'schedule', message: `expected one of --cron, --every and --manual, got ${flags}` }],
    };
  }
  return { fields: { scheduleKind: first.scheduleKind, schedule: first.schedule }, faults: [] };
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
      return readDuration(field, given);
    case 'count':
      return { fields: { [field]: numberOrText(given) }, faults: [] };
    case 'words':
      return { fields: { [field]: wordsIn(given) }, faults: [] };
    default:
      return { fields: { [field]: given }, faults: [] };
  }
}

function readDuration(field: keyof TaskDefinition, text: string): FieldsGiven {
  try {
    return { fields: { [field]: parseDuration(text) }, faults: [] };
  } catch (error) {
    return { fields: {}, faults: [{ field: columnName(field), message: messageOf(error) }] };
  }
}

function wordsIn(text: string): readonly string[] {
  return text.split(',').flatMap((word) => (word.trim() === '' ? [] : [word.trim()]));
}
