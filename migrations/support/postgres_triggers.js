// What sqlite_triggers_2.js means, for PostgreSQL: a definition may be changed by any SQL client, and the states of the
// task tell the next tick of it. Read the head of that file first.
//
// Transactions run side by side here, so some of the order of the statements matters. Every change of a task or of its
// nodes marks the states of the task first: that waits for another such change to end, and what is read after it, by
// statements that see what has been committed meanwhile, is what that one left.
//
// A node that ticks for the first time and a task that comes to run on all nodes do not meet in any row, and neither
// would see the other. They take a lock of their own, on the number of the table of nodes.
//
// The functions run with the rights of whoever changes a definition, and find their tables whatever the search path of
// that client is.

import { COUNTING_COLUMNS, DEFINITION_COLUMNS, SLOT_COLUMNS } from './shared_trigger_columns.js';

const HAD_ITS_SLOT = `OLD.schedule_kind IN ('at', 'ticks')
      AND (terminated_reason LIKE 'done: its only slot has %' OR terminated_reason = 'its only slot was skipped')`;

const IS_ENABLED = '(NEW.active AND NOT OLD.active)';
const IS_ANOTHER_NODE = 'NEW.node <> OLD.node OR NEW.task_id <> OLD.task_id';
const IS_ANOTHER_TAG = 'NEW.tag <> OLD.tag OR NEW.task_id <> OLD.task_id';

/** What a new state takes from the state with the empty key, `u`, if that is still there. */
const HANDED_ON = { countedFrom: 'COALESCE(u.counted_from, this_minute)', firstSlot: 'u.first_slot' };

// Both are taken until the end of the transaction. Nodes that come need not wait for each other.
const LOCK_FOR_NODE = "PERFORM pg_advisory_xact_lock_shared('periodic_node'::regclass::oid::bigint);";
const LOCK_FOR_ALL_NODES = "PERFORM pg_advisory_xact_lock('periodic_node'::regclass::oid::bigint);";

/** The clock of every trigger. */
const NOW_FUNCTION = `CREATE FUNCTION periodic_now() RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$`;

