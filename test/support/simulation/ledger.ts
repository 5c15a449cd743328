import type { VirtualDatabase } from '../virtual-database.ts';
import {
  type FinalState,
  HORIZON,
  type Instant,
  isoText,
  type LedgerRow,
  type WorldEnd,
  type WorldScript,
} from './world.ts';

type Sql = VirtualDatabase['sql'];
type Row = Readonly<Record<string, string | number | null>>;

/** What really came of a world. */
export function actualEnd(sql: Sql): WorldEnd {
  const runs = sql.prepare('SELECT * FROM periodic_run ORDER BY id').all() as readonly Row[];
  const states = sql
    .prepare(
      'SELECT t.name, t.backoff, s.* FROM periodic_task_state s JOIN periodic_task t ON t.id = s.task_id',
    )
    .all() as readonly Row[];
  return { rows: runs.map(ledgerRow), states: states.map(finalState) };
}

function ledgerRow(row: Row): LedgerRow {
  return {
    task: String(row['task_name']),
    scope: String(row['scope_key']),
    node: String(row['node']),
    trigger: row['trigger_kind'] === 'manual' ? 'manual' : 'schedule',
    first: instant(row['slot_first']) ?? 0,
    last: instant(row['slot']) ?? 0,
    count: Number(row['slot_count']),
    attempt: Number(row['attempt']),
    status: String(row['status']),
    reason: row['reason'] === null ? null : String(row['reason']),
    startedAt: instant(row['started_at']),
  };
}

function finalState(row: Row): FinalState {
  const period = row['current_period_s'];
  return {
    task: String(row['name']),
    scope: String(row['scope_key']),
    handledSlot: instant(row['handled_slot']),
    nextSlot: instant(row['next_slot']),
    failures: Number(row['failures']),
    terminated: row['terminated_at'] !== null,
    currentPeriod: row['backoff'] === 'none' || period === null ? null : Number(period),
  };
}

function instant(text: string | number | null | undefined): Instant | null {
  return text === null || text === undefined ? null : Date.parse(String(text));
}

/** A ledger and states as lines that can be compared and read, ordered by task, scope, slot and attempt. */
export function endLines({ rows, states }: WorldEnd, horizon: Instant): readonly string[] {
  const lines = states.map((state) => stateLine({ ...state, nextSlot: within(state.nextSlot, horizon) }));
  return [...rows.map(rowLine), ...lines].sort();
}

/** The model does not look further for a next slot. */
function within(slot: Instant | null, horizon: Instant): Instant | null {
  return slot !== null && slot <= horizon ? slot : null;
}

function rowLine(row: LedgerRow): string {
  const { task, scope, node, trigger, first, last, count, attempt, status, reason, startedAt } = row;
  const slot = trigger === 'manual' ? 'by hand' : isoText(last);
  const from = first === last ? '' : ` from ${isoText(first)}`;
  const start = startedAt === null ? '' : ` started ${isoText(startedAt)}`;
  const why = reason === null ? '' : ` (${reason})`;
  return `${task}/${scope} ${slot} #${attempt}${from} x${count} ${status}${why}${start} on ${node}`;
}

function stateLine(state: FinalState): string {
  const { task, scope, handledSlot, nextSlot, failures, terminated, currentPeriod } = state;
  const text = (slot: number | null): string => (slot === null ? 'none' : isoText(slot));
  const ended = terminated ? ' terminated' : '';
  return `${task}/${scope} at the end: handled ${text(handledSlot)}, next ${text(nextSlot)}, ${failures} failures, period ${currentPeriod}${ended}`;
}

/** Where two ends differ, in order; as many lines as one can read. */
export function differences(
  expected: WorldEnd,
  actual: WorldEnd,
  { endsAt }: Pick<WorldScript, 'endsAt'>,
): readonly string[] {
  const horizon = endsAt + HORIZON;
  const expectedLines = endLines(expected, horizon);
  const actualLines = endLines(actual, horizon);
  const expectedSet = new Set(expectedLines);
  const actualSet = new Set(actualLines);
  return [
    ...expectedLines.filter((line) => !actualSet.has(line)).map((line) => `${line}   <- expected`),
    ...actualLines.filter((line) => !expectedSet.has(line)).map((line) => `${line}   <- got`),
  ]
    .sort()
    .slice(0, MOST_DIFFERENCES);
}

const MOST_DIFFERENCES = 12;
