/**
 * SQL that is true for a state `s` by which its task, `periodic_task` in the statement, goes now. States of nodes that
 * the task has left, or of another scope, only remember what was handled.
 */
export const IS_STATE_OF_TASK = `((periodic_task.scope = 'one' AND s.scope_key = '*')
  OR (periodic_task.scope <> 'one' AND EXISTS (
    SELECT 1 FROM periodic_task_node n WHERE n.task_id = s.task_id AND n.node IN (s.scope_key, '*'))))`;
