import type { JsonObject } from '../core/json.ts';
import { ALL_NODES, nameOf, runsOn } from '../core/task.ts';
import { addNodeFor } from '../store/nodes.ts';
import { type Candidate, loadCandidate } from '../store/tick-statements.ts';
import type { Confirm } from './confirmation.ts';
import { isStateOf } from './definition.ts';
import { type HandStart, notHere, startByHand, taskWithOptions } from './hand-start.ts';
import type { Runner, RunReport } from './runner.ts';

export { BusyError } from './hand-start.ts';

/** A task to be run by hand, and the options that replace those of its definition for this run. */
export type ManualRun = {
  readonly taskId: number;
  readonly overrides: JsonObject;
  /** The node is the one that this machine is, not another that was named: it may become known by this run. */
  readonly isOwnNode: boolean;
  /** Asked where the task needs a confirmation; without it such a task is refused. */
  readonly confirm?: Confirm | undefined;
};

/**
 * Runs a task now, by hand: it takes no slot and moves no slot, counter, back-off or state. An inactive or terminated
 * task runs all the same, and the ledger says so.
 *
 * @throws DefinitionError for an invalid task or option, BusyError while it runs and may not overlap, NotFoundError
 * when it is not a task of this node, ConfirmationError when it is not confirmed
 */
export function runByHand(runner: Runner, request: ManualRun): Promise<RunReport> {
  return startByHand(runner, () => taskHere(runner, request), request.confirm);
}

async function taskHere(runner: Runner, request: ManualRun): Promise<HandStart> {
  const { taskId, overrides } = request;
  const candidate = await candidateHere(runner, request);
  if (candidate === undefined) {
    throw notHere(runner, `task ${taskId}`);
  }
  const { record, state, liveRuns } = candidate;
  const task = await taskWithOptions(runner, candidate, overrides);
  if (!runsOn(task.nodes, runner.node.name) || !isStateOf(task, state)) {
    throw notHere(runner, `task ${JSON.stringify(nameOf(record))}`);
  }
  return { task, overrides, state, liveRuns, again: null };
}

/**
 * The state that counts on this node. A scope that was changed leaves other states behind, and a node that never ticked
 * has none yet of the tasks that run on all nodes.
 */
async function candidateHere(
  { driver, node }: Runner,
  { taskId, isOwnNode }: ManualRun,
): Promise<Candidate | undefined> {
  const load = (scopeKey: string) => loadCandidate(driver, { taskId, scopeKey, ordering: 0 });
  const own = await load(node.name);
  if (own !== undefined && own.record.fields.scope !== 'one') {
    return own;
  }
  const shared = await load(ALL_NODES);
  if (shared?.record.fields.scope === 'one') {
    return shared;
  }
  if (isOwnNode) {
    await addNodeFor(driver, taskId, node.name);
  }
  return load(node.name);
}
