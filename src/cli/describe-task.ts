import { formatByteSize } from '../config/byte-size.ts';
import { formatDuration } from '../core/durations.ts';
import { type Instant, MINUTE_MS } from '../core/instants.ts';
import { WARNING } from '../core/outcome.ts';
import { declaringFile, isGone, neverDeclared } from '../core/owners.ts';
import { isReboot } from '../core/schedule/cron-fields.ts';
import { COUNT_LIMIT } from '../core/schedule/next-slot.ts';
import { windowNever } from '../core/schedule/window.ts';
import { ALL_NODES, type TaskRecord } from '../core/task.ts';
import type { Run } from '../store/run-row.ts';
import { statusText } from './run-view.ts';
import type { StateView } from './state-view.ts';
import type { TaskView } from './task-view.ts';
import { ordinalTick, ticksText } from './tick-wait.ts';
import { instantText, relativeTime } from './times.ts';

/** A schedule in a few words, whatever its row holds: `cron 0 2 * * *`, `every 15m`, `manual`. */
export function scheduleText({ fields }: TaskRecord): string {
  const { scheduleKind, schedule, timezone } = fields;
  const zone = typeof timezone === 'string' && timezone !== '' ? ` (${timezone})` : '';
  return `${`${String(scheduleKind)} ${String(schedule)}`.trim()}${zone}`;
}

/** When a task runs next, as a sentence without its end: `next run 2026-11-21 02:00Z (in 5 min) on node "alpha"`. */
export function nextRunSentence(view: TaskView, now: Instant, word: 'first' | 'next'): string {
  const { nextAt, states } = view;
  if (nextAt === null) {
    return tickSentence(view) ?? `no ${word} run: ${whyNever(view, now)}`;
  }
  const first = states.filter((state) => state.nextAt === nextAt);
  const keys = first.map(({ state }) => state.scopeKey);
  const where = stateNodes(view.record, keys);
  const skipReason = first[0]?.skipReason ?? null;
  if (skipReason !== null) {
    return `no ${word} run yet: the next tick skips what is due since ${minuteText(nextAt)} on ${nodesText(where)}, ${skipReason}`;
  }
  return `${word} run ${nextAt > now ? startText(nextAt, now) : `at the next tick (due since ${minuteText(nextAt)})`} on ${nodesText(where)}`;
}

/** What a schedule that counts ticks waits for; undefined for any other. */
function tickSentence({ record, states }: TaskView): string | undefined {
  const waits = states.flatMap(({ state, tickWait }) => (tickWait === null ? [] : [{ state, tickWait }]));
  const least = Math.min(...waits.map(({ tickWait }) => tickWait.ticksLeft));
  const first = waits.filter(({ tickWait }) => tickWait.ticksLeft === least);
  const wait = first[0]?.tickWait;
  if (wait === undefined) {
    return undefined;
  }
  const keys = first.map(({ state }) => state.scopeKey);
  const whose = keys.includes(ALL_NODES)
    ? `, those of all nodes together, on ${nodesText(nodesOf(record))}`
    : ` of ${nodesText(keys)}`;
  const about = wait.aboutAt === null ? '' : `, about ${clockText(wait.aboutAt)}`;
  return `fires at ${ordinalTick(least)}${least === 1 ? '' : ' from now'}${whose}${about}`;
}

/** The time of day to the minute, in UTC: `09:30Z`. */
export function clockText(instant: Instant): string {
  return `${instantText(instant).slice(11, 16)}Z`;
}

/** Why nothing is coming. */
function whyNever(view: TaskView, now: Instant): string {
  const { record, task, faults, states } = view;
  if (isGone(record)) {
    return goneText(record);
  }
  if (faults.length > 0) {
    return 'the task is invalid';
  }
  if (task?.active === false) {
    return 'the task is not active';
  }
  if (task?.confirmation === true) {
    return 'the task asks for a confirmation ("periodic-cron run_manually" runs it)';
  }
  const rest = states.find(({ resting }) => resting !== null)?.resting;
  if (rest !== undefined && states.every(({ resting }) => resting !== null)) {
    return `the task rests: ${rest}`;
  }
  const ended = (['done', 'terminated'] as const).find(
    (mark) => states.length > 0 && states.every(({ marks }) => marks.includes(mark)),
  );
  return ended === undefined
    ? whyNothingComes(view, now)
    : `the task is ${ended} (${wayBack(view, now, ended)})`;
}

