import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { onTestFinished } from 'vitest';
import type { Io } from '../../../src/cli/io.ts';
import { main } from '../../../src/cli/main.ts';
import { type FakeIo, fakeIo } from '../fake-io.ts';

/** The instant at which every call of a world takes place unless it says otherwise: 2026-11-21T00:55:10Z. */
export const NOW = Date.UTC(2026, 10, 21, 0, 55, 10);

export type Answer = { readonly exitCode: number; readonly out: string; readonly err: string };

export type CommandWorld = {
  readonly database: string;
  readonly folder: string;
  /** Runs the program on the world's database, as node `alpha` in the zone UTC. */
  readonly call: (...words: readonly string[]) => Promise<Answer>;
  /** The same with another terminal, clock or environment. */
  readonly callAs: (changes: Partial<Io>, ...words: readonly string[]) => Promise<Answer>;
  /** Runs a statement that reads or writes, as an operator's SQL client does. */
  // biome-ignore lint/suspicious/noExplicitAny: rows are compared with literals.
  readonly sql: (statement: string, ...params: ReadonlyArray<string | number | null>) => any[];
  /** Sets since when a task counts, and what it has handled: the triggers themselves read the real clock. */
  readonly count: (task: string, from: string, handled?: string) => void;
};

/** A folder with a database of its own, and a configuration file if there is text for one. */
export function openWorld(config?: string): CommandWorld {
  const folder = mkdtempSync(join(tmpdir(), 'periodic-cron-cli-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const database = join(folder, 'tasks.sqlite');
  if (config !== undefined) {
    writeFileSync(join(folder, 'periodic-cron.yaml'), config);
  }
  const callAs: CommandWorld['callAs'] = async (changes, ...words) => {
    const io: FakeIo = fakeIo({ cwd: folder, env: { HOME: folder, TZ: 'UTC' }, now: () => NOW, ...changes });
    const exitCode = await main(['--database', `sqlite:${database}`, ...words], io);
    const note = `periodic-cron: created the database ${database}\n`;
    return { exitCode, out: io.printed.out, err: io.printed.err.replace(note, '') };
  };
  const sql: CommandWorld['sql'] = (statement, ...params) => {
    const connection = new Database(database);
    try {
      const prepared = connection.prepare(statement);
      if (prepared.reader) {
        return prepared.all(...params);
      }
      prepared.run(...params);
      return [];
    } finally {
      connection.close();
    }
  };
  const count: CommandWorld['count'] = (task, from, handled) => {
    sql(
      `UPDATE periodic_task_state SET counted_from = ?, handled_slot = ?, earliest_start = ''
       WHERE task_id = (SELECT id FROM periodic_task WHERE name = ?)`,
      from,
      handled ?? null,
      task,
    );
  };
  return { database, folder, call: (...words) => callAs({}, ...words), callAs, sql, count };
}

/** A run in the ledger, as a tick of node alpha leaves it. */
export function insertRun(
  { sql }: CommandWorld,
  task: string,
  changes: Readonly<Record<string, string | number | null>> = {},
): void {
  const [{ id }] = sql('SELECT id FROM periodic_task WHERE name = ?', task);
  const row: Record<string, string | number | null> = {
    token: `token-${sql('SELECT count(*) AS count FROM periodic_run')[0].count}`,
    task_id: id,
    task_name: task,
    module: 'command',
    scope_key: 'alpha',
    node: 'alpha',
    trigger_kind: 'schedule',
    status: 'succeeded',
    created_at: '2026-11-21T00:50:00.000Z',
    started_at: '2026-11-21T00:50:00.000Z',
    ...changes,
  };
  const columns = Object.keys(row);
  sql(
    `INSERT INTO periodic_run (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
    ...Object.values(row),
  );
}
