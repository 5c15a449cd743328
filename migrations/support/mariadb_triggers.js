// What sqlite_triggers_2.js means, for MariaDB: a definition may be changed by any SQL client, and the states of the task
// tell the next tick of it. Read the head of that file first.
//
// A query inside another statement of a trigger locks what it reads; a cursor and a SELECT INTO do not. Ticks write the
// table of nodes all the time, so triggers read by these two alone: a change of a definition that is not committed yet
// makes no tick wait that does not need it, and hardly ever meets one in a deadlock. What they read is as it was when
// the statement first read so. Hence each waits for its locks first.
//
// Every change of a task or of its nodes marks the states of the task, and so waits for another such change to end. A
// node that ticks for the first time and a task that comes to run on all nodes would not see each other: they lock the
// row of periodic_schema.
//
// What a cascade deletes fires no triggers. REPLACE deletes a row and inserts another. A node that replaces itself loses
// nothing by that. A task would lose its nodes, its tags and all that its states know, so that is refused.
//
// A trigger keeps the SQL mode and the character set of the session that created it; these statements mean the same in
// all of them. A collation may take texts for equal that are not, such as "a" and "a ", so changes are found byte by byte.

import { COUNTING_COLUMNS, DEFINITION_COLUMNS, SLOT_COLUMNS } from './shared_trigger_columns.js';

const HAD_ITS_SLOT = `OLD.schedule_kind IN ('at', 'ticks')
      AND (terminated_reason LIKE 'done: its only slot has %' OR terminated_reason = 'its only slot was skipped')`;

const NOW = "CONCAT(LEFT(DATE_FORMAT(UTC_TIMESTAMP(3), '%Y-%m-%dT%H:%i:%s.%f'), 23), 'Z')";
const THIS_MINUTE = "DATE_FORMAT(UTC_TIMESTAMP(), '%Y-%m-%dT%H:%i:00.000Z')";

/** The same in all triggers that one statement fires, and another in every statement. */
const THIS_STATEMENT = 'UNIX_TIMESTAMP(NOW(6))';

const IS_ENABLED = '(NEW.active AND NOT OLD.active)';
const IS_ANOTHER_NODE = `(${changed(['task_id', 'node'])})`;
const IS_ANOTHER_TAG = `(${changed(['task_id', 'tag'])})`;

const KEY = 'VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';
const INSTANT = 'VARCHAR(24) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';

/** The pattern [\x01-\x1f\x7f], which the SQL mode could read in two ways if it were written with backslashes. */
const CONTROL_CHARACTER = "_utf8mb4 X'5B012D1F7F5D'";

/** What a new state of task `t` takes from its state with the empty key, if that is still there. */
const HANDED_ON = {
  countedFrom: `COALESCE(${ofEmptyKey('counted_from')}, ${THIS_MINUTE})`,
  firstSlot: ofEmptyKey('first_slot'),
};

const TASKS_OF_ALL_NODES = "periodic_task_node n JOIN periodic_task t ON t.id = n.task_id AND n.node = '*'";

