import { describe, expect, test } from 'vitest';
import { definitionSchema } from '../../src/core/task-schema.ts';
import { taskRecordOf } from '../../src/store/definition-row.ts';
import { testedEngine } from '../support/engines.ts';
import { KEY_IS_TAKEN } from '../support/virtual-faults.ts';
import { openSqlShell, type SqlShell } from './sql-shell.ts';

const CREATED = '2026-11-20T23:55:25.123Z';
const CREATED_MINUTE = '2026-11-20T23:55:00.000Z';
const CHANGED = '2026-11-21T08:30:59.999Z';
const CHANGED_MINUTE = '2026-11-21T08:30:00.000Z';
const HANDLED = '2026-11-21T08:00:00.000Z';
const TASK = 100;

const INSERT = `INSERT INTO periodic_task (id, name, module, schedule_kind, schedule) VALUES (${TASK}, 'backup', 'command', 'cron', '0 * * * *')`;

/** A task by plain SQL on the nodes given, whose states wait as after a tick; the clock has moved on since. */
async function shellWithTask(nodes: readonly string[], changes = ''): Promise<SqlShell> {
  const shell = await openSqlShell(CREATED);
  shell.run(INSERT);
  if (changes !== '') {
    shell.run(`UPDATE periodic_task SET ${changes} WHERE id = ${TASK}`);
  }
  for (const node of nodes) {
    shell.run('INSERT INTO periodic_task_node (task_id, node) VALUES (?, ?)', TASK, node);
  }
  shell.run(
    `UPDATE periodic_task_state SET epoch = 7, handled_slot = ?, earliest_start = ?, retry_at = ?,
       anchored_at = '2026-11-21T08:01:00.000Z', current_period_s = 7200, counted_tick = 3, due_tick = 9
     WHERE task_id = ?`,
    HANDLED,
    '2026-11-21T09:00:00.000Z',
    '2026-11-21T08:40:00.000Z',
    TASK,
  );
  shell.run('DELETE FROM periodic_audit');
  shell.setClock(CHANGED);
  return shell;
}

function states({ rows }: SqlShell) {
  return rows(
    `SELECT scope_key, epoch, counted_from, first_slot, handled_slot, earliest_start, retry_at, changed_at,
       anchored_at, current_period_s, counted_tick, due_tick
     FROM periodic_task_state WHERE task_id = ? ORDER BY scope_key`,
    TASK,
  );
}

function audit({ rows }: SqlShell) {
  return rows('SELECT actor, action, task_name, "before", "after" FROM periodic_audit ORDER BY id').map(
    (row) => ({
      ...row,
      before: parsed(row.before),
      after: parsed(row.after),
    }),
  );
}

/** A definition as the audit holds it. Whether a column is true may be a word or a number, as the engine has it. */
function parsed(json: string): unknown {
  return JSON.parse(json, (_key, value) => (typeof value === 'boolean' ? Number(value) : value));
}

const WAITING = {
  scope_key: 'alpha',
  epoch: 7,
  counted_from: CREATED_MINUTE,
  first_slot: null,
  handled_slot: HANDLED,
  earliest_start: '2026-11-21T09:00:00.000Z',
  retry_at: '2026-11-21T08:40:00.000Z',
  changed_at: CREATED,
  anchored_at: '2026-11-21T08:01:00.000Z',
  current_period_s: 7_200,
  counted_tick: 3,
  due_tick: 9,
};
/** What a state loses that counts anew where nobody has ticked. */
const ANEW = {
  first_slot: null,
  retry_at: null,
  anchored_at: null,
  current_period_s: null,
  counted_tick: 0,
  due_tick: null,
};
const NEW = {
  scope_key: 'alpha',
  epoch: 0,
  counted_from: CREATED_MINUTE,
  first_slot: null,
  handled_slot: null,
  earliest_start: '',
  retry_at: null,
  changed_at: CREATED,
  anchored_at: null,
  current_period_s: null,
  counted_tick: 0,
  due_tick: null,
};

/** The statement that inserts the task, with these columns as well. */
function insertWith(columns: Readonly<Record<string, string | number | boolean>>): string {
  const names = Object.keys(columns).map((column) => `${column}, `);
  const values = Object.values(columns).map((value) => `${JSON.stringify(value).replaceAll('"', "'")}, `);
  return INSERT.replace('schedule_kind,', `${names.join('')}schedule_kind,`).replace(
    "'cron',",
    `${values.join('')}'cron',`,
  );
}

