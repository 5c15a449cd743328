// Definitions may be changed by any SQL client, so what a change means for the states of a task is written here, in
// triggers, and nowhere else: the command line relies on them too.
//
// A changed task gets its states marked: an empty `earliest_start` sorts before every instant, so the next tick finds
// the row in its due list and decides anew. Raising the epoch makes a claim that was planned before the change lose.
//
// A state is only ever inserted where there is none, and never with OR IGNORE: the conflict clause of the statement that
// fires a trigger overrides those inside it, and an INSERT OR REPLACE would put a new state in the place of one that
// knows what has been handled.
//
// A state that counts anew, after a change of its schedule or when its task or node comes again, keeps what it has
// handled, and forgets what the old schedule had brought it to.
//
// A task of scope `each` without nodes has one state with an empty key. It tells every node that a task without nodes
// is there, and it hands its first slot on to the nodes that are added before the next tick.
//
// Much of this repeats sqlite_triggers.js, which is not to be shared: what a migration that has landed writes must
// never change.

const NOW = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')";
const THIS_MINUTE = "strftime('%Y-%m-%dT%H:%M:00.000Z', 'now')";

const DEFINITION_COLUMNS = [
  'name',
  'active',
  'module',
  'options',
  'schedule_kind',
  'schedule',
  'timezone',
  'scope',
  'ordering',
  'anchor',
  'run_immediately',
  'first_delay_s',
  'enabled_delay_s',
  'random_offset_s',
  'catch_up',
  'catch_up_max',
  'start_deadline_s',
  'timeout_s',
  'kill_grace_s',
  'retry_limit',
  'retry_delay_s',
  'retry_max_delay_s',
  'retry_on',
  'retry_past_next',
  'backoff',
  'max_period_s',
  'deactivate_after',
  'overlap',
  'max_parallel',
];

/** A change of one of these is another schedule: its slots count from the change on. */
const COUNTING_COLUMNS = ['schedule_kind', 'schedule', 'timezone', 'anchor', 'scope'];

/** With another of these, a task that was done with its only slot has a slot again. No other termination ends so. */
const SLOT_COLUMNS = ['schedule_kind', 'schedule', 'timezone'];
const HAD_ITS_SLOT = `OLD.schedule_kind IN ('at', 'ticks')
      AND (terminated_reason LIKE 'done: its only slot has %' OR terminated_reason = 'its only slot was skipped')`;

const IS_ENABLED = '(NEW.active AND NOT OLD.active)';

/** What a new state takes from the state with the empty key, `u`, if that is still there. */
const HANDED_ON = { countedFrom: `COALESCE(u.counted_from, ${THIS_MINUTE})`, firstSlot: 'u.first_slot' };

