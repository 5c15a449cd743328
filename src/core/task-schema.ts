import * as z from 'zod';
import { MAX_DURATION_S } from './durations.ts';
import { type Fault, messageOf } from './errors.ts';
import { isJsonObject, type JsonObject } from './json.ts';
import { faultOfName, normalizeName } from './names.ts';
import { checkSchedule } from './schedule/next-slot.ts';
import { SCHEDULE_KINDS } from './schedule/schedule.ts';
import {
  ALL_NODES,
  OVERLAPS,
  RETRY_CAUSES,
  SCOPES,
  type Task,
  type TaskDefinition,
  type TaskRecord,
} from './task.ts';
import { zoneOf } from './zone.ts';

// A call checks each definition once or twice: compiling the schema first, as zod does by default, costs it more.
z.config({ jitless: true });

const MAX_RETRIES = 1_000;
const MAX_PARALLEL = 1_000;

/** A name in its normal form; what `add` and `set` are given is brought into that form before. */
const nameSchema = z.string(expected('text')).check((context) => refuse(context, faultOfName(context.value)));

const nodeSchema = z
  .string(expected('text'))
  .check((context) => refuse(context, context.value === ALL_NODES ? undefined : faultOfName(context.value)));

const zoneSchema = z.string(expected('text')).check((context) => refuse(context, faultOfZone(context.value)));

const seconds = (least: number) => wholeNumber(least, MAX_DURATION_S);

const yesOrNo = () => z.boolean(expected('true or false'));

/**
 * Every column of a definition with its default, which the tables repeat for those who write plain SQL (a test holds
 * the two together).
 */
export const definitionSchema = z.strictObject({
  name: nameSchema,
  active: yesOrNo().default(true),
  module: nameSchema,
  options: z.custom<JsonObject>(isJsonObject, expected('a JSON object')).default({}),
  scheduleKind: z.enum(SCHEDULE_KINDS, expected(SCHEDULE_KINDS.join(', '))),
  schedule: z.string(expected('text')).default(''),
  timezone: zoneSchema.default(''),
  scope: z.enum(SCOPES, expected(SCOPES.join(', '))).default('each'),
  ordering: wholeNumber(-1_000_000_000, 1_000_000_000).default(0),
  runImmediately: yesOrNo().default(false),
  startDeadlineSeconds: seconds(1).nullable().default(null),
  timeoutSeconds: seconds(0).nullable().default(null),
  killGraceSeconds: wholeNumber(0, 3_600).default(10),
  retryLimit: wholeNumber(0, MAX_RETRIES).default(0),
  retryDelaySeconds: seconds(0).default(60),
  retryMaxDelaySeconds: seconds(0).default(3_600),
  retryOn: z
    .array(z.enum(RETRY_CAUSES, expected(RETRY_CAUSES.join(', '))), expected('a list'))
    .default(() => ['failed' as const, 'timed_out' as const]),
  retryPastNext: yesOrNo().default(false),
  overlap: z.enum(OVERLAPS, expected(OVERLAPS.join(', '))).default('forbid'),
  maxParallel: wholeNumber(1, MAX_PARALLEL).default(1),
  nodes: z.array(nodeSchema, expected('a list')).min(1, 'expected at least one node, got none'),
  tags: z.array(nameSchema, expected('a list')).default(() => []),
});

export type CheckedTask =
  | { readonly kind: 'valid'; readonly task: Task }
  | { readonly kind: 'invalid'; readonly faults: readonly Fault[] };

/** Checks a record that was read from the database. Reports every fault, in the order of the columns. */
export function checkTask(record: TaskRecord): CheckedTask {
  const checked = checkDefinition(record.fields);
  return checked.kind === 'valid'
    ? { kind: 'valid', task: { ...checked.definition, id: record.id } }
    : checked;
}

export type CheckedDefinition =
  | { readonly kind: 'valid'; readonly definition: TaskDefinition }
  | { readonly kind: 'invalid'; readonly faults: readonly Fault[] };