const TRIGGERS = {
  periodic_task_inserting: `BEFORE INSERT ON periodic_task FOR EACH ROW BEGIN
    DECLARE same_id INTEGER UNSIGNED;
    DECLARE same_name ${KEY};
    SELECT MAX(id) INTO same_id FROM periodic_task WHERE id = NEW.id;
    SELECT MAX(name) INTO same_name FROM periodic_task WHERE name = NEW.name;
    SET @periodic_replacing = CASE WHEN COALESCE(same_id, same_name) IS NOT NULL THEN ${THIS_STATEMENT} END;
  END`,

  periodic_task_deleting: `BEFORE DELETE ON periodic_task FOR EACH ROW BEGIN
    IF @periodic_replacing = ${THIS_STATEMENT} THEN
      SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT =
        'REPLACE would remove what belongs to the task: use UPDATE, or INSERT ... ON DUPLICATE KEY UPDATE';
    END IF;
  END`,

  periodic_task_inserted: `AFTER INSERT ON periodic_task FOR EACH ROW BEGIN
    ${mark('NEW.id')}
    ${newStates({
      taskId: 'NEW.id',
      key: 'k.state_key',
      countedFrom: `COALESCE(${delayed('NEW.first_delay_s')}, ${THIS_MINUTE})`,
      firstSlot: `COALESCE(${delayed('NEW.first_delay_s')}, CASE WHEN NEW.run_immediately THEN ${THIS_MINUTE} END)`,
      from: "(SELECT CASE WHEN NEW.scope = 'one' THEN '*' ELSE '' END AS state_key) k",
    })}
    ${audit("'created'", 'NEW', { after: definitionJson('NEW') })}
  END`,

  // A trigger may not change the table that fired it, but it may change the row before that is written.
  periodic_task_updating: `BEFORE UPDATE ON periodic_task FOR EACH ROW BEGIN
    SET @periodic_replacing = NULL;
    IF ${changed(DEFINITION_COLUMNS)} THEN
      SET NEW.updated_at = ${NOW};
    END IF;
  END`,

  periodic_task_updated: `AFTER UPDATE ON periodic_task FOR EACH ROW BEGIN
    IF ${changed(DEFINITION_COLUMNS)} THEN
      ${mark('NEW.id')}
      IF OLD.active AND NOT NEW.active THEN
        UPDATE periodic_task_state SET current_period_s = NULL WHERE task_id = NEW.id;
      END IF;
      IF ${IS_ENABLED} OR ${changed(COUNTING_COLUMNS)} THEN
        ${countAnew({
          where: 's.task_id = NEW.id',
          firstSlot: `CASE WHEN ${IS_ENABLED} THEN ${delayed('NEW.enabled_delay_s')} END`,
        })}
      END IF;
      IF ${changed(SLOT_COLUMNS)} THEN
        UPDATE periodic_task_state SET terminated_at = NULL, terminated_reason = NULL
        WHERE task_id = NEW.id AND ${HAD_ITS_SLOT};
      END IF;
      IF ${changed(['scope'])} THEN
        ${statesOfNewScope()}
      END IF;
      ${audit(
        `CASE WHEN ${IS_ENABLED} THEN 'enabled'
              WHEN OLD.active AND NOT NEW.active THEN 'disabled' ELSE 'changed' END`,
        'NEW',
        { before: definitionJson('OLD'), after: definitionJson('NEW') },
      )}
    END IF;
  END`,

  // Without foreign keys nothing cascades. With them the tables are left alone, since a trigger may not change what the
  // statement reads that fired it: one that finds the tasks to delete by their nodes, say.
  periodic_task_deleted: `AFTER DELETE ON periodic_task FOR EACH ROW BEGIN
    IF NOT @@foreign_key_checks THEN
      DELETE FROM periodic_task_state WHERE task_id = OLD.id;
      DELETE FROM periodic_task_node WHERE task_id = OLD.id;
      DELETE FROM periodic_task_tag WHERE task_id = OLD.id;
    END IF;
    ${audit("'removed'", 'OLD', { before: definitionJson('OLD') })}
  END`,

  periodic_task_node_inserting: `BEFORE INSERT ON periodic_task_node FOR EACH ROW BEGIN
    ${nodeComing()}
  END`,

  periodic_task_node_inserted: `AFTER INSERT ON periodic_task_node FOR EACH ROW BEGIN
    ${nodeAdded()}
    ${partAudit("'node added'", 'NEW', 'node')}
  END`,

  periodic_task_node_updating: `BEFORE UPDATE ON periodic_task_node FOR EACH ROW BEGIN
    IF ${IS_ANOTHER_NODE} THEN
      ${nodeComing()}
    END IF;
  END`,

  periodic_task_node_updated: `AFTER UPDATE ON periodic_task_node FOR EACH ROW BEGIN
    IF ${IS_ANOTHER_NODE} THEN
      ${mark('OLD.task_id AND OLD.task_id <> NEW.task_id')}
      ${nodeAdded()}
      ${partAudit("'node removed'", 'OLD', 'node')}
      ${partAudit("'node added'", 'NEW', 'node')}
    END IF;
  END`,

  periodic_task_node_deleted: `AFTER DELETE ON periodic_task_node FOR EACH ROW BEGIN
    ${mark('OLD.task_id')}
    ${newStates({
      taskId: 't.id',
      key: "''",
      from: 'periodic_task t',
      where: `t.id = OLD.task_id AND t.scope <> 'one'
        AND NOT EXISTS (SELECT 1 FROM periodic_task_node n WHERE n.task_id = t.id)`,
    })}
    ${partAudit("'node removed'", 'OLD', 'node')}
  END`,

  periodic_task_tag_inserted: `AFTER INSERT ON periodic_task_tag FOR EACH ROW BEGIN
    ${partAudit("'tag added'", 'NEW', 'tag')}
  END`,

  periodic_task_tag_updated: `AFTER UPDATE ON periodic_task_tag FOR EACH ROW BEGIN
    IF ${IS_ANOTHER_TAG} THEN
      ${partAudit("'tag removed'", 'OLD', 'tag')}
      ${partAudit("'tag added'", 'NEW', 'tag')}
    END IF;
  END`,

  periodic_task_tag_deleted: `AFTER DELETE ON periodic_task_tag FOR EACH ROW BEGIN
    ${partAudit("'tag removed'", 'OLD', 'tag')}
  END`,

  // Nodes that come at the same time do not wait for each other.
  periodic_node_inserting: `BEFORE INSERT ON periodic_node FOR EACH ROW BEGIN
    DECLARE locked INTEGER;
    SELECT MAX(version) INTO locked FROM periodic_schema LOCK IN SHARE MODE;
  END`,

  // A node that ticks for the first time gets a state of every task that runs on all nodes. The first query waits for
  // tasks that change their scope, and lets none change it later: all rows that it finds stay locked, which those that a
  // condition leaves out would not. The second locks too, to see what was committed since the statement began.
  periodic_node_inserted: `AFTER INSERT ON periodic_node FOR EACH ROW BEGIN
    DECLARE locked ${KEY};
    SELECT MAX(t.scope) INTO locked FROM ${TASKS_OF_ALL_NODES} LOCK IN SHARE MODE;
    ${newStates({
      taskId: 't.id',
      key: 'NEW.name',
      ...HANDED_ON,
      from: TASKS_OF_ALL_NODES,
      where: "t.scope <> 'one'",
      locks: 'LOCK IN SHARE MODE',
    })}
  END`,
};