/** Nodes that have ticked so often. */
function haveTicked({ run }: SqlShell, ticks: Readonly<Record<string, number>>): void {
  for (const [name, number] of Object.entries(ticks)) {
    run('INSERT INTO periodic_node (name, tick_no) VALUES (?, ?)', name, number);
  }
}

function stateOn(shell: SqlShell, scopeKey: string) {
  return states(shell).find(({ scope_key }) => scope_key === scopeKey);
}

describe('a task inserted by plain SQL', () => {
  test('takes the defaults that the program gives it', async () => {
    const shell = await openSqlShell(CREATED);
    shell.run(INSERT);
    const [row] = shell.rows('SELECT * FROM periodic_task WHERE id = ?', TASK);
    const { fields } = taskRecordOf(row, { nodes: ['alpha'], tags: [] });
    expect(fields).toEqual(
      definitionSchema.parse({
        name: 'backup',
        module: 'command',
        scheduleKind: 'cron',
        schedule: '0 * * * *',
        nodes: ['alpha'],
      }),
    );
    expect([row.created_at, row.updated_at]).toEqual([CREATED, CREATED]);
  });

  test('without a node has a marked state that tells of it', async () => {
    const shell = await openSqlShell(CREATED);
    shell.run(INSERT);
    expect(states(shell)).toEqual([{ ...NEW, scope_key: '' }]);
  });

  test('counts from the minute of its creation on a node that comes later', async () => {
    const shell = await openSqlShell(CREATED);
    shell.run(INSERT);
    shell.setClock(CHANGED);
    shell.run(`INSERT INTO periodic_task_node (task_id, node) VALUES (${TASK}, 'alpha')`);
    expect(states(shell)[1]).toEqual({ ...NEW, changed_at: CHANGED });
  });

  test('to be run immediately hands that minute on to its nodes as their first slot', async () => {
    const shell = await openSqlShell(CREATED);
    shell.run(insertWith({ run_immediately: true }));
    shell.setClock(CHANGED);
    shell.run(`INSERT INTO periodic_task_node (task_id, node) VALUES (${TASK}, 'alpha')`);
    expect(states(shell)[1]).toEqual({ ...NEW, first_slot: CREATED_MINUTE, changed_at: CHANGED });
  });

  test('of scope one has the one state of all nodes, whichever come', async () => {
    const shell = await openSqlShell(CREATED);
    shell.run(insertWith({ scope: 'one' }));
    shell.run(`INSERT INTO periodic_task_node (task_id, node) VALUES (${TASK}, 'alpha')`);
    shell.run(`INSERT INTO periodic_task_node (task_id, node) VALUES (${TASK}, 'beta')`);
    shell.run("INSERT INTO periodic_node (name) VALUES ('alpha')");
    expect(states(shell).map(({ scope_key }) => scope_key)).toEqual(['*']);
  });

  test('with a first delay counts from the minute after it, which is its first slot, also on nodes to come', async () => {
    const shell = await openSqlShell(CREATED);
    shell.run(insertWith({ first_delay_s: 600 }));
    const start = '2026-11-21T00:05:00.000Z';
    expect(states(shell)).toEqual([{ ...NEW, scope_key: '', counted_from: start, first_slot: start }]);
    shell.setClock(CHANGED);
    shell.run(`INSERT INTO periodic_task_node (task_id, node) VALUES (${TASK}, 'alpha')`);
    shell.run(`INSERT INTO periodic_task_node (task_id, node) VALUES (${TASK}, '*')`);
    haveTicked(shell, { beta: 0 });
    const handedOn = { counted_from: start, first_slot: start, changed_at: CHANGED };
    expect(states(shell).slice(1)).toEqual([
      { ...NEW, ...handedOn, epoch: 1 },
      { ...NEW, ...handedOn, scope_key: 'beta' },
    ]);
  });

  test.each([
    [0, '2026-11-20T23:55:00.000Z'],
    [90, '2026-11-20T23:56:30.000Z'],
    [31_536_000, '2027-11-20T23:55:00.000Z'],
  ])('with a first delay of %d s has its first slot at %s, of scope one too', async (seconds, start) => {
    const shell = await openSqlShell(CREATED);
    shell.run(insertWith({ first_delay_s: seconds, scope: 'one' }));
    expect(states(shell)).toEqual([{ ...NEW, scope_key: '*', counted_from: start, first_slot: start }]);
  });

  // The other engines take nothing but numbers that fit into the column.
  test.each(testedEngine === 'sqlite' ? [-60, 'soon', '1 day', 1e18] : [-60])(
    'with a first delay of %j, which is none, has no first slot',
    async (delay) => {
      const shell = await openSqlShell(CREATED);
      shell.run(insertWith({ first_delay_s: delay }));
      expect(states(shell)).toEqual([{ ...NEW, scope_key: '' }]);
    },
  );

  test('counts ticks from the last one: of the node, or of all nodes for what they share', async () => {
    const shell = await openSqlShell(CREATED);
    haveTicked(shell, { alpha: 41, beta: 100 });
    shell.run(insertWith({ scope: 'one' }));
    shell.run(insertWith({}).replace(`(${TASK}, 'backup'`, "(101, 'mirror'"));
    for (const node of ['alpha', 'gamma', '*']) {
      shell.run('INSERT INTO periodic_task_node (task_id, node) VALUES (101, ?)', node);
    }
    haveTicked(shell, { delta: 0 });
    expect(
      shell.rows(
        'SELECT task_id, scope_key, counted_tick FROM periodic_task_state WHERE task_id >= 100 ORDER BY task_id, scope_key',
      ),
    ).toEqual([
      { task_id: 100, scope_key: '*', counted_tick: 141 },
      { task_id: 101, scope_key: '', counted_tick: 0 },
      { task_id: 101, scope_key: 'alpha', counted_tick: 41 },
      { task_id: 101, scope_key: 'beta', counted_tick: 100 },
      { task_id: 101, scope_key: 'delta', counted_tick: 0 },
      { task_id: 101, scope_key: 'gamma', counted_tick: 0 },
    ]);
  });

  test('is refused when its name is taken', async () => {
    const shell = await shellWithTask(['alpha']);
    expect(() => shell.run(INSERT.replace(String(TASK), '101'))).toThrow(KEY_IS_TAKEN);
  });
});