const TRIGGERS = {
  periodic_task_inserted: `AFTER INSERT ON periodic_task BEGIN
    ${mark('NEW.id')}
    ${newState({
      key: 'k.key',
      taskId: 'NEW.id',
      countedFrom: `COALESCE(${delayed('NEW.first_delay_s')}, ${THIS_MINUTE})`,
      firstSlot: `COALESCE(${delayed('NEW.first_delay_s')}, CASE WHEN NEW.run_immediately THEN ${THIS_MINUTE} END)`,
    })}
    FROM (SELECT CASE WHEN NEW.scope = 'one' THEN '*' ELSE '' END AS key) k
    WHERE ${hasNoState('NEW.id', 'k.key')};
    ${audit("'created'", 'NEW', { after: definitionJson('NEW') })}
  END`,

  periodic_task_updated: `AFTER UPDATE ON periodic_task WHEN ${definitionJson('OLD')} <> ${definitionJson('NEW')} BEGIN
    UPDATE periodic_task SET updated_at = ${NOW} WHERE id = NEW.id;
    ${mark('NEW.id')}
    UPDATE periodic_task_state SET current_period_s = NULL WHERE task_id = NEW.id AND OLD.active AND NOT NEW.active;
    UPDATE periodic_task_state SET ${countingAnew(`CASE WHEN ${IS_ENABLED} THEN ${delayed('NEW.enabled_delay_s')} END`)}
    WHERE task_id = NEW.id AND (${IS_ENABLED} OR ${changed(COUNTING_COLUMNS)});
    UPDATE periodic_task_state SET terminated_at = NULL, terminated_reason = NULL
    WHERE task_id = NEW.id AND ${HAD_ITS_SLOT} AND (${changed(SLOT_COLUMNS)});
    ${newState({ key: 'k.key', taskId: 'NEW.id' })}
    FROM (
      SELECT '*' AS key WHERE NEW.scope = 'one'
      UNION SELECT node FROM periodic_task_node WHERE task_id = NEW.id AND node <> '*' AND NEW.scope <> 'one'
      UNION SELECT name FROM periodic_node WHERE NEW.scope <> 'one'
        AND EXISTS (SELECT 1 FROM periodic_task_node WHERE task_id = NEW.id AND node = '*')) k
    WHERE NEW.scope IS NOT OLD.scope AND ${hasNoState('NEW.id', 'k.key')};
    ${audit(
      `CASE WHEN ${IS_ENABLED} THEN 'enabled'
            WHEN OLD.active AND NOT NEW.active THEN 'disabled' ELSE 'changed' END`,
      'NEW',
      { before: definitionJson('OLD'), after: definitionJson('NEW') },
    )}
  END`,

  // A client that has not switched foreign keys on does not cascade, so this trigger removes what belongs to the task.
  periodic_task_deleted: `AFTER DELETE ON periodic_task BEGIN
    DELETE FROM periodic_task_state WHERE task_id = OLD.id;
    DELETE FROM periodic_task_node WHERE task_id = OLD.id;
    DELETE FROM periodic_task_tag WHERE task_id = OLD.id;
    ${audit("'removed'", 'OLD', { before: definitionJson('OLD') })}
  END`,

  periodic_task_node_inserting: `BEFORE INSERT ON periodic_task_node BEGIN
    ${nodeComing()}
  END`,

  periodic_task_node_inserted: `AFTER INSERT ON periodic_task_node BEGIN
    ${nodeAdded()}
    ${nodeAudit("'node added'", 'NEW')}
  END`,

  periodic_task_node_updating: `BEFORE UPDATE ON periodic_task_node
  WHEN NEW.node <> OLD.node OR NEW.task_id <> OLD.task_id BEGIN
    ${nodeComing()}
  END`,

  periodic_task_node_updated: `AFTER UPDATE ON periodic_task_node
  WHEN NEW.node <> OLD.node OR NEW.task_id <> OLD.task_id BEGIN
    ${mark('OLD.task_id AND OLD.task_id <> NEW.task_id')}
    ${nodeAdded()}
    ${nodeAudit("'node removed'", 'OLD')}
    ${nodeAudit("'node added'", 'NEW')}
  END`,

  periodic_task_node_deleted: `AFTER DELETE ON periodic_task_node
  WHEN EXISTS (SELECT 1 FROM periodic_task WHERE id = OLD.task_id) BEGIN
    ${mark('OLD.task_id')}
    ${newState({ key: "''", taskId: 't.id' })} FROM periodic_task t
    WHERE t.id = OLD.task_id AND t.scope <> 'one' AND ${hasNoState('t.id', "''")}
      AND NOT EXISTS (SELECT 1 FROM periodic_task_node WHERE task_id = t.id);
    ${nodeAudit("'node removed'", 'OLD')}
  END`,

  periodic_task_tag_inserted: `AFTER INSERT ON periodic_task_tag BEGIN
    ${tagAudit("'tag added'", 'NEW')}
  END`,

  periodic_task_tag_updated: `AFTER UPDATE ON periodic_task_tag
  WHEN NEW.tag <> OLD.tag OR NEW.task_id <> OLD.task_id BEGIN
    ${tagAudit("'tag removed'", 'OLD')}
    ${tagAudit("'tag added'", 'NEW')}
  END`,

  periodic_task_tag_deleted: `AFTER DELETE ON periodic_task_tag
  WHEN EXISTS (SELECT 1 FROM periodic_task WHERE id = OLD.task_id) BEGIN
    ${tagAudit("'tag removed'", 'OLD')}
  END`,

  // A node that ticks for the first time gets a state of every task that runs on all nodes.
  periodic_node_inserted: `AFTER INSERT ON periodic_node BEGIN
    ${newState({ key: 'NEW.name', taskId: 't.id', ...HANDED_ON })}
    FROM periodic_task t
    JOIN periodic_task_node n ON n.task_id = t.id AND n.node = '*'
    LEFT JOIN periodic_task_state u ON u.task_id = t.id AND u.scope_key = ''
    WHERE t.scope <> 'one' AND ${hasNoState('t.id', 'NEW.name')};
  END`,
};

/** @param {import('knex').Knex} knex */
export async function createSqliteTriggers(knex) {
  for (const [name, body] of Object.entries(TRIGGERS)) {
    await knex.raw(`CREATE TRIGGER ${name} ${body}`);
  }
}

/** @param {import('knex').Knex} knex */
export async function dropSqliteTriggers(knex) {
  for (const name of Object.keys(TRIGGERS)) {
    await knex.raw(`DROP TRIGGER ${name}`);
  }
}

/**
 * A node that comes again starts to count now: what it missed while the task was not its own is not its debt. Whether it
 * was its own, by name or by `*`, shows only before the row is there, even where REPLACE puts a row in its own place.
 */