const TRIGGERS = {
  periodic_task_inserted: {
    on: 'AFTER INSERT ON periodic_task',
    body: `${newStates({
      taskId: 'NEW.id',
      key: 'k.key',
      countedFrom: `COALESCE(${delayed('NEW.first_delay_s')}, this_minute)`,
      firstSlot: `COALESCE(${delayed('NEW.first_delay_s')}, CASE WHEN NEW.run_immediately THEN this_minute END)`,
      from: "(SELECT CASE WHEN NEW.scope = 'one' THEN '*' ELSE '' END AS key) k",
    })}
    ${idTaken()}
    ${audit("'created'", 'NEW', { after: definitionJson('NEW') })}`,
  },

  periodic_task_updating: {
    on: 'BEFORE UPDATE ON periodic_task',
    when: changed(DEFINITION_COLUMNS),
    body: 'NEW.updated_at := moment;',
  },

  periodic_task_updated: {
    on: 'AFTER UPDATE ON periodic_task',
    when: changed(DEFINITION_COLUMNS),
    body: `${mark('NEW.id')}
    UPDATE periodic_task_state SET current_period_s = NULL WHERE task_id = NEW.id AND OLD.active AND NOT NEW.active;
    UPDATE periodic_task_state SET ${countingAnew(`CASE WHEN ${IS_ENABLED} THEN ${delayed('NEW.enabled_delay_s')} END`)}
    WHERE task_id = NEW.id AND (${IS_ENABLED} OR ${changed(COUNTING_COLUMNS)});
    UPDATE periodic_task_state SET terminated_at = NULL, terminated_reason = NULL
    WHERE task_id = NEW.id AND ${HAD_ITS_SLOT} AND (${changed(SLOT_COLUMNS)});
    IF NEW.scope IS DISTINCT FROM OLD.scope THEN
      ${LOCK_FOR_ALL_NODES}
      ${newStates({
        taskId: 'NEW.id',
        key: 'k.key',
        from: `(
        SELECT '*' AS key WHERE NEW.scope = 'one'
        UNION SELECT node FROM periodic_task_node WHERE task_id = NEW.id AND node <> '*' AND NEW.scope <> 'one'
        UNION SELECT name FROM periodic_node WHERE NEW.scope <> 'one'
          AND EXISTS (SELECT 1 FROM periodic_task_node WHERE task_id = NEW.id AND node = '*')) k`,
      })}
    END IF;
    ${audit(
      `CASE WHEN ${IS_ENABLED} THEN 'enabled'
            WHEN OLD.active AND NOT NEW.active THEN 'disabled' ELSE 'changed' END`,
      'NEW',
      { before: definitionJson('OLD'), after: definitionJson('NEW') },
    )}`,
  },

  // States, nodes and tags go by their foreign keys, which no client can leave out.
  periodic_task_deleted: {
    on: 'AFTER DELETE ON periodic_task',
    body: audit("'removed'", 'OLD', { before: definitionJson('OLD') }),
  },

  periodic_task_node_inserting: { on: 'BEFORE INSERT ON periodic_task_node', body: nodeComing() },

  periodic_task_node_inserted: {
    on: 'AFTER INSERT ON periodic_task_node',
    body: `${nodeAdded()}
    ${partAudit("'node added'", 'NEW', 'node')}`,
  },

  periodic_task_node_updating: {
    on: 'BEFORE UPDATE ON periodic_task_node',
    when: IS_ANOTHER_NODE,
    body: nodeComing(),
  },

  periodic_task_node_updated: {
    on: 'AFTER UPDATE ON periodic_task_node',
    when: IS_ANOTHER_NODE,
    body: `${mark('OLD.task_id AND OLD.task_id <> NEW.task_id')}
    ${nodeAdded()}
    ${partAudit("'node removed'", 'OLD', 'node')}
    ${partAudit("'node added'", 'NEW', 'node')}`,
  },

  // Before, since a trigger that fires after a row sees the end of the whole statement: with several nodes removed by
  // one statement, it could not tell which of them was the last. The nodes of a removed task go when it has gone.
  periodic_task_node_deleting: {
    on: 'BEFORE DELETE ON periodic_task_node',
    body: `${mark('OLD.task_id AND EXISTS (SELECT 1 FROM periodic_task WHERE id = OLD.task_id)')}
    ${newStates({
      taskId: 't.id',
      key: "''",
      from: 'periodic_task t',
      where: `t.id = OLD.task_id AND t.scope <> 'one'
        AND NOT EXISTS (SELECT 1 FROM periodic_task_node WHERE task_id = t.id AND node <> OLD.node)`,
    })}
    ${partAudit("'node removed'", 'OLD', 'node')}`,
  },

  periodic_task_tag_inserted: {
    on: 'AFTER INSERT ON periodic_task_tag',
    body: partAudit("'tag added'", 'NEW', 'tag'),
  },

  periodic_task_tag_updated: {
    on: 'AFTER UPDATE ON periodic_task_tag',
    when: IS_ANOTHER_TAG,
    body: `${partAudit("'tag removed'", 'OLD', 'tag')}
    ${partAudit("'tag added'", 'NEW', 'tag')}`,
  },

  periodic_task_tag_deleted: {
    on: 'AFTER DELETE ON periodic_task_tag',
    body: partAudit("'tag removed'", 'OLD', 'tag'),
  },

  // A node that ticks for the first time gets a state of every task that runs on all nodes.
  periodic_node_inserted: {
    on: 'AFTER INSERT ON periodic_node',
    body: `${LOCK_FOR_NODE}
    ${newStates({
      taskId: 't.id',
      key: 'NEW.name',
      ...HANDED_ON,
      from: `periodic_task t
        JOIN periodic_task_node n ON n.task_id = t.id AND n.node = '*'
        LEFT JOIN periodic_task_state u ON u.task_id = t.id AND u.scope_key = ''`,
      where: "t.scope <> 'one'",
    })}`,
  },
};