describe('a task for every node', () => {
  test('gets a state when a node ticks for the first time, counted from its creation', async () => {
    const shell = await openSqlShell(CREATED);
    shell.run(INSERT);
    shell.run(`INSERT INTO periodic_task_node (task_id, node) VALUES (${TASK}, '*')`);
    expect(states(shell).map(({ scope_key }) => scope_key)).toEqual(['']);
    shell.setClock(CHANGED);
    shell.run("INSERT INTO periodic_node (name) VALUES ('alpha')");
    expect(states(shell)[1]).toEqual({ ...NEW, changed_at: CHANGED });
  });

  test('has a state of every node that has ticked before', async () => {
    const shell = await openSqlShell(CREATED);
    shell.run("INSERT INTO periodic_node (name) VALUES ('alpha')");
    shell.run("INSERT INTO periodic_node (name) VALUES ('beta')");
    shell.run(INSERT);
    shell.run(`INSERT INTO periodic_task_node (task_id, node) VALUES (${TASK}, '*')`);
    expect(states(shell).map(({ scope_key }) => scope_key)).toEqual(['', 'alpha', 'beta']);
  });

  test('counts from now on a node that comes after the others have ticked', async () => {
    const shell = await openSqlShell(CREATED);
    shell.run(INSERT);
    shell.run(`INSERT INTO periodic_task_node (task_id, node) VALUES (${TASK}, '*')`);
    shell.run("INSERT INTO periodic_node (name) VALUES ('alpha')");
    // What the tick of alpha does.
    shell.run("DELETE FROM periodic_task_state WHERE scope_key = ''");
    shell.setClock(CHANGED);
    shell.run("INSERT INTO periodic_node (name) VALUES ('beta')");
    expect(states(shell)[1]).toEqual({
      ...NEW,
      scope_key: 'beta',
      counted_from: CHANGED_MINUTE,
      changed_at: CHANGED,
    });
  });
});

