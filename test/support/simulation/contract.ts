import type { VirtualDatabase } from '../virtual-database.ts';
import { cronSlots } from './model-cron.ts';
import type { SimulatedWorld } from './simulator.ts';
import { isoText, type SimulatedTask, type WorldScript } from './world.ts';

type Row = Readonly<Record<string, string | number | null>>;

/** A row of the ledger with what the contract speaks of. */
type Entry = {
  readonly task: SimulatedTask;
  readonly scope: string;
  readonly node: string;
  readonly isByHand: boolean;
  readonly first: string;
  readonly slot: string;
  readonly count: number;
  readonly attempt: number;
  readonly status: string;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
};

/**
 * What in a world that has come to rest breaks the contract, without asking the model what should have happened: empty if
 * nothing does.
 */
export function breaches(script: WorldScript, { sql, starts, warnings }: SimulatedWorld): readonly string[] {
  const entries = readEntries(script, sql);
  const states = groupsOf(entries, ({ task, scope }) => `${task.name}/${scope}`);
  const tasks = new Map(script.tasks.map((task) => [task.name, task]));
  return [
    ...warnings.map((message) => `an operator was warned: ${message}`),
    ...sql
      .prepare('SELECT * FROM simulated_breach')
      .all()
      .map((row) => `went back: ${JSON.stringify(row)}`),
    ...entries.filter(({ status }) => status === 'running').map((entry) => `${textOf(entry)} has no end`),
    ...entries.filter(startsEarly).map((entry) => `${textOf(entry)} started before its slot`),
    ...states.flatMap((ofState) => [...doubleAttempts(ofState), ...lostOrder(ofState), ...overlaps(ofState)]),
    ...states.flatMap((ofState) => wrongCount(script, ofState)),
    ...starts.flatMap((names) => wrongOrder(names.flatMap((name) => tasks.get(name) ?? []))),
    ...script.nodes.flatMap(({ name }) =>
      tooMany(
        entries.filter(({ node, isByHand }) => node === name && !isByHand),
        script.maxRunning,
      ),
    ),
  ];
}

function readEntries({ tasks }: WorldScript, sql: VirtualDatabase['sql']): readonly Entry[] {
  const byName = new Map(tasks.map((task) => [task.name, task]));
  const rows = sql.prepare('SELECT * FROM periodic_run ORDER BY id').all() as readonly Row[];
  return rows.map((row) => {
    const task = byName.get(String(row['task_name']));
    if (task === undefined) {
      throw new Error(`expected runs of the script's tasks only, got ${JSON.stringify(row)}`);
    }
    return {
      task,
      scope: String(row['scope_key']),
      node: String(row['node']),
      isByHand: row['trigger_kind'] === 'manual',
      first: String(row['slot_first']),
      slot: String(row['slot']),
      count: Number(row['slot_count']),
      attempt: Number(row['attempt']),
      status: String(row['status']),
      startedAt: row['started_at'] === null ? null : String(row['started_at']),
      endedAt: row['ended_at'] === null ? null : String(row['ended_at']),
    };
  });
}

function textOf({ task, scope, slot, attempt, status }: Entry): string {
  return `${task.name}/${scope} ${slot} #${attempt} ${status}`;
}

/** Slots of ticks that fall into one minute lie some milliseconds apart, and may lie before their tick's latency. */
function startsEarly({ task, isByHand, slot, startedAt }: Entry): boolean {
  return !isByHand && task.kind !== 'ticks' && startedAt !== null && startedAt < slot;
}

/** An attempt runs at most once. */
function doubleAttempts(entries: readonly Entry[]): readonly string[] {
  const groups = groupsOf(
    entries.filter(({ isByHand }) => !isByHand),
    ({ slot, attempt }) => `${slot} #${attempt}`,
  );
  return groups.flatMap((same) => same.slice(1).map((entry) => `${textOf(entry)} was attempted twice`));
}