/** @param {import('knex').Knex} knex */
export async function createPostgresTriggers(knex) {
  await knex.raw(NOW_FUNCTION);
  for (const [name, { body }] of Object.entries(TRIGGERS)) {
    await knex.raw(functionText(name, body));
  }
  await knex.raw(searchPathText());
  for (const [name, trigger] of Object.entries(TRIGGERS)) {
    const when = 'when' in trigger ? `WHEN (${trigger.when})` : '';
    await knex.raw(`CREATE TRIGGER ${name} ${trigger.on} FOR EACH ROW ${when} EXECUTE FUNCTION ${name}()`);
  }
}

/** @param {import('knex').Knex} knex */
export async function dropPostgresTriggers(knex) {
  for (const [name, { on }] of Object.entries(TRIGGERS)) {
    await knex.raw(`DROP TRIGGER ${name} ${on.slice(on.indexOf('ON '))}`);
    await knex.raw(`DROP FUNCTION ${name}()`);
  }
  await knex.raw('DROP FUNCTION periodic_now()');
}

/**
 * The clock is read once a row, so that all that a change writes has one time.
 *
 * @param {string} name
 * @param {string} body
 */
function functionText(name, body) {
  return `CREATE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS $$
  DECLARE
    moment text := periodic_now();
    this_minute text := left(moment, 17) || '00.000Z';
  BEGIN
    ${body}
    RETURN COALESCE(NEW, OLD);
  END $$`;
}

/** The schema is that in which the tables are. By "$user" in a search path each client would mean another. */
function searchPathText() {
  const names = Object.keys(TRIGGERS).map((name) => `'${name}'`);
  return `DO $$
  DECLARE name text;
  BEGIN
    FOREACH name IN ARRAY ARRAY[${names.join(', ')}] LOOP
      EXECUTE format('ALTER FUNCTION %s() SET search_path TO %I, pg_temp', name,
        (SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.oid = 'periodic_task'::regclass));
    END LOOP;
  END $$`;
}

/** The sequence knows nothing of an id that the client chose, and would give it to another task later. */
function idTaken() {
  const sequence = "pg_get_serial_sequence('periodic_task', 'id')::regclass";
  return `PERFORM setval(${sequence}, NEW.id) WHERE NEW.id > COALESCE(pg_sequence_last_value(${sequence}), 0);`;
}

/**
 * A node that comes again starts to count now: what it missed while the task was not its own is not its debt. Whether it
 * was its own, by name or by `*`, shows only before the row is there, even where it turns out to be there already.
 */
function nodeComing() {
  return `${lockStates('NEW.task_id')}
    UPDATE periodic_task_state SET ${countingAnew()}
    WHERE task_id = NEW.task_id AND scope_key NOT IN ('', '*') AND NEW.node IN (scope_key, '*')
      AND NOT EXISTS (SELECT 1 FROM periodic_task_node n
                      WHERE n.task_id = NEW.task_id AND n.node IN (scope_key, '*'));`;
}

/** A node that the task did not have before gets a state, which starts to count now. */
function nodeAdded() {
  return `${mark('NEW.task_id')}
    IF NEW.node = '*' THEN
      ${LOCK_FOR_ALL_NODES}
    END IF;
    ${newStates({
      taskId: 't.id',
      key: 'k.key',
      ...HANDED_ON,
      from: `(SELECT NEW.node AS key WHERE NEW.node <> '*' UNION SELECT name FROM periodic_node WHERE NEW.node = '*') k
        JOIN periodic_task t ON t.id = NEW.task_id AND t.scope <> 'one'
        LEFT JOIN periodic_task_state u ON u.task_id = t.id AND u.scope_key = ''`,
    })}
    ${impossibleNodeTold()}`;
}

/** No node has a name with blanks around it or with control characters, so none would tell that the task names it. */
function impossibleNodeTold() {
  return newStates({
    taskId: 't.id',
    key: "''",
    from: 'periodic_task t',
    where: `t.id = NEW.task_id AND t.scope <> 'one'
      AND (NEW.node <> trim(NEW.node) OR NEW.node ~ ('[' || chr(1) || '-' || chr(31) || chr(127) || ']'))`,
  });
}