/**
 * Checks a definition by itself: every column, then what the columns say together. Whether its module exists and takes
 * its options is for those to say who know the modules.
 */
export function checkDefinition(fields: Readonly<Record<string, unknown>>): CheckedDefinition {
  const parsed = definitionSchema.safeParse(fields);
  const faults = parsed.success ? [] : parsed.error.issues.map(faultOf);
  // The schedule is checked even if other columns are wrong: all faults come at once.
  const all = [
    ...faults,
    ...faultsOfSchedule(fields, faults),
    ...(parsed.success ? faultsTogether(parsed.data) : []),
  ];
  return parsed.success && all.length === 0
    ? { kind: 'valid', definition: parsed.data }
    : { kind: 'invalid', faults: all };
}

function faultsOfSchedule(fields: Readonly<Record<string, unknown>>, known: readonly Fault[]): Fault[] {
  const { scheduleKind, schedule = '' } = fields;
  const kind = SCHEDULE_KINDS.find((name) => name === scheduleKind);
  if (kind === undefined || typeof schedule !== 'string' || known.some(({ field }) => field === 'schedule')) {
    return [];
  }
  try {
    checkSchedule(kind, schedule);
    return [];
  } catch (error) {
    return [{ field: 'schedule', message: messageOf(error) }];
  }
}

function faultsTogether(definition: TaskDefinition): Fault[] {
  const faults: Fault[] = [];
  if (definition.retryMaxDelaySeconds < definition.retryDelaySeconds) {
    faults.push({
      field: 'retry_max_delay',
      message: `expected at least retry_delay (${definition.retryDelaySeconds} s), got ${definition.retryMaxDelaySeconds} s`,
    });
  }
  if (definition.scope === 'one' && definition.scheduleKind === 'cron' && definition.timezone === '') {
    faults.push({
      field: 'timezone',
      message:
        'expected a named zone such as UTC, since nodes of one state may lie in different zones, got none',
    });
  }
  if (definition.maxParallel > 1 && definition.overlap !== 'allow') {
    faults.push({
      field: 'max_parallel',
      message: `expected 1 unless overlap is allow, got ${definition.maxParallel} with overlap ${definition.overlap}`,
    });
  }
  return faults;
}

/** The name of a field as operators know it: its column, without the unit. */
export function columnName(field: string): string {
  return field.replace(/Seconds$/, '').replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Trims and composes the names of a definition that a person typed, so that equal-looking names are equal. */
export function normalizeDefinition<
  T extends { name?: string; nodes?: readonly string[]; tags?: readonly string[] },
>(definition: T): T {
  const { name, nodes, tags } = definition;
  return {
    ...definition,
    ...(name === undefined ? {} : { name: normalizeName(name) }),
    ...(nodes === undefined ? {} : { nodes: [...new Set(nodes.map(normalizeName))] }),
    ...(tags === undefined ? {} : { tags: [...new Set(tags.map(normalizeName))] }),
  };
}

function faultOf(issue: z.core.$ZodIssue): Fault {
  const [field = 'definition', ...rest] = issue.path.map(String);
  return { field: [columnName(field), ...rest].join('.'), message: issue.message };
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}

function faultOfZone(zone: string): string | undefined {
  if (zone === '') {
    return undefined;
  }
  try {
    zoneOf(zone);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

function wholeNumber(least: number, most: number) {
  const within = expected(`a whole number from ${least} to ${most}`);
  return z.int(within).min(least, within).max(most, within);
}

function expected(what: string) {
  return { error: (issue: { readonly input?: unknown }) => `expected ${what}, got ${shown(issue.input)}` };
}

function refuse(context: z.core.ParsePayload<string>, message: string | undefined): void {
  if (message !== undefined) {
    context.issues.push({ code: 'custom', message, input: context.value });
  }
}
