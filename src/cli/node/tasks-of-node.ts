import { ALL_NODES, nameOf, runsOn } from '../../core/task.ts';
import type { StoredTask } from '../../store/definitions.ts';
import { nodesOf } from '../describe-task.ts';
import { type NodeStanding, takesTasks } from './standing.ts';

/** The active tasks that a node runs. */
export type TasksOfNode = {
  /** Of scope `each`: nobody else runs them for this node. */
  readonly own: readonly StoredTask[];
  /** Of scope `one`, with the other nodes that can take them now. */
  readonly shared: ReadonlyArray<{ readonly task: StoredTask; readonly takers: readonly string[] }>;
};

/** Sorts out which active tasks a node has, and which of them can move to others. */
export function tasksOfNode(
  tasks: readonly StoredTask[],
  node: string,
  standings: readonly NodeStanding[],
): TasksOfNode {
  const here = tasks.filter((task) => isActive(task) && runsOn(nodesOf(task.record), node));
  const ready = new Set(standings.filter(takesTasks).map(({ node: { name } }) => name));
  ready.delete(node);
  return {
    own: here.filter((task) => !isShared(task)),
    shared: here.filter(isShared).map((task) => ({ task, takers: takersOf(task, ready) })),
  };
}

/** Which of the ready nodes may run a task. */
export function takersOf({ record }: StoredTask, ready: ReadonlySet<string>): readonly string[] {
  const nodes = nodesOf(record);
  return nodes.includes(ALL_NODES) ? [...ready] : nodes.filter((name) => ready.has(name));
}

export function isActive({ record }: StoredTask): boolean {
  return record.fields.active === true;
}

/** True for a task of scope `one`. */
export function isShared({ record }: StoredTask): boolean {
  return record.fields.scope === 'one';
}

/** The names of tasks for a sentence. */
export function taskNames(tasks: readonly StoredTask[]): string {
  return tasks.map(({ record }) => JSON.stringify(nameOf(record))).join(', ');
}