/**
 * All states of a task are locked in one order, so that two changes of it do not meet halfway.
 *
 * @param {string} taskId
 */
function lockStates(taskId) {
  return `PERFORM 1 FROM periodic_task_state WHERE task_id = ${taskId} ORDER BY scope_key FOR UPDATE;`;
}

/** @param {string} taskId */
function mark(taskId) {
  return `${lockStates(taskId)}
    UPDATE periodic_task_state SET epoch = epoch + 1, earliest_start = '', changed_at = moment
    WHERE task_id = ${taskId};`;
}

/**
 * The statement that inserts states where there are none. A state counts the ticks from its creation: one that is created
 * during a tick counts the next as its first. Where another transaction inserts the same state at the same time, that one
 * stays.
 *
 * @param {{ taskId: string, key: string, countedFrom?: string, firstSlot?: string, from: string, where?: string }} states
 */
function newStates({ taskId, key, countedFrom = 'this_minute', firstSlot = 'NULL', from, where = 'TRUE' }) {
  return `INSERT INTO periodic_task_state
      (task_id, scope_key, counted_from, first_slot, counted_tick, earliest_start, changed_at)
    SELECT ${taskId}, ${key}, ${countedFrom}, ${firstSlot}, ${tickNumber(key)}, '', moment FROM ${from}
    WHERE ${where}
    ON CONFLICT (task_id, scope_key) DO NOTHING;`;
}

/**
 * The assignments by which states count anew: from a first slot if there is one to come, else from this minute.
 *
 * @param {string} firstSlot
 */
function countingAnew(firstSlot = 'NULL') {
  return `counted_from = COALESCE(${firstSlot}, this_minute), first_slot = ${firstSlot}, retry_at = NULL,
    anchored_at = NULL, current_period_s = NULL, due_tick = NULL, counted_tick = ${tickNumber('scope_key')}`;
}

/**
 * The number of the last tick for a state: of its node, or of all nodes together.
 *
 * @param {string} key
 */
function tickNumber(key) {
  return `CASE ${key} WHEN '*' THEN (SELECT COALESCE(SUM(tick_no), 0) FROM periodic_node)
    ELSE COALESCE((SELECT tick_no FROM periodic_node WHERE name = ${key}), 0) END`;
}

/**
 * This minute and so many seconds. NULL for none, and for what is no delay: the task is invalid then.
 *
 * @param {string} seconds
 */
function delayed(seconds) {
  return `CASE WHEN ${seconds} >= 0
    THEN to_char(this_minute::timestamp + make_interval(secs => ${seconds}), 'YYYY-MM-DD"T"HH24:MI:SS".000Z"') END`;
}

/** @param {readonly string[]} columns */
function changed(columns) {
  return columns.map((column) => `NEW.${column} IS DISTINCT FROM OLD.${column}`).join(' OR ');
}

/** @param {'OLD' | 'NEW'} row */
function definitionJson(row) {
  return `json_build_object(${DEFINITION_COLUMNS.map((column) => `'${column}', ${row}.${column}`).join(', ')})`;
}

/**
 * @param {string} action
 * @param {'OLD' | 'NEW'} row
 * @param {{ before?: string, after?: string }} change
 */
function audit(action, row, { before = 'NULL', after = 'NULL' }) {
  return `INSERT INTO periodic_audit (changed_at, actor, action, task_id, task_name, before, after)
    VALUES (moment, 'outside', ${action}, ${row}.id, ${row}.name, ${before}, ${after});`;
}

/** @param {string} action @param {'OLD' | 'NEW'} row @param {'node' | 'tag'} part */
function partAudit(action, row, part) {
  const json = `json_build_object('${part}', ${row}.${part})`;
  const [before, after] = row === 'OLD' ? [json, 'NULL'] : ['NULL', json];
  return `INSERT INTO periodic_audit (changed_at, actor, action, task_id, task_name, before, after)
    SELECT moment, 'outside', ${action}, id, name, ${before}, ${after} FROM periodic_task WHERE id = ${row}.task_id;`;
}