/** @param {import('knex').Knex} knex */
export async function createMariadbTriggers(knex) {
  for (const [name, text] of Object.entries(TRIGGERS)) {
    await knex.raw(`CREATE TRIGGER ${name} ${text}`);
  }
}

/** @param {import('knex').Knex} knex */
export async function dropMariadbTriggers(knex) {
  for (const name of Object.keys(TRIGGERS)) {
    await knex.raw(`DROP TRIGGER IF EXISTS ${name}`);
  }
}

/**
 * A node that comes again starts to count now: what it missed while the task was not its own is not its debt. Whether it
 * was its own, by name or by `*`, shows only before the row is there, even where REPLACE puts a row in its own place.
 *
 * Locking one state after the other, in the order in which every mark takes them, the change cannot meet another of the
 * same task halfway. (The condition on the epoch holds always; without one, only the last key would be looked at.)
 */
function nodeComing() {
  return `BEGIN
      DECLARE locked ${KEY};
      IF NEW.node = '*' THEN
        SELECT MAX(version) INTO locked FROM periodic_schema FOR UPDATE;
      END IF;
      SELECT MAX(scope) INTO locked FROM periodic_task WHERE id = NEW.task_id LOCK IN SHARE MODE;
      SELECT MAX(scope_key) INTO locked FROM periodic_task_state WHERE task_id = NEW.task_id AND epoch >= 0 FOR UPDATE;
    END;
    ${countAnew({
      where: `s.task_id = NEW.task_id AND s.scope_key NOT IN ('', '*') AND NEW.node IN (s.scope_key, '*')
        AND NOT EXISTS (SELECT 1 FROM periodic_task_node n
                        WHERE n.task_id = NEW.task_id AND n.node IN (s.scope_key, '*'))`,
    })}`;
}

