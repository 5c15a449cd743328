import { formatDuration } from '../core/durations.ts';
import { type Instant, MINUTE_MS } from '../core/instants.ts';
import { isReboot } from '../core/schedule/cron-fields.ts';
import { ALL_NODES, type TaskRecord } from '../core/task.ts';
import type { Run } from '../store/rows.ts';
import type { StateView, TaskView } from './task-view.ts';
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
    return `no ${word} run: ${whyNever(view)}`;
  }
  const nodes = states.filter((state) => state.nextAt === nextAt).map(({ state }) => state.scopeKey);
  const where = nodes.includes(ALL_NODES) ? nodesOf(view.record) : nodes;
  return `${word} run ${nextAt > now ? startText(nextAt, now) : `at the next tick (due since ${minuteText(nextAt)})`} on ${nodesText(where)}`;
}

/** Why nothing is coming. */
function whyNever({ record, task, faults, states }: TaskView): string {
  if (faults.length > 0) {
    return 'the task is invalid';
  }
  if (task?.active === false) {
    return 'the task is not active';
  }
  if (states.length > 0 && states.every(({ marks }) => marks.includes('terminated'))) {
    return 'the task is terminated ("periodic-cron reset" takes that back)';
  }
  switch (task?.scheduleKind) {
    case 'manual':
      return 'the schedule is manual ("periodic-cron run_manually" runs it)';
    case 'every':
      return 'a negative period is never';
    case 'cron':
      return isReboot(task.schedule)
        ? 'it comes with the next boot of a node'
        : 'the schedule has no slot ahead';
    default:
      return `the task waits for nothing on ${nodesText(nodesOf(record))}`;
  }
}

/** An instant to the minute where it is a full one, and how far away it is: `2026-11-21 02:00Z (in 5 min)`. */
export function startText(instant: Instant, now: Instant): string {
  return `${minuteText(instant)} (${relativeTime(instant, now)})`;
}

function minuteText(instant: Instant): string {
  const text = instantText(instant);
  return instant % MINUTE_MS === 0 ? text.replace(/:00Z$/, 'Z') : text;
}

/** The nodes of a record, whatever is in its rows. */
export function nodesOf({ fields: { nodes } }: TaskRecord): readonly string[] {
  return Array.isArray(nodes) ? nodes.map(String) : [];
}

function nodesText(nodes: readonly string[]): string {
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
  if (faults.length > 0) {
    return 'invalid';
  }
  const next = nextAt === null ? [] : [nextText(nextAt, now)];
  const words = [...markTexts(states), ...next];
  const nothing = record.fields.active === true ? 'never' : '-';
  return words.length === 0 ? nothing : words.join(', ');
}

/** Each mark once; one that not all states have says how many do. */
function markTexts(states: readonly StateView[]): readonly string[] {
  const marks = [...new Set(states.flatMap((state) => state.marks))];
  return marks.map((mark) => {
    const count = states.filter((state) => state.marks.includes(mark)).length;
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
  return `${run.status.replace('_', ' ')}${byHand} ${relativeTime(at, now)}`;
}

/** Options in short: `command=true, cwd=/tmp`. */
export function optionsText({ fields: { options } }: TaskRecord): string {
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
      return field.endsWith('Seconds') ? formatDuration(value) : String(value);
    case 'boolean':
      return value ? 'yes' : 'no';
    case 'string':
      return value;
    default:
      return value === null ? 'none' : JSON.stringify(value);
  }
}

const SPECIAL_VALUES: Readonly<Record<string, (value: unknown) => string | undefined>> = {
  schedule: (value) => (value === '' ? 'none' : undefined),
  timezone: (value) => (value === '' ? 'that of the node' : undefined),
  timeoutSeconds: (value) => (value === null ? 'as configured' : noneIfZero(value)),
};

function noneIfZero(value: unknown): string | undefined {
  return value === 0 ? 'none' : undefined;
}