describe('a changed task', () => {
  const MARKED = { ...WAITING, epoch: 8, earliest_start: '', changed_at: CHANGED };
  const COUNTS_ANEW = { ...MARKED, ...ANEW, counted_from: CHANGED_MINUTE };

  test.each([
    ["name = 'other'"],
    ["module = 'other'"],
    [`options = '{"a":1}'`],
    ['ordering = 5'],
    ['run_immediately = TRUE'],
    ['start_deadline_s = 60'],
    ['timeout_s = 60'],
    ['kill_grace_s = 5'],
    ['retry_limit = 2'],
    ['retry_delay_s = 5'],
    ['retry_max_delay_s = 7200'],
    ["retry_on = 'lost'"],
    ['retry_past_next = TRUE'],
    ["overlap = 'allow'"],
    ['max_parallel = 2'],
    ['first_delay_s = 600'],
    ['enabled_delay_s = 600'],
    ['random_offset_s = 60'],
    ["catch_up = 'each'"],
    ['catch_up_max = 5'],
    ["backoff = 'on_failure'"],
    ['max_period_s = 86400'],
    ["deactivate_after = '5 failures'"],
    ["run_user = 'nobody'"],
    ['memory_limit_bytes = 64000000'],
  ])('by %s is looked at anew and goes on counting as before', async (change) => {
    const shell = await shellWithTask(['alpha']);
    shell.run(`UPDATE periodic_task SET ${change} WHERE id = ${TASK}`);
    expect(stateOn(shell, 'alpha')).toEqual(MARKED);
  });

  test.each([
    ["schedule_kind = 'every'"],
    ["schedule = '30 * * * *'"],
    ["timezone = 'Europe/Berlin'"],
    ["anchor = 'finish'"],
    ["anchor = 'start', enabled_delay_s = 600"],
    ['confirmation = TRUE'],
  ])('by %s counts from that minute and from the last tick, and drops what was pending', async (change) => {
    const shell = await shellWithTask(['alpha']);
    haveTicked(shell, { alpha: 41, beta: 100 });
    shell.run(`UPDATE periodic_task SET ${change} WHERE id = ${TASK}`);
    expect(stateOn(shell, 'alpha')).toEqual({ ...COUNTS_ANEW, counted_tick: 41 });
  });

  test('of scope one counts ticks anew from the last one of all nodes', async () => {
    const shell = await shellWithTask(['alpha'], "scope = 'one'");
    haveTicked(shell, { alpha: 41, beta: 100 });
    shell.run(`UPDATE periodic_task SET schedule = '30 * * * *' WHERE id = ${TASK}`);
    expect(stateOn(shell, '*')).toEqual({ ...COUNTS_ANEW, scope_key: '*', counted_tick: 141 });
  });

  test('that is switched off loses what back-off has made of its period, and nothing else', async () => {
    const shell = await shellWithTask(['alpha']);
    shell.run(`UPDATE periodic_task SET active = FALSE WHERE id = ${TASK}`);
    expect(stateOn(shell, 'alpha')).toEqual({ ...MARKED, current_period_s: null });
  });

  test('that was off already keeps its period', async () => {
    const shell = await shellWithTask(['alpha'], 'active = FALSE');
    shell.run(`UPDATE periodic_task SET active = FALSE, ordering = 1 WHERE id = ${TASK}`);
    expect(stateOn(shell, 'alpha')).toEqual(MARKED);
  });

  test('that is switched on again counts from that minute', async () => {
    const shell = await shellWithTask(['alpha'], 'active = FALSE');
    shell.run(`UPDATE periodic_task SET active = TRUE WHERE id = ${TASK}`);
    expect(stateOn(shell, 'alpha')).toEqual(COUNTS_ANEW);
  });

  test.each([
    [0, CHANGED_MINUTE],
    [600, '2026-11-21T08:40:00.000Z'],
  ])('that is switched on again with a delay of %d s has its first slot at %s', async (seconds, start) => {
    const shell = await shellWithTask(['alpha'], `active = FALSE, enabled_delay_s = ${seconds}`);
    shell.run(`UPDATE periodic_task SET active = TRUE, schedule = '30 * * * *' WHERE id = ${TASK}`);
    expect(stateOn(shell, 'alpha')).toEqual({ ...COUNTS_ANEW, counted_from: start, first_slot: start });
  });

  test('that is switched on again with a delay in the same statement takes it', async () => {
    const shell = await shellWithTask(['alpha'], 'active = FALSE');
    shell.run(`UPDATE periodic_task SET active = TRUE, enabled_delay_s = 60 WHERE id = ${TASK}`);
    const start = '2026-11-21T08:31:00.000Z';
    expect(stateOn(shell, 'alpha')).toEqual({ ...COUNTS_ANEW, counted_from: start, first_slot: start });
  });

  test('that was on already goes on counting as before', async () => {
    const shell = await shellWithTask(['alpha']);
    shell.run(`UPDATE periodic_task SET active = TRUE, ordering = 1 WHERE id = ${TASK}`);
    expect(stateOn(shell, 'alpha')).toEqual(MARKED);
  });

  test('from scope each to one gets the state of all nodes, counted from that minute', async () => {
    const shell = await shellWithTask(['alpha']);
    shell.run(`UPDATE periodic_task SET scope = 'one' WHERE id = ${TASK}`);
    expect(stateOn(shell, '*')).toEqual({
      ...NEW,
      scope_key: '*',
      counted_from: CHANGED_MINUTE,
      changed_at: CHANGED,
    });
  });

  test('from scope one to each gets a state of every node it names, and of every one for *', async () => {
    const shell = await shellWithTask(['beta', '*'], "scope = 'one'");
    shell.run("INSERT INTO periodic_node (name) VALUES ('alpha')");
    shell.run(`UPDATE periodic_task SET scope = 'each' WHERE id = ${TASK}`);
    const keys = states(shell).map(({ scope_key }) => scope_key);
    expect(keys).toEqual(expect.arrayContaining(['alpha', 'beta']));
    expect(stateOn(shell, 'beta')).toMatchObject({
      counted_from: CHANGED_MINUTE,
      earliest_start: '',
    });
  });

  test('is dated, and its states are not counted anew by that', async () => {
    const shell = await shellWithTask(['alpha']);
    shell.run(`UPDATE periodic_task SET ordering = 5 WHERE id = ${TASK}`);
    expect(shell.rows('SELECT created_at, updated_at FROM periodic_task WHERE id = ?', TASK)).toEqual([
      { created_at: CREATED, updated_at: CHANGED },
    ]);
  });

  test('with the values that it had is left alone', async () => {
    const shell = await shellWithTask(['alpha']);
    shell.run(`UPDATE periodic_task SET ordering = 0, timeout_s = NULL WHERE id = ${TASK}`);
    expect(stateOn(shell, 'alpha')).toEqual(WAITING);
    expect(audit(shell)).toEqual([]);
  });
});