/** A node that the task did not have before gets a state, which starts to count now. */
function nodeAdded() {
  return `${mark('NEW.task_id')}
    ${newStates({
      taskId: 't.id',
      key: 'k.state_key',
      ...HANDED_ON,
      from: `(SELECT NEW.node AS state_key FROM DUAL WHERE NEW.node <> '*'
              UNION SELECT p.name FROM periodic_node p WHERE NEW.node = '*') k
        JOIN periodic_task t ON t.id = NEW.task_id AND t.scope <> 'one'`,
    })}
    ${impossibleNodeTold()}`;
}

/** No node has a name with blanks around it or with control characters, so none would tell that the task names it. */
function impossibleNodeTold() {
  return `IF CHAR_LENGTH(NEW.node) <> CHAR_LENGTH(TRIM(NEW.node))
      OR NEW.node REGEXP ${CONTROL_CHARACTER} THEN
      ${newStates({
        taskId: 't.id',
        key: "''",
        from: 'periodic_task t',
        where: "t.id = NEW.task_id AND t.scope <> 'one'",
      })}
    END IF;`;
}

function statesOfNewScope() {
  return newStates({
    taskId: 'NEW.id',
    key: 'k.state_key',
    from: `(SELECT '*' AS state_key FROM DUAL WHERE NEW.scope = 'one'
            UNION SELECT n.node FROM periodic_task_node n
              WHERE n.task_id = NEW.id AND n.node <> '*' AND NEW.scope <> 'one'
            UNION SELECT p.name FROM periodic_node p
              JOIN periodic_task_node n ON n.task_id = NEW.id AND n.node = '*' WHERE NEW.scope <> 'one') k`,
  });
}

/** @param {string} taskId */
function mark(taskId) {
  return `UPDATE periodic_task_state SET epoch = epoch + 1, earliest_start = '', changed_at = ${NOW}
    WHERE task_id = ${taskId};`;
}

/**
 * Inserts states where there are none. A state counts the ticks from its creation: one that is created during a tick
 * counts the next as its first. Where another transaction inserts the same state at the same time, that one stays.
 *
 * @param {{ taskId: string, key: string, countedFrom?: string, firstSlot?: string, from: string, where?: string,
 *   locks?: string }} states
 */
function newStates({
  taskId,
  key,
  countedFrom = THIS_MINUTE,
  firstSlot = 'NULL',
  from,
  where = 'TRUE',
  locks = '',
}) {
  return forEachRow({
    variables: {
      new_task: 'INTEGER UNSIGNED',
      new_key: KEY,
      new_counted_from: INSTANT,
      new_first_slot: INSTANT,
      new_tick: 'BIGINT',
    },
    query: `SELECT ${taskId}, ${key}, ${countedFrom}, ${firstSlot}, ${tickNumber(key)} FROM ${from}
        WHERE ${where}
          AND NOT EXISTS (SELECT 1 FROM periodic_task_state x WHERE x.task_id = ${taskId} AND x.scope_key = ${key})
        ${locks}`,
    statement: `INSERT INTO periodic_task_state
          (task_id, scope_key, counted_from, first_slot, counted_tick, earliest_start, changed_at)
        VALUES (new_task, new_key, new_counted_from, new_first_slot, new_tick, '', ${NOW})
        ON DUPLICATE KEY UPDATE epoch = epoch;`,
  });
}

/**
 * Lets states, `s`, count anew: from a first slot if there is one to come, else from this minute.
 *
 * @param {{ where: string, firstSlot?: string }} states
 */
