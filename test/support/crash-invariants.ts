import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { isSameProcess } from '../../src/execute/processes.ts';
import type { Row } from '../../src/store/driver.ts';
import { type CrashWorld, spoolOf, startsOf } from './crash-world.ts';

/** Queries of which each finds what must never be, by what it is. Ticks are at rest when they are asked. */
const VIOLATIONS: Readonly<Record<string, string>> = {
  'an attempt that the ledger holds twice': `
    SELECT task_name, scope_key, slot, attempt FROM periodic_run WHERE slot IS NOT NULL
    GROUP BY task_id, task_name, scope_key, slot, attempt HAVING count(*) > 1`,
  'a slot that was taken twice although nobody asked for another attempt': `
    SELECT r.task_name, r.scope_key, r.slot FROM periodic_run r JOIN periodic_task t ON t.id = r.task_id
    WHERE t.retry_limit = 0 AND r.trigger_kind = 'schedule'
    GROUP BY r.task_id, r.task_name, r.scope_key, r.slot HAVING count(*) > 1`,
  'a slot that is inside the range of another row': `
    SELECT r.task_name, r.scope_key, r.slot FROM periodic_run r JOIN periodic_run s
      ON s.task_id = r.task_id AND s.scope_key = r.scope_key AND s.id <> r.id
    WHERE r.trigger_kind = 'schedule' AND s.trigger_kind = 'schedule' AND s.slot_first <= r.slot AND r.slot < s.slot`,
  'an attempt without the one before it': `
    SELECT r.task_name, r.scope_key, r.slot, r.attempt FROM periodic_run r
    WHERE r.attempt > 1 AND NOT EXISTS (SELECT 1 FROM periodic_run b WHERE b.task_id = r.task_id
      AND b.scope_key = r.scope_key AND b.slot = r.slot AND b.attempt = r.attempt - 1 AND b.reason = 'retry')`,
  'a run that is alive and has ended, or neither': `
    SELECT task_name, status, live_node, ended_at FROM periodic_run
    WHERE (status = 'running') <> (live_node IS NOT NULL) OR (status = 'running') <> (ended_at IS NULL)`,
  'a run that says an attempt follows where none does': `
    SELECT r.task_name, r.scope_key, r.slot, r.attempt FROM periodic_run r
    WHERE r.reason = 'retry' AND NOT EXISTS (SELECT 1 FROM periodic_run n WHERE n.task_id = r.task_id
      AND n.scope_key = r.scope_key AND n.slot = r.slot AND n.attempt = r.attempt + 1)`,
  'a handled slot without a row in the ledger': `
    SELECT s.task_id, s.scope_key, s.handled_slot FROM periodic_task_state s
    WHERE s.handled_slot IS NOT NULL AND NOT EXISTS (SELECT 1 FROM periodic_run r
      WHERE r.task_id = s.task_id AND r.scope_key = s.scope_key AND r.slot = s.handled_slot)`,
  'a slot in the ledger that is newer than the handled one': `
    SELECT r.task_name, r.scope_key, r.slot FROM periodic_run r JOIN periodic_task_state s
      ON s.task_id = r.task_id AND s.scope_key = r.scope_key
    WHERE r.trigger_kind = 'schedule' AND (s.handled_slot IS NULL OR r.slot > s.handled_slot)`,
  'a handled slot in the future': `
    SELECT task_id, scope_key, handled_slot FROM periodic_task_state
    WHERE handled_slot > (SELECT max(tick_at) FROM periodic_tick)`,
  'a state that says that it runs without a run that is alive': `
    SELECT s.task_id, s.scope_key, s.last_run_token FROM periodic_task_state s
    WHERE s.last_status = 'running' AND NOT EXISTS (SELECT 1 FROM periodic_run r
      WHERE r.token = s.last_run_token AND r.live_node IS NOT NULL)`,
  'a state that tells another end than its last run': `
    SELECT s.task_id, s.scope_key, s.last_status, r.status FROM periodic_task_state s
    JOIN periodic_run r ON r.token = s.last_run_token WHERE s.last_status <> r.status`,
  'a state that is due': `
    SELECT task_id, scope_key, earliest_start FROM periodic_task_state
    WHERE earliest_start <= (SELECT max(tick_at) FROM periodic_tick)`,
  'an epoch that does not rise from run to run': `
    SELECT r.task_name, r.scope_key, r.id, r.epoch FROM periodic_run r JOIN periodic_run b
      ON b.task_id = r.task_id AND b.scope_key = r.scope_key AND b.id < r.id
    WHERE b.epoch >= r.epoch`,
  'an epoch of a run that its state has not reached': `
    SELECT r.task_name, r.scope_key, r.epoch, r.end_epoch, s.epoch AS state_epoch FROM periodic_run r
    JOIN periodic_task_state s ON s.task_id = r.task_id AND s.scope_key = r.scope_key
    WHERE r.epoch > s.epoch OR r.end_epoch > s.epoch`,
  'a number of a tick that is missing or that no tick has': `
    SELECT n.name, n.tick_no FROM periodic_node n
    WHERE n.tick_no <> (SELECT count(*) FROM periodic_tick k WHERE k.node = n.name)`,
};

