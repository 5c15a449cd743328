import type { Knex } from 'knex';
import type { DatabaseLocation } from '../config/config.ts';
import { type Instant, toText } from '../core/instants.ts';
import type { RunStatus } from '../core/state.ts';
import { numberOf, textOf } from './cells.ts';
import type { Row } from './driver.ts';
import { withKnex } from './knex.ts';
import { taskKnownAs } from './known-tasks.ts';
import { RUN_COLUMNS, type Run, runOf } from './run-row.ts';

/** Which rows of the ledger are wanted. What is undefined, and an empty list, does not restrict. */
export type RunFilter = {
  /** A name as it was typed: of a task, whatever its runs were called then, or of one that was removed. */
  readonly task?: string | undefined;
  readonly node?: string | undefined;
  readonly statuses: readonly RunStatus[];
  /** Both bounds count from when a row was made: the start of a run, the decision to skip a slot. */
  readonly since?: Instant | undefined;
  readonly until?: Instant | undefined;
  readonly limit: number;
};

/** The newest rows of the ledger that match, newest first. */
export function listRuns(database: DatabaseLocation, filter: RunFilter): Promise<readonly Run[]> {
  return withKnex(database, async (knex) => {
    const query = runs(knex).orderBy('id', 'desc').limit(filter.limit);
    if (filter.task !== undefined) {
      const known = await taskKnownAs(knex, filter.task);
      if (known === undefined) {
        return [];
      }
      query.where((either) => either.where('task_name', known.name).orWhere('task_id', known.id));
    }
    restrict(query, filter);
    const rows: readonly Row[] = await query;
    return rows.map(runOf);
  });
}

function restrict(query: Knex.QueryBuilder, { node, statuses, since, until }: RunFilter): void {
  if (node !== undefined) {
    query.where({ node });
  }
  if (statuses.length > 0) {
    query.whereIn('status', [...statuses]);
  }
  if (since !== undefined) {
    query.where('created_at', '>=', toText(since));
  }
  if (until !== undefined) {
    query.where('created_at', '<=', toText(until));
  }
}

/** The ids of the failed runs whose next attempt is still pending. */
export function runsToRetry(database: DatabaseLocation): Promise<ReadonlySet<number>> {
  return withKnex(database, async (knex) => {
    const rows: readonly Row[] = await knex('periodic_task_state as s')
      .join('periodic_run as r', (on) =>
        on
          .on('r.task_id', 's.task_id')
          .andOn('r.scope_key', 's.scope_key')
          .andOn('r.slot', 's.handled_slot')
          .andOn('r.attempt', 's.attempt'),
      )
      .whereNotNull('s.retry_at')
      .where('r.reason', 'retry')
      .select('r.id');
    return new Set(rows.map((row) => numberOf(row['id'])));
  });
}

/** A run with what it printed, as far as that was kept. */
export type RunWithOutput = { readonly run: Run; readonly output: string };

/** The run with this id, or undefined. */
export function findRunById(database: DatabaseLocation, id: number): Promise<RunWithOutput | undefined> {
  return withKnex(database, async (knex) => {
    const row: Row | undefined = await runs(knex).select('output').where({ id }).first();
    return row === undefined ? undefined : { run: runOf(row), output: textOf(row['output']) ?? '' };
  });
}

/** One of the states of a task, also of a task that was removed. */
export type StateKey = { readonly taskId: number; readonly scopeKey: string };

/**
 * All attempts of the newest recorded slot of a state up to the instant, ascending; none if no slot is recorded. The
 * newest is the one that was taken last: slots that a wrong clock took ahead are taken again after a reset.
 */
export function attemptsUpTo(
  database: DatabaseLocation,
  state: StateKey,
  at: Instant,
): Promise<readonly Run[]> {
  return withKnex(database, async (knex) => {
    const newest: Row | undefined = await slotRuns(knex, state)
      .where('slot_first', '<=', toText(at))
      .orderBy('id', 'desc')
      .first();
    if (newest === undefined) {
      return [];
    }
    const rows: readonly Row[] = await slotRuns(knex, state).where('slot', newest['slot']).orderBy('attempt');
    return rows.map(runOf);
  });
}

/** The first row of a state whose slots all come after the instant; undefined if none is recorded. */
export function firstSlotRunAfter(
  database: DatabaseLocation,
  state: StateKey,
  at: Instant,
): Promise<Run | undefined> {
  return withKnex(database, (knex) =>
    firstOf(slotRuns(knex, state).where('slot_first', '>', toText(at)).orderBy('slot_first').orderBy('id')),
  );
}

/** The newest run of a state that a person started in the span, ends included; undefined if there is none. */
export function newestManualRun(
  database: DatabaseLocation,
  state: StateKey,
  span: { readonly from: Instant; readonly to: Instant },
): Promise<Run | undefined> {
  return withKnex(database, (knex) =>
    newestOf(
      ofState(runs(knex), state)
        .where('trigger_kind', 'manual')
        .whereBetween('started_at', [toText(span.from), toText(span.to)]),
    ),
  );
}

/** The newest fault of its definition that was recorded for a state up to the instant. */
export function newestFault(
  database: DatabaseLocation,
  state: StateKey,
  at: Instant,
): Promise<Run | undefined> {
  return withKnex(database, (knex) =>
    newestOf(ofState(runs(knex), state).where('trigger_kind', 'fault').where('created_at', '<=', toText(at))),
  );
}

/** The runs that were alive at the instant: of a node, of a state, or of both. */
export function runsAliveAt(
  database: DatabaseLocation,
  at: Instant,
  whose: { readonly node?: string; readonly state?: StateKey },
): Promise<readonly Run[]> {
  return withKnex(database, async (knex) => {
    const query = runs(knex)
      .where('started_at', '<=', toText(at))
      .where((end) => end.whereNull('ended_at').orWhere('ended_at', '>', toText(at)))
      .orderBy('id');
    if (whose.node !== undefined) {
      query.where('node', whose.node);
    }
    const rows: readonly Row[] = await (whose.state === undefined ? query : ofState(query, whose.state));
    return rows.map(runOf);
  });
}

/** The scope keys under which the ledger has rows of a task: for a removed task, all that is left of its states. */
export function recordedScopes(database: DatabaseLocation, taskId: number): Promise<readonly string[]> {
  return withKnex(database, async (knex) => {
    const rows: readonly Row[] = await knex('periodic_run')
      .distinct('scope_key')
      .where('task_id', taskId)
      .orderBy('scope_key');
    return rows.map((row) => String(row['scope_key']));
  });
}

/** The newest row of the ledger for a task; undefined if there is none. */
export function newestRunOf(database: DatabaseLocation, taskId: number): Promise<Run | undefined> {
  return withKnex(database, (knex) => newestOf(runs(knex).where('task_id', taskId)));
}

function newestOf(query: Knex.QueryBuilder): Promise<Run | undefined> {
  return firstOf(query.orderBy('id', 'desc'));
}

async function firstOf(query: Knex.QueryBuilder): Promise<Run | undefined> {
  const row: Row | undefined = await query.first();
  return row === undefined ? undefined : runOf(row);
}

function runs(knex: Knex): Knex.QueryBuilder {
  return knex('periodic_run').select(knex.raw(RUN_COLUMNS));
}

function ofState(query: Knex.QueryBuilder, { taskId, scopeKey }: StateKey): Knex.QueryBuilder {
  return query.where({ task_id: taskId, scope_key: scopeKey });
}

function slotRuns(knex: Knex, state: StateKey): Knex.QueryBuilder {
  return ofState(runs(knex), state).where('trigger_kind', 'schedule').whereNotNull('slot');
}
