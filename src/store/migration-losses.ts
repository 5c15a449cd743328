import type { Knex } from 'knex';
import { ADDED_TO_TASK } from './added-columns.ts';

/** Rows that hold something which goes when a migration is taken back: in a column, or a table as a whole. */
export type Loss = { readonly table: string; readonly column: string | null; readonly rows: number };

/** Counts what taking back a migration would lose. */
export async function countLosses(knex: Knex, migration: string): Promise<readonly Loss[]> {
  const { columns, tables } = ADDITIONS[migration] ?? { columns: {}, tables: [] };
  const losses: Loss[] = [];
  for (const [table, added] of Object.entries(columns)) {
    losses.push(...(await countInColumns(knex, table, added)));
  }
  for (const table of tables) {
    const [count] = await knex(table).count({ rows: '*' });
    losses.push({ table, column: null, rows: Number(count?.['rows']) });
  }
  return losses.filter(({ rows }) => rows > 0);
}

async function countInColumns(knex: Knex, table: string, added: AddedColumns): Promise<readonly Loss[]> {
  const counts = Object.entries(added).map(([column, usual]) =>
    usual === null
      ? knex.raw('count(??) AS ??', [column, column])
      : knex.raw('count(CASE WHEN ?? <> ? THEN 1 END) AS ??', [column, usual, column]),
  );
  const row: Readonly<Record<string, unknown>> | undefined = await knex(table).first(counts);
  return Object.keys(added).map((column) => ({ table, column, rows: Number(row?.[column]) }));
}

/** The value by which a column says nothing, by its name. */
type AddedColumns = Readonly<Record<string, string | number | boolean | null>>;

type Additions = {
  readonly columns: Readonly<Record<string, AddedColumns>>;
  readonly tables: readonly string[];
};

/** What each migration brings, after the first, which brings everything. */
const ADDITIONS: Readonly<Record<string, Additions>> = {
  '0002_add_policies': {
    columns: {
      periodic_task: ADDED_TO_TASK,
      periodic_task_state: { anchored_at: null, current_period_s: null, counted_tick: 0, due_tick: null },
      periodic_run: { cancel_requested: null },
    },
    tables: [],
  },
  '0003_share_with_nodes': {
    columns: {
      periodic_node: {
        rhythm_s: null,
        clock_offset_ms: null,
        drained_at: null,
        drained_by: null,
        drained_reason: null,
      },
      periodic_run: { lease_until: null, leftover_on: null },
      periodic_tick: { server: null, clock_offset_ms: null },
    },
    tables: ['periodic_maintenance'],
  },
  '0004_run_by_hand': {
    columns: {
      periodic_task: { confirmation: false, run_user: null, memory_limit_bytes: null },
      periodic_run: { progress_done: null, progress_total: null },
    },
    tables: ['periodic_counter', 'periodic_stat'],
  },
  '0005_ask_the_world': {
    columns: {
      periodic_task: {
        requires: '',
        offline_resource: null,
        offline: 'execute',
        remove_when_done: false,
        owner: null,
        gone: false,
      },
      periodic_task_state: { blocked_reason: null, offline_disabled_at: null },
    },
    tables: ['periodic_resource', 'periodic_resource_state'],
  },
  '0006_remember_wishes': {
    columns: { periodic_task: { scheduled_by: null, scheduled_slot: null } },
    tables: [],
  },
};