describe('the nodes of a task', () => {
  const MARKED = { ...WAITING, epoch: 8, earliest_start: '', changed_at: CHANGED };

  test('may grow: the new one counts from now, the others go on', async () => {
    const shell = await shellWithTask(['alpha']);
    shell.run("DELETE FROM periodic_task_state WHERE scope_key = ''");
    shell.run(`INSERT INTO periodic_task_node (task_id, node) VALUES (${TASK}, 'beta')`);
    expect(states(shell)).toEqual([
      MARKED,
      { ...NEW, scope_key: 'beta', counted_from: CHANGED_MINUTE, changed_at: CHANGED },
    ]);
  });

  test('may come back: it counts from now and keeps what it handled', async () => {
    const shell = await shellWithTask(['alpha', 'beta']);
    shell.run("DELETE FROM periodic_task_state WHERE scope_key = ''");
    shell.run(`DELETE FROM periodic_task_node WHERE node = 'alpha'`);
    shell.run(`INSERT INTO periodic_task_node (task_id, node) VALUES (${TASK}, 'alpha')`);
    expect(states(shell)).toEqual([
      { ...MARKED, ...ANEW, epoch: 9, counted_from: CHANGED_MINUTE },
      { ...MARKED, epoch: 9, scope_key: 'beta' },
    ]);
  });

  test('may come back: its ticks count from the last one of the node', async () => {
    const shell = await shellWithTask(['alpha']);
    haveTicked(shell, { alpha: 41, beta: 100 });
    shell.run(`DELETE FROM periodic_task_node WHERE node = 'alpha'`);
    shell.run(`INSERT INTO periodic_task_node (task_id, node) VALUES (${TASK}, 'alpha')`);
    expect(stateOn(shell, 'alpha')).toMatchObject({ counted_tick: 41, due_tick: null });
  });

  test('that were named belong already when * comes: they go on counting as before', async () => {
    const shell = await shellWithTask(['alpha', 'beta']);
    shell.run("DELETE FROM periodic_task_state WHERE scope_key = ''");
    shell.run("DELETE FROM periodic_task_node WHERE node = 'beta'");
    shell.run(`INSERT INTO periodic_task_node (task_id, node) VALUES (${TASK}, '*')`);
    expect(states(shell)).toEqual([
      { ...MARKED, epoch: 9 },
      { ...MARKED, epoch: 9, scope_key: 'beta', ...ANEW, counted_from: CHANGED_MINUTE },
    ]);
  });

  test('that belong by * already go on counting as before when they are named', async () => {
    const shell = await openSqlShell(CREATED);
    shell.run("INSERT INTO periodic_node (name) VALUES ('alpha')");
    shell.run(insertWith({ run_immediately: true }));
    shell.run(`INSERT INTO periodic_task_node (task_id, node) VALUES (${TASK}, '*')`);
    shell.setClock(CHANGED);
    shell.run(`INSERT INTO periodic_task_node (task_id, node) VALUES (${TASK}, 'alpha')`);
    expect(states(shell)[1]).toEqual({
      ...NEW,
      epoch: 1,
      first_slot: CREATED_MINUTE,
      changed_at: CHANGED,
    });
  });

  test('may be narrowed from * to one: it goes on counting as before', async () => {
    const shell = await openSqlShell(CREATED);
    shell.run("INSERT INTO periodic_node (name) VALUES ('alpha')");
    shell.run(INSERT);
    shell.run(`INSERT INTO periodic_task_node (task_id, node) VALUES (${TASK}, '*')`);
    shell.setClock(CHANGED);
    shell.run("UPDATE periodic_task_node SET node = 'alpha' WHERE node = '*'");
    expect(states(shell)[1]).toMatchObject({ scope_key: 'alpha', counted_from: CREATED_MINUTE });
  });

  test('may all go: one state tells of a task without nodes', async () => {
    const shell = await shellWithTask(['alpha']);
    shell.run("DELETE FROM periodic_task_state WHERE scope_key = ''");
    shell.run(`DELETE FROM periodic_task_node WHERE task_id = ${TASK}`);
    expect(states(shell)).toEqual([
      { ...NEW, scope_key: '', counted_from: CHANGED_MINUTE, changed_at: CHANGED },
      MARKED,
    ]);
  });

  test('may be renamed: that is one gone and one added', async () => {
    const shell = await shellWithTask(['alpha']);
    shell.run("DELETE FROM periodic_task_state WHERE scope_key = ''");
    shell.run("UPDATE periodic_task_node SET node = 'beta' WHERE node = 'alpha'");
    expect(states(shell)).toEqual([
      MARKED,
      { ...NEW, scope_key: 'beta', counted_from: CHANGED_MINUTE, changed_at: CHANGED },
    ]);
    expect(audit(shell).map(({ action, before, after }) => [action, before ?? after])).toEqual([
      ['node removed', { node: 'alpha' }],
      ['node added', { node: 'beta' }],
    ]);
  });
});