function nodeComing() {
  return `UPDATE periodic_task_state SET ${countingAnew()}
    WHERE task_id = NEW.task_id AND scope_key NOT IN ('', '*') AND NEW.node IN (scope_key, '*')
      AND NOT EXISTS (SELECT 1 FROM periodic_task_node n
                      WHERE n.task_id = NEW.task_id AND n.node IN (scope_key, '*'));`;
}

/** A node that the task did not have before gets a state, which starts to count now. */
function nodeAdded() {
  return `${mark('NEW.task_id')}
    ${newState({ key: 'k.key', taskId: 'NEW.task_id', ...HANDED_ON })}
    FROM (SELECT NEW.node AS key WHERE NEW.node <> '*' UNION SELECT name FROM periodic_node WHERE NEW.node = '*') k
    JOIN periodic_task t ON t.id = NEW.task_id AND t.scope <> 'one'
    LEFT JOIN periodic_task_state u ON u.task_id = NEW.task_id AND u.scope_key = ''
    WHERE ${hasNoState('NEW.task_id', 'k.key')};
    ${impossibleNodeTold()}`;
}

/** No node has a name with blanks around it or with control characters, so none would tell that the task names it. */
function impossibleNodeTold() {
  return `${newState({ key: "''", taskId: 't.id' })} FROM periodic_task t
    WHERE t.id = NEW.task_id AND t.scope <> 'one' AND ${hasNoState('t.id', "''")}
      AND (NEW.node <> trim(NEW.node) OR NEW.node GLOB '*[' || char(1) || '-' || char(31) || char(127) || ']*');`;
}

/** @param {string} taskId */
function mark(taskId) {
  return `UPDATE periodic_task_state SET epoch = epoch + 1, earliest_start = '', changed_at = ${NOW}
    WHERE task_id = ${taskId};`;
}

/**
 * The start of a statement that inserts states, up to its FROM. A state counts the ticks from its creation: one that is
 * created during a tick counts the next as its first.
 *
 * @param {{ taskId: string, key: string, countedFrom?: string, firstSlot?: string }} state
 */
function newState({ taskId, key, countedFrom = THIS_MINUTE, firstSlot = 'NULL' }) {
  return `INSERT INTO periodic_task_state
      (task_id, scope_key, counted_from, first_slot, counted_tick, earliest_start, changed_at)
    SELECT ${taskId}, ${key}, ${countedFrom}, ${firstSlot}, ${tickNumber(key)}, '', ${NOW}`;
}

/**
 * The assignments by which states count anew: from a first slot if there is one to come, else from this minute.
 *
 * @param {string} firstSlot
 */
function countingAnew(firstSlot = 'NULL') {
  return `counted_from = COALESCE(${firstSlot}, ${THIS_MINUTE}), first_slot = ${firstSlot}, retry_at = NULL,
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
    THEN replace(datetime(${THIS_MINUTE}, ${seconds} || ' seconds'), ' ', 'T') || '.000Z' END`;
}

/** @param {readonly string[]} columns */
function changed(columns) {
  return columns.map((column) => `NEW.${column} IS NOT OLD.${column}`).join(' OR ');
}

/** @param {string} taskId @param {string} key */
function hasNoState(taskId, key) {
  return `NOT EXISTS (SELECT 1 FROM periodic_task_state x WHERE x.task_id = ${taskId} AND x.scope_key = ${key})`;
}

/** @param {'OLD' | 'NEW'} row */
function definitionJson(row) {
  return `json_object(${DEFINITION_COLUMNS.map((column) => `'${column}', ${row}.${column}`).join(', ')})`;
}

/**
 * @param {string} action
 * @param {'OLD' | 'NEW'} row
 * @param {{ before?: string, after?: string }} change
 */
function audit(action, row, { before = 'NULL', after = 'NULL' }) {
  return `INSERT INTO periodic_audit (changed_at, actor, action, task_id, task_name, before, after)
    VALUES (${NOW}, 'outside', ${action}, ${row}.id, ${row}.name, ${before}, ${after});`;
}

/** @param {string} action @param {'OLD' | 'NEW'} row */
function nodeAudit(action, row) {
  return partAudit(action, row, `json_object('node', ${row}.node)`);
}

/** @param {string} action @param {'OLD' | 'NEW'} row */
function tagAudit(action, row) {
  return partAudit(action, row, `json_object('tag', ${row}.tag)`);
}

/** @param {string} action @param {'OLD' | 'NEW'} row @param {string} json */
function partAudit(action, row, json) {
  const [before, after] = row === 'OLD' ? [json, 'NULL'] : ['NULL', json];
  return `INSERT INTO periodic_audit (changed_at, actor, action, task_id, task_name, before, after)
    SELECT ${NOW}, 'outside', ${action}, id, name, ${before}, ${after} FROM periodic_task WHERE id = ${row}.task_id;`;
}