/** A reset alone would leave a task of an instant that has passed with nothing to come. */
function wayBack(view: TaskView, now: Instant, ended: 'done' | 'terminated'): string {
  if (hasPassed(view, now)) {
    return '"periodic-cron set --once" gives it another instant';
  }
  return `"periodic-cron reset" ${ended === 'done' ? 'lets it run again' : 'takes that back'}`;
}

function whyNothingComes(view: TaskView, now: Instant): string {
  const { record, task, states } = view;
  const runs = states.some(({ liveRuns }) => liveRuns > 0);
  switch (task?.scheduleKind) {
    case 'manual':
      return 'the schedule is manual ("periodic-cron run_manually" runs it)';
    case 'every':
      return task.schedule.trim().startsWith('-')
        ? `a negative period is never${neverDeclared(task)}`
        : 'the next slot counts from the end of the run that is alive';
    case 'cron':
      return isReboot(task.schedule)
        ? 'it comes with the next boot of a node'
        : 'the schedule has no slot ahead';
    case 'window':
      return windowNever(task.schedule)
        ? 'the window says never'
        : 'the window has no slot in the next ten years';
    case 'ticks':
      return runs ? 'its only slot is taken, and runs' : 'its only slot is taken';
    case 'at':
      return hasPassed(view, now) && !runs ? 'its instant has passed' : 'its only slot is taken';
    default:
      return `the task waits for nothing on ${nodesText(nodesOf(record))}`;
  }
}

/** True for an instant that lies behind in the zone of each of its states. */
function hasPassed({ task, states }: TaskView, now: Instant): boolean {
  return (
    task?.scheduleKind === 'at' &&
    states.every(({ state, timetable }) => timetable?.slotsIn(state).nextAfter(now) === undefined)
  );
}

/** An instant to the minute where it is a full one, and how far away it is: `2026-11-21 02:00Z (in 5 min)`. */
export function startText(instant: Instant, now: Instant): string {
  return `${minuteText(instant)} (${relativeTime(instant, now)})`;
}

function minuteText(instant: Instant): string {
  const text = instantText(instant);
  return instant % MINUTE_MS === 0 ? text.replace(/:00Z$/, 'Z') : text;
}

/** How many slots there are; they are counted up to a limit. */
export function slotsText(count: number): string {
  const text = count >= COUNT_LIMIT ? `${count} or more` : String(count);
  return `${text} ${count === 1 ? 'slot' : 'slots'}`;
}

/** The nodes of states with these keys: the state that all nodes share is that of all of them. */
export function stateNodes(record: TaskRecord, scopeKeys: readonly string[]): readonly string[] {
  return scopeKeys.includes(ALL_NODES) ? nodesOf(record) : scopeKeys;
}

/** The nodes of a record, whatever is in its rows. */
export function nodesOf({ fields: { nodes } }: TaskRecord): readonly string[] {
  return Array.isArray(nodes) ? nodes.map(String) : [];
}

/** Nodes in a sentence: `node "alpha"`, `nodes "alpha", "beta"`, `every node`. */
export function nodesText(nodes: readonly string[]): string {
  if (nodes.includes(ALL_NODES)) {
    return 'every node';
  }
  const names = nodes.map((node) => JSON.stringify(node)).join(', ');
  return nodes.length === 1 ? `node ${names}` : `nodes ${names || 'none'}`;
}