/** How each engine puts a row in the place of one that may be there. */
const REPLACE_NODE = {
  sqlite: "INSERT OR REPLACE INTO periodic_task_node (task_id, node) VALUES (?, 'alpha')",
  mariadb: "REPLACE INTO periodic_task_node (task_id, node) VALUES (?, 'alpha')",
  postgres: `INSERT INTO periodic_task_node (task_id, node) VALUES (?, 'alpha')
    ON CONFLICT (task_id, node) DO UPDATE SET node = EXCLUDED.node`,
}[testedEngine];

describe(`a node that is put in its own place (${REPLACE_NODE.slice(0, 17).trim()})`, () => {
  test('keeps what its state has handled', async () => {
    const shell = await shellWithTask(['alpha']);
    shell.run(REPLACE_NODE, TASK);
    expect(stateOn(shell, 'alpha')).toMatchObject({ handled_slot: HANDLED });
  });

  test.runIf(testedEngine === 'sqlite')('goes on counting as before', async () => {
    const shell = await shellWithTask(['alpha']);
    shell.run(REPLACE_NODE, TASK);
    expect(stateOn(shell, 'alpha')).toEqual({
      ...WAITING,
      epoch: 8,
      earliest_start: '',
      changed_at: CHANGED,
    });
  });

  test('adds no second state and forgets none', async () => {
    const shell = await shellWithTask(['alpha']);
    const before = states(shell).map(({ scope_key }) => scope_key);
    shell.run(REPLACE_NODE, TASK);
    expect(states(shell).map(({ scope_key }) => scope_key)).toEqual(before);
  });
});

