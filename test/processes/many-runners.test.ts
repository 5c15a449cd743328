import { expect, test } from 'vitest';
import {
  armSlot,
  commandColumns,
  openProgramWorld,
  operatorIn,
  type ProgramEnd,
  type ProgramWorld,
} from '../support/processes.ts';
import { type Operator, sqliteOf } from '../support/virtual-database.ts';

const RUNNERS = 8;
const ROUNDS = 20;
const TASKS = 200;
const SILENT: ProgramEnd = { exitCode: 0, signal: null, out: '', err: '' };

function tickTogether(world: ProgramWorld): Promise<readonly ProgramEnd[]> {
  return Promise.all(Array.from({ length: RUNNERS }, () => world.call('run_scheduled', '-c')));
}

/** Half of them start a real process, half a module inside the runner. */
function addTasks(operator: Operator): void {
  operator.sql.transaction(() => {
    operator.sql.exec('DELETE FROM periodic_task');
    const inRunner = {
      module: 'prune_history',
      options: '{"max_age_days":null,"max_runs":null,"max_bytes":null}',
    };
    for (let number = 1; number <= TASKS; number += 1) {
      const columns = commandColumns(['true'], { ordering: number % 7 });
      operator.addTask({
        name: `task ${number}`,
        columns: number % 2 === 0 ? columns : { ...columns, ...inRunner },
      });
    }
  })();
}

test('8 runners that start together, first on no database at all, run each of 200 due slots once, 20 times over', async () => {
  const world = openProgramWorld({ max_running: RUNNERS });
  expect(await tickTogether(world)).toEqual(Array(RUNNERS).fill(SILENT));
  const operator = operatorIn(world);
  expect(operator.sql.prepare('SELECT tick_no FROM periodic_node').pluck().get()).toBe(RUNNERS);
  addTasks(operator);
  for (let round = 1; round <= ROUNDS; round += 1) {
    const slot = `2024-01-01T00:${String(round).padStart(2, '0')}:00.000Z`;
    armSlot(operator, slot);
    expect(await tickTogether(world)).toEqual(Array(RUNNERS).fill(SILENT));
    const runs = operator.sql.prepare(
      `SELECT count(*) AS runs, count(DISTINCT task_id) AS tasks, count(DISTINCT pid) > 1 AS shared
         FROM periodic_run WHERE slot = ? AND slot_count = 1 AND attempt = 1 AND status = 'succeeded'`,
    );
    expect(runs.get(slot)).toEqual({ runs: TASKS, tasks: TASKS, shared: 1 });
  }
  expect(operator.sql.prepare('SELECT count(*) FROM periodic_run').pluck().get()).toBe(ROUNDS * TASKS);
  expect(operator.sql.prepare('SELECT count(*) FROM periodic_tick WHERE exit_code = 0').pluck().get()).toBe(
    (ROUNDS + 1) * RUNNERS,
  );
  expect(sqliteOf(operator).pragma('integrity_check', { simple: true })).toBe('ok');
}, 600_000);