function countAnew({ where, firstSlot = 'NULL' }) {
  return forEachRow({
    variables: { known_task: 'INTEGER UNSIGNED', known_key: KEY, known_tick: 'BIGINT' },
    query: `SELECT s.task_id, s.scope_key, ${tickNumber('s.scope_key')} FROM periodic_task_state s WHERE ${where}`,
    statement: `UPDATE periodic_task_state
        SET counted_from = COALESCE(${firstSlot}, ${THIS_MINUTE}), first_slot = ${firstSlot}, retry_at = NULL,
          anchored_at = NULL, current_period_s = NULL, due_tick = NULL, counted_tick = known_tick
        WHERE task_id = known_task AND scope_key = known_key;`,
  });
}

/**
 * Runs a statement with the columns of each row that a query finds, as variables.
 *
 * @param {{ variables: Readonly<Record<string, string>>, query: string, statement: string }} loop
 */
function forEachRow({ variables, query, statement }) {
  const declared = Object.entries(variables).map(([name, type]) => `DECLARE ${name} ${type};`);
  return `BEGIN
      ${declared.join(' ')}
      DECLARE is_done INTEGER DEFAULT 0;
      DECLARE found CURSOR FOR ${query};
      DECLARE CONTINUE HANDLER FOR NOT FOUND SET is_done = 1;
      OPEN found;
      each_row: LOOP
        FETCH found INTO ${Object.keys(variables).join(', ')};
        IF is_done THEN
          LEAVE each_row;
        END IF;
        ${statement}
      END LOOP;
      CLOSE found;
    END;`;
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

/** @param {string} column */
function ofEmptyKey(column) {
  return `(SELECT u.${column} FROM periodic_task_state u WHERE u.task_id = t.id AND u.scope_key = '')`;
}

/**
 * This minute and so many seconds. NULL for none, and for what is no delay: the task is invalid then.
 *
 * @param {string} seconds
 */
function delayed(seconds) {
  return `CASE WHEN ${seconds} >= 0 THEN
      DATE_FORMAT(UTC_TIMESTAMP() + INTERVAL ${seconds} - SECOND(UTC_TIMESTAMP()) SECOND, '%Y-%m-%dT%H:%i:%s.000Z') END`;
}

/** @param {readonly string[]} columns */
function changed(columns) {
  return columns
    .map((column) => `NOT (CAST(NEW.${column} AS BINARY) <=> CAST(OLD.${column} AS BINARY))`)
    .join(' OR ');
}

/** @param {'OLD' | 'NEW'} row */
function definitionJson(row) {
  return `JSON_OBJECT(${DEFINITION_COLUMNS.map((column) => `'${column}', ${row}.${column}`).join(', ')})`;
}

/**
 * @param {string} action
 * @param {'OLD' | 'NEW'} row
 * @param {{ before?: string, after?: string }} change
 */
function audit(action, row, { before = 'NULL', after = 'NULL' }) {
  return `INSERT INTO periodic_audit (changed_at, actor, action, task_id, task_name, \`before\`, \`after\`)
    VALUES (${NOW}, 'outside', ${action}, ${row}.id, ${row}.name, ${before}, ${after});`;
}

/** @param {string} action @param {'OLD' | 'NEW'} row @param {'node' | 'tag'} part */
function partAudit(action, row, part) {
  const json = `JSON_OBJECT('${part}', ${row}.${part})`;
  const [before, after] = row === 'OLD' ? [json, 'NULL'] : ['NULL', json];
  return forEachRow({
    variables: { its_id: 'INTEGER UNSIGNED', its_name: KEY },
    query: `SELECT id, name FROM periodic_task WHERE id = ${row}.task_id`,
    statement: `INSERT INTO periodic_audit (changed_at, actor, action, task_id, task_name, \`before\`, \`after\`)
        VALUES (${NOW}, 'outside', ${action}, its_id, its_name, ${before}, ${after});`,
  });
}