/** Fails with the name of each invariant that does not hold, and the rows that break it. */
export function checkInvariants(world: CrashWorld, label: string): void {
  const broken = Object.entries(VIOLATIONS).flatMap(([what, query]) =>
    world.sql
      .prepare(query)
      .all()
      .map((row) => `${what}: ${JSON.stringify(row)}`),
  );
  expect(
    [...broken, ...deadRuns(world), ...missedSlots(world), ...strayStarts(world), ...strayFiles(world)],
    label,
  ).toEqual([]);
}

/** The runs that are recorded as alive and have no process any more, in words. */
export function deadRuns({ runRows }: Pick<CrashWorld, 'runRows'>): readonly string[] {
  return runRows()
    .filter((row) => row['status'] === 'running')
    .filter((row) => !isSameProcess(Number(row['pid']), String(row['pid_started'])))
    .map((row) => `a dead run of ${row['task_name']} that is recorded as alive`);
}

/** Slots of a state that no row of the ledger tells of. A state that was terminated waits for none. */
function missedSlots({ sql, slots, stateRow }: CrashWorld): readonly string[] {
  const covering = sql.prepare(
    `SELECT count(*) FROM periodic_run r JOIN periodic_task t ON t.id = r.task_id
     WHERE t.name = ? AND r.scope_key = ? AND r.slot_first <= ? AND r.slot >= ?`,
  );
  const states = sql
    .prepare(
      `SELECT t.name, s.scope_key FROM periodic_task_state s JOIN periodic_task t ON t.id = s.task_id
       WHERE s.terminated_at IS NULL`,
    )
    .all() as readonly Row[];
  return states.flatMap(({ name, scope_key: scope }) =>
    (slots.get(String(name)) ?? [])
      .map((slot) => new Date(slot).toISOString())
      .filter((slot) => covering.pluck().get(String(name), String(scope), slot, slot) === 0)
      .map((slot) => `slot ${slot} of ${name} in ${stateRow(String(name))['scope_key']} was missed`),
  );
}

/**
 * What the commands themselves have told does not fit the ledger: a run that was started twice, or that the ledger does
 * not hold so; or one whose end is that of a process although none was started.
 */
function strayStarts(world: CrashWorld): readonly string[] {
  const runs = new Map(world.runRows().map((row) => [String(row['token']), row]));
  const starts = startsOf(world);
  const tokens = new Set(starts.map(([token]) => String(token)));
  const unknown = starts.filter(([token, ...told]) => {
    const row = runs.get(String(token));
    return told.join(' ') !== [row?.['slot'] ?? '', row?.['attempt'], row?.['epoch']].join(' ');
  });
  const unstarted = [...runs.values()].filter(
    (row) => ['succeeded', 'failed'].includes(String(row['status'])) && !tokens.has(String(row['token'])),
  );
  return [
    ...(tokens.size === starts.length ? [] : ['a run whose command was started twice']),
    ...unknown.map((start) => `a start that the ledger does not know: ${start.join(' ')}`),
    ...unstarted.map((row) => `a run of ${row['task_name']} that ${row['status']} and was never started`),
  ];
}

/** Files that are left in the spool of a node. */
function strayFiles({ nodes }: CrashWorld): readonly string[] {
  return nodes.flatMap((node) => {
    const folder = spoolOf(node);
    const names = existsSync(folder) ? readdirSync(folder, { recursive: true, withFileTypes: true }) : [];
    return names
      .filter((entry) => entry.isFile())
      .map((entry) => `a file in the spool: ${join(entry.parentPath, entry.name)}`);
  });
}