/** Each slot leaves one trace: the stretches of first attempts lie behind each other, and a retry follows its slot. */
function lostOrder(entries: readonly Entry[]): readonly string[] {
  const faults: string[] = [];
  let handled = '';
  for (const entry of entries.filter(({ isByHand }) => !isByHand)) {
    const isOrdered =
      entry.attempt === 1 ? entry.first > handled && entry.first <= entry.slot : entry.slot === handled;
    if (!isOrdered) {
      faults.push(`${textOf(entry)} came after ${handled} had been handled`);
    }
    handled = entry.slot;
  }
  return faults;
}

/** Runs of a state overlap only where its task allows it, and no more of them than that. */
function overlaps(entries: readonly Entry[]): readonly string[] {
  const [first] = entries;
  const most = first?.task.overlap === 'allow' ? first.task.maxParallel : 1;
  return tooMany(entries, most);
}

/** Of runs, at most so many are alive at a time; an end and a start may share an instant. */
function tooMany(entries: readonly Entry[], most: number): readonly string[] {
  const faults: string[] = [];
  let alive: readonly Entry[] = [];
  for (const entry of entries.filter(({ startedAt }) => startedAt !== null)) {
    alive = [...alive.filter(({ endedAt }) => endedAt === null || endedAt > (entry.startedAt ?? '')), entry];
    if (alive.length > most) {
      faults.push(`${alive.map(textOf).join(', ')} ran beside each other, expected at most ${most}`);
    }
  }
  return faults;
}

/** Within a tick, starts ascend by ordering and id. */
function wrongOrder(tasks: readonly SimulatedTask[]): readonly string[] {
  return tasks.flatMap((task, index) => {
    const before = tasks[index - 1];
    const isOrdered =
      before === undefined ||
      before.ordering < task.ordering ||
      (before.ordering === task.ordering && before.id <= task.id);
    return isOrdered ? [] : [`a tick started ${task.name} after ${before.name}`];
  });
}

/** Of a crontab schedule that nobody touches, the rows stand for all slots up to the last one that is handled. */
function wrongCount({ nodes }: WorldScript, entries: readonly Entry[]): readonly string[] {
  const scheduled = entries.filter(({ isByHand, attempt }) => !isByHand && attempt === 1);
  const [entry] = scheduled;
  const last = scheduled.at(-1);
  if (entry === undefined || last === undefined || !isUntouchedCron(entry.task)) {
    return [];
  }
  const { task, scope } = entry;
  const timezone = task.timezone || nodes.find(({ name }) => name === scope)?.timezone || 'UTC';
  const createdAt = task.createdAt - (task.createdAt % 60_000);
  const slots = cronSlots(task.schedule, timezone, createdAt, Date.parse(last.slot)).map(isoText);
  return scheduled
    .flatMap((row) => {
      const expected = slots.filter((slot) => row.first <= slot && slot <= row.slot).length;
      return row.count === expected
        ? []
        : [`${textOf(row)} stands for ${row.count} slots, expected ${expected}`];
    })
    .concat(
      sum(scheduled.map(({ count }) => count)) === slots.length
        ? []
        : [
            `${task.name}/${scope} left a trace of ${sum(scheduled.map(({ count }) => count))} slots of ${slots.length}`,
          ],
    );
}

function isUntouchedCron(task: SimulatedTask): boolean {
  const touched = [task.switchedAt, task.resetAt, task.postponedAt].some((instants) => instants.length > 0);
  return task.kind === 'cron' && !touched && !task.runImmediately && task.firstDelaySeconds === null;
}

function groupsOf(entries: readonly Entry[], keyOf: (entry: Entry) => string): readonly (readonly Entry[])[] {
  const groups = new Map<string, Entry[]>();
  for (const entry of entries) {
    const key = keyOf(entry);
    const group = groups.get(key) ?? [];
    group.push(entry);
    groups.set(key, group);
  }
  return [...groups.values()];
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
