import { randomUUID } from 'node:crypto';
import Database from 'better-sqlite3';

// What a runner writes for each run, by better-sqlite3 alone with the same settings: the same two transactions with the
// same statements on rows of the same size, for every state that is due. All that decides, checks and runs is left out.
const database = new Database(process.argv[2]);
database.pragma('busy_timeout = 50');
database.pragma('foreign_keys = ON');
database.pragma('synchronous = FULL');

const MACHINE = '0123456789abcdef0123456789abcdef';
const BOOT = '01234567-89ab-cdef-0123-456789abcdef';
const NEXT = '2099-01-01T00:00:00.000Z';

const claimState = database.prepare(
  `UPDATE periodic_task_state SET epoch = epoch + 1, handled_slot = ?, next_slot = ?, earliest_start = ?, attempt = ?,
     retry_at = ?, fault = ?, last_run_token = ?, last_status = ?, last_started_at = ?
   WHERE task_id = ? AND scope_key = ? AND epoch = ?
     AND (? = 'manual' OR (SELECT count(*) FROM periodic_run WHERE live_node = ? AND trigger_kind = 'schedule') < ?)`,
);
const insertRun = database.prepare(
  `INSERT INTO periodic_run (token, task_id, task_name, module, scope_key, node, slot, slot_first, slot_count, trigger_kind,
     live_node, attempt, status, reason, message, created_at, started_at, deadline_at, machine_id, boot_id, pid_namespace,
     pid, pid_started, epoch)
   VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, 'schedule', ?, 1, 'running', NULL, NULL, ?, ?, ?, ?, ?, 'pid:[4026531836]', ?, '12345678', ?)`,
);
const endRun = database.prepare(
  `UPDATE periodic_run SET live_node = NULL, reason = coalesce(?, reason), status = ?, message = ?, ended_at = ?,
     duration_ms = ?, exit_code = ?, signal = ?, result = ?, output = ?, output_bytes = ?
   WHERE token = ? AND status = ?`,
);
const endState = database.prepare(
  `UPDATE periodic_task_state SET epoch = epoch + 1, failures = ?, first_failure_at = ?, last_status = ?, last_ended_at = ?
   WHERE task_id = ? AND scope_key = ? AND epoch = ?`,
);

const now = new Date().toISOString();
/** @type {any[]} */
const due = database
  .prepare(
    `SELECT s.task_id, s.scope_key, s.epoch, t.name, t.module FROM periodic_task_state s
     JOIN periodic_task t ON t.id = s.task_id WHERE s.earliest_start < ? ORDER BY t.ordering, t.id`,
  )
  .all(now);

const claim = database.transaction(({ task_id: task, scope_key: key, epoch, name, module }, token) => {
  claimState.run(now, NEXT, NEXT, 1, null, null, token, 'running', now, task, key, epoch, 'schedule', key, 4);
  insertRun.run(
    ...[
      token,
      task,
      name,
      module,
      key,
      key,
      now,
      now,
      key,
      now,
      now,
      NEXT,
      MACHINE,
      BOOT,
      process.pid,
      epoch + 1,
    ],
  );
});
const result = JSON.stringify({ runs: 0, ticks: 0, auditEntries: 0, statValues: 0 });
const output = 'info deleted 0 runs, 0 ticks and 0 audit entries\n';
const end = database.transaction(({ task_id: task, scope_key: key, epoch }, token) => {
  endRun.run(null, 'succeeded', null, now, 1, null, null, result, output, output.length, token, 'running');
  endState.run(0, null, 'succeeded', now, task, key, epoch + 1);
});

for (const row of due) {
  const token = randomUUID();
  claim.immediate(row, token);
  end.immediate(row, token);
}
database.close();