describe('a task deleted by plain SQL', () => {
  test('takes its states, nodes and tags with it', async () => {
    const shell = await shellWithTask(['alpha', '*']);
    shell.run('INSERT INTO periodic_task_tag (task_id, tag) VALUES (?, ?)', TASK, 'nightly');
    shell.run('DELETE FROM periodic_task WHERE id = ?', TASK);
    for (const table of ['periodic_task_state', 'periodic_task_node', 'periodic_task_tag']) {
      expect(shell.rows(`SELECT * FROM ${table} WHERE task_id = ?`, TASK)).toEqual([]);
    }
  });

  test('never gives its id to another', async () => {
    const shell = await openSqlShell(CREATED);
    const insert = (name: string) =>
      shell.run(
        "INSERT INTO periodic_task (name, module, schedule_kind) VALUES (?, 'command', 'manual')",
        name,
      );
    const idOf = (name: string): number =>
      shell.rows('SELECT id FROM periodic_task WHERE name = ?', name)[0].id;
    insert('first');
    const first = idOf('first');
    shell.run('DELETE FROM periodic_task WHERE id = ?', first);
    insert('next');
    expect(idOf('next')).toBeGreaterThan(first);
  });
});

describe('the audit of plain SQL', () => {
  test('says what a task became, by "outside"', async () => {
    const shell = await openSqlShell(CREATED);
    shell.run('DELETE FROM periodic_audit');
    shell.run(INSERT);
    expect(shell.rows('SELECT changed_at, task_id FROM periodic_audit')).toEqual([
      { changed_at: CREATED, task_id: TASK },
    ]);
    expect(audit(shell)).toMatchObject([
      {
        actor: 'outside',
        action: 'created',
        task_name: 'backup',
        before: null,
        after: { name: 'backup', active: 1, schedule: '0 * * * *', timeout_s: null, anchor: 'slot' },
      },
    ]);
  });

  test.each([
    ['ordering = 5', 'changed', { ordering: 0 }, { ordering: 5 }],
    ['active = FALSE', 'disabled', { active: 1 }, { active: 0 }],
    ["name = 'archive'", 'changed', { name: 'backup' }, { name: 'archive' }],
    ["anchor = 'start'", 'changed', { anchor: 'slot' }, { anchor: 'start' }],
    ['first_delay_s = 60', 'changed', { first_delay_s: null }, { first_delay_s: 60 }],
    ['enabled_delay_s = 60', 'changed', { enabled_delay_s: null }, { enabled_delay_s: 60 }],
    ['random_offset_s = 60', 'changed', { random_offset_s: 0 }, { random_offset_s: 60 }],
    ["catch_up = 'skip'", 'changed', { catch_up: 'latest' }, { catch_up: 'skip' }],
    ['catch_up_max = 5', 'changed', { catch_up_max: 100 }, { catch_up_max: 5 }],
    ["backoff = 'every_run'", 'changed', { backoff: 'none' }, { backoff: 'every_run' }],
    ['max_period_s = 60', 'changed', { max_period_s: null }, { max_period_s: 60 }],
    ["deactivate_after = 'x'", 'changed', { deactivate_after: '' }, { deactivate_after: 'x' }],
  ])('says what was before and after %s', async (change, action, before, after) => {
    const shell = await shellWithTask(['alpha']);
    shell.run(`UPDATE periodic_task SET ${change} WHERE id = ${TASK}`);
    expect(audit(shell)).toMatchObject([{ actor: 'outside', action, before, after }]);
  });

  test('calls switching on enabled', async () => {
    const shell = await shellWithTask(['alpha'], 'active = FALSE');
    shell.run(`UPDATE periodic_task SET active = TRUE WHERE id = ${TASK}`);
    expect(audit(shell)).toMatchObject([{ action: 'enabled', before: { active: 0 }, after: { active: 1 } }]);
  });

  test('names nodes and tags that come and go', async () => {
    const shell = await shellWithTask(['alpha']);
    shell.run('INSERT INTO periodic_task_node (task_id, node) VALUES (?, ?)', TASK, 'beta');
    shell.run("DELETE FROM periodic_task_node WHERE node = 'alpha'");
    shell.run('INSERT INTO periodic_task_tag (task_id, tag) VALUES (?, ?)', TASK, 'nightly');
    shell.run('DELETE FROM periodic_task_tag WHERE task_id = ?', TASK);
    expect(audit(shell)).toEqual([
      { actor: 'outside', action: 'node added', task_name: 'backup', before: null, after: { node: 'beta' } },
      {
        actor: 'outside',
        action: 'node removed',
        task_name: 'backup',
        before: { node: 'alpha' },
        after: null,
      },
      { actor: 'outside', action: 'tag added', task_name: 'backup', before: null, after: { tag: 'nightly' } },
      {
        actor: 'outside',
        action: 'tag removed',
        task_name: 'backup',
        before: { tag: 'nightly' },
        after: null,
      },
    ]);
  });

  test('keeps what a deleted task was', async () => {
    const shell = await shellWithTask(['alpha']);
    shell.run('DELETE FROM periodic_task WHERE id = ?', TASK);
    expect(audit(shell)).toMatchObject([
      { actor: 'outside', action: 'removed', task_name: 'backup', before: { name: 'backup' }, after: null },
    ]);
  });
});