/** How a task stands, in a table cell: its marks, then when it runs next, in the words of `nextText`. */
export function standingText(
  { record, faults, states, nextAt }: TaskView,
  now: Instant,
  nextText: (instant: Instant, now: Instant) => string = startText,
): string {
  if (isGone(record)) {
    return 'gone';
  }
  if (faults.length > 0) {
    return 'invalid';
  }
  const next = nextAt === null ? ticksAhead(states) : [nextText(nextAt, now)];
  const words = [...markTexts(states), ...next];
  return words.length === 0 ? nothingAhead(record) : words.join(', ');
}

/** What has become of a task that is gone. */
export function goneText(record: TaskRecord): string {
  return `the task is gone: ${declaringFile(record)} does not declare it any more`;
}

function nothingAhead({ fields: { active, scheduleKind, confirmation } }: TaskRecord): string {
  if (active !== true) {
    return '-';
  }
  if (confirmation === true) {
    return 'by hand, confirmed';
  }
  return scheduleKind === 'manual' ? 'by hand' : 'never';
}

function ticksAhead(states: readonly StateView[]): readonly string[] {
  const waits = states.flatMap(({ tickWait }) => tickWait ?? []);
  const [first] = waits.toSorted((one, other) => one.ticksLeft - other.ticksLeft);
  return first === undefined ? [] : [ticksText(first)];
}

/** Each mark once; one that not all states have says how many do. */
function markTexts(states: readonly StateView[]): readonly string[] {
  const marks = [...new Set(states.flatMap((state) => state.marks))];
  return marks.map((mark) => {
    const count = states.filter((state) => state.marks.includes(mark)).length;
    const reason = states.find(({ blockage }) => blockage !== null)?.blockage;
    if (mark === 'blocked' && count === states.length) {
      return `blocked: ${reason ?? 'for an unknown reason'}`;
    }
    return count === states.length ? mark : `${mark} on ${count} of ${states.length} nodes`;
  });
}

/** How a run ended and how long ago: `failed 3 h ago`. */
export function lastRunText(run: Run | undefined, now: Instant): string {
  if (run === undefined) {
    return '-';
  }
  const at = run.endedAt ?? run.startedAt ?? run.createdAt;
  const byHand = run.trigger === 'manual' ? ' by hand' : '';
  const warning = run.reason === WARNING ? ' with a warning' : '';
  return `${statusText(run).replace('_', ' ')}${byHand}${warning} ${relativeTime(at, now)}`;
}

/** Options in short: `command=true, cwd=/tmp`. */
export function optionsText({
  fields: { options },
}: {
  readonly fields: Pick<TaskRecord['fields'], 'options'>;
}): string {
  if (typeof options !== 'object' || options === null) {
    return String(options);
  }
  return Object.entries(options)
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ');
}

/** The value of a field as `show` and `set` print it: durations with their units, lists with commas. */
export function fieldText(field: string, value: unknown): string {
  const word = SPECIAL_VALUES[field]?.(value);
  if (word !== undefined) {
    return word;
  }
  if (Array.isArray(value)) {
    return value.length === 0 ? 'none' : value.join(', ');
  }
  switch (typeof value) {
    case 'number':
      return numberText(field, value);
    case 'boolean':
      return value ? 'yes' : 'no';
    case 'string':
      return value;
    default:
      return value === null ? 'none' : JSON.stringify(value);
  }
}

function numberText(field: string, value: number): string {
  if (field.endsWith('Seconds')) {
    return formatDuration(value);
  }
  return field.endsWith('Bytes') ? formatByteSize(value) : String(value);
}

const SPECIAL_VALUES: Readonly<Record<string, (value: unknown) => string | undefined>> = {
  schedule: (value) => (value === '' ? 'none' : undefined),
  timezone: (value) => (value === '' ? 'that of the node' : undefined),
  requires: (value) => (value === '' ? 'none' : undefined),
  deactivateAfter: (value) => (value === '' ? 'none' : undefined),
  timeoutSeconds: (value) => (value === null ? 'as configured' : noneIfZero(value)),
};

function noneIfZero(value: unknown): string | undefined {
  return value === 0 ? 'none' : undefined;
}
