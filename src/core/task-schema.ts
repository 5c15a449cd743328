import * as z from 'zod';
import { parseDeactivateAfter } from './deactivation.ts';
import { MAX_DURATION_S } from './durations.ts';
import { type Fault, messageOf } from './errors.ts';
import { isJsonObject, type JsonObject } from './json.ts';
import { faultOfName, normalizeName } from './names.ts';
import { faultsTogether } from './policy-faults.ts';
import { faultOfResourceName, parseRequires } from './requires.ts';
import { checkSchedule } from './schedule/next-slot.ts';
import { SCHEDULE_KINDS } from './schedule/schedule.ts';
import {
  ALL_NODES,
  ANCHORS,
  BACKOFFS,
  CATCH_UPS,
  OFFLINE_POLICIES,
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
/** The slots of a day are looked at one by one, to see which has started: a longer spread would cost every tick. */
const MAX_RANDOM_OFFSET_S = 86_400;
/** Slots that run one after the other in one tick. */
const MAX_CATCH_UP = 10_000;

const MAX_REQUIRES_LENGTH = 1_000;
/** Node itself does not start with less. */
const LEAST_MEMORY_BYTES = 32 * 1_024 * 1_024;
const MOST_MEMORY_BYTES = 2 ** 40;

/** A name in its normal form; what `add` and `set` are given is brought into that form before. */
const nameSchema = z.string(expected('text')).check((context) => refuse(context, faultOfName(context.value)));

const nodeSchema = z
  .string(expected('text'))
  .check((context) => refuse(context, context.value === ALL_NODES ? undefined : faultOfName(context.value)));

const zoneSchema = z.string(expected('text')).check((context) => refuse(context, faultOfZone(context.value)));

const seconds = (least: number) => wholeNumber(least, MAX_DURATION_S);

const oneOf = <const Words extends readonly string[]>(words: Words) =>
  z.enum(words, expected(words.join(', ')));

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
  scheduleKind: oneOf(SCHEDULE_KINDS),
  schedule: z.string(expected('text')).default(''),
  timezone: zoneSchema.default(''),
  scope: oneOf(SCOPES).default('each'),
  ordering: wholeNumber(-1_000_000_000, 1_000_000_000).default(0),
  anchor: oneOf(ANCHORS).default('slot'),
  runImmediately: yesOrNo().default(false),
  firstDelaySeconds: seconds(0).nullable().default(null),
  enabledDelaySeconds: seconds(0).nullable().default(null),
  randomOffsetSeconds: wholeNumber(0, MAX_RANDOM_OFFSET_S).default(0),
  catchUp: oneOf(CATCH_UPS).default('latest'),
  catchUpMax: wholeNumber(1, MAX_CATCH_UP).default(100),
  startDeadlineSeconds: seconds(1).nullable().default(null),
  timeoutSeconds: seconds(0).nullable().default(null),
  killGraceSeconds: wholeNumber(0, 3_600).default(10),
  retryLimit: wholeNumber(0, MAX_RETRIES).default(0),
  retryDelaySeconds: seconds(0).default(60),
  retryMaxDelaySeconds: seconds(0).default(3_600),
  retryOn: z
    .array(oneOf(RETRY_CAUSES), expected('a list'))
    .default(() => ['failed' as const, 'timed_out' as const]),
  retryPastNext: yesOrNo().default(false),
  backoff: oneOf(BACKOFFS).default('none'),
  maxPeriodSeconds: seconds(1).nullable().default(null),
  deactivateAfter: z
    .string(expected('text'))
    .check((context) => refuse(context, faultOfDeactivation(context.value)))
    .default(''),
  overlap: oneOf(OVERLAPS).default('forbid'),
  maxParallel: wholeNumber(1, MAX_PARALLEL).default(1),
  confirmation: yesOrNo().default(false),
  runUser: z
    .string(expected('text'))
    .check((context) => refuse(context, faultOfUser(context.value)))
    .nullable()
    .default(null),
  memoryLimitBytes: wholeNumber(LEAST_MEMORY_BYTES, MOST_MEMORY_BYTES).nullable().default(null),
  requires: z
    .string(expected('text'))
    .max(MAX_REQUIRES_LENGTH, expected(`at most ${MAX_REQUIRES_LENGTH} characters`))
    .check((context) => refuse(context, faultOfRequires(context.value)))
    .default(''),
  offlineResource: z
    .string(expected('text'))
    .check((context) => refuse(context, faultOfResourceName(context.value)))
    .nullable()
    .default(null),
  offline: oneOf(OFFLINE_POLICIES).default('execute'),
  removeWhenDone: yesOrNo().default(false),
  owner: z.string(expected('text')).nullable().default(null),
  gone: yesOrNo().default(false),
  nodes: z.array(nodeSchema, expected('a list')).min(1, 'expected at least one node, got none'),
  tags: z.array(nameSchema, expected('a list')).default(() => []),
});

/** The least and the greatest value of a number among the columns; undefined for any other column. */
export function limitsOf(
  field: keyof TaskDefinition,
): { readonly least: number; readonly most: number } | undefined {
  let schema: z.core.$ZodType = definitionSchema.shape[field];
  while (schema instanceof z.ZodDefault || schema instanceof z.ZodNullable) {
    schema = schema.unwrap();
  }
  return schema instanceof z.ZodNumber && schema.minValue !== null && schema.maxValue !== null
    ? { least: schema.minValue, most: schema.maxValue }
    : undefined;
}

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

/** The name of a field as operators know it: its column, without the unit. */
export function columnName(field: string): string {
  return field.replace(/(?:Seconds|Bytes)$/, '').replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
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
  // A word names itself better than its place in the list does.
  const path = field === 'retryOn' ? [] : rest;
  return { field: [columnName(field), ...path].join('.'), message: issue.message };
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

function faultOfRequires(text: string): string | undefined {
  try {
    parseRequires(text);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

function faultOfUser(name: string): string | undefined {
  return USER.test(name) ? undefined : `expected the name or number of a user, got ${shown(name)}`;
}

/** Portable names, with what directory services add to them: a domain, and a $ at the end for a machine. */
const USER = /^[A-Za-z0-9_][\w.@+\\-]{0,254}\$?$/;

function faultOfDeactivation(text: string): string | undefined {
  try {
    parseDeactivateAfter(text);
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