describe('a task that was done with its only slot', () => {
  const TERMINATED_AT = '2026-11-21T08:00:01.000Z';

  async function doneShell(kind: string, schedule: string, reason: string): Promise<SqlShell> {
    const shell = await shellWithTask(['alpha'], `schedule_kind = '${kind}', schedule = '${schedule}'`);
    shell.run(
      'UPDATE periodic_task_state SET terminated_at = ?, terminated_reason = ?',
      TERMINATED_AT,
      reason,
    );
    return shell;
  }

  function termination({ rows }: SqlShell) {
    return rows(
      'SELECT DISTINCT terminated_at, terminated_reason FROM periodic_task_state WHERE task_id = ?',
      TASK,
    );
  }

  test.each([
    ['at', '2026-11-21T08:00Z', "schedule = '2026-12-21T08:00Z'", 'done: its only slot has run'],
    ['at', '2026-11-21T08:00', "timezone = 'Asia/Tokyo'", 'done: its only slot has ended failed'],
    ['at', '2026-11-21T08:00Z', "schedule_kind = 'cron', schedule = '@daily'", 'its only slot was skipped'],
    ['ticks', '3', "schedule = '4'", 'done: its only slot has run'],
  ])(
    'of kind %s, %s, has a slot again with another schedule: %s (%s)',
    async (kind, schedule, changes, reason) => {
      const shell = await doneShell(kind, schedule, reason);
      shell.run(`UPDATE periodic_task SET ${changes} WHERE id = ${TASK}`);
      expect(termination(shell)).toEqual([{ terminated_at: null, terminated_reason: null }]);
    },
  );

  test.each([
    ['at', '2026-11-21T08:00Z', 'active = FALSE', 'done: its only slot has run'],
    ['at', '2026-11-21T08:00Z', 'ordering = 5', 'done: its only slot has run'],
    ['at', '2026-11-21T08:00Z', "schedule = '2026-12-21T08:00Z'", 'asked by its module'],
    ['every', '5m', "schedule = '6m'", 'done: its only slot has run'],
  ])('of kind %s, %s, stays terminated after %s (%s)', async (kind, schedule, changes, reason) => {
    const shell = await doneShell(kind, schedule, reason);
    shell.run(`UPDATE periodic_task SET ${changes} WHERE id = ${TASK}`);
    expect(termination(shell)).toEqual([{ terminated_at: TERMINATED_AT, terminated_reason: reason }]);
  });
});
