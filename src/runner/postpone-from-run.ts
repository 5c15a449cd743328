import { NotFoundError, UsageError } from '../core/errors.ts';
import { actorOfTask } from '../core/owners.ts';
import { ALL_NODES } from '../core/task.ts';
import { lookUpTask } from '../store/task-lookup.ts';
import { loadCandidate } from '../store/tick-statements.ts';
import { otherUserOf } from './place-of-run.ts';
import { postponeTask } from './postpone.ts';
import type { AskingTask, RunHosting } from './run-host.ts';

/**
 * Postpones a task for a run: on the run's node alone where each has its own state. The run that asks is not ended by that.
 *
 * @throws NotFoundError for an unknown name, and for a task that has no state here; UsageError for what has no period or
 * runs as another user than this run, and when this run was given up
 */
export async function postponeFromRun(runner: RunHosting, asking: AskingTask, name: string): Promise<void> {
  const { driver, clock, registry, node, onEvent } = runner;
  const { id, scope } = await lookUpTask(driver, name);
  const scopeKey = scope === 'one' ? ALL_NODES : node.name;
  const candidate = await loadCandidate(driver, { taskId: id, scopeKey, ordering: 0 });
  if (candidate === undefined) {
    throw new NotFoundError(`task ${JSON.stringify(name)} has no state on node ${JSON.stringify(node.name)}`);
  }
  refuseOtherUser(asking, candidate.record.fields, name);
  const postponer = {
    ...{ driver, clock, registry, node, onEvent },
    actor: actorOfTask(asking.task),
    asking: asking.token,
    timezoneOf: () => node.timezone,
  };
  await postponeTask(postponer, candidate.record, [scopeKey]);
}

function refuseOtherUser(
  { task, options }: AskingTask,
  other: Parameters<typeof otherUserOf>[0],
  name: string,
): void {
  const own = otherUserOf({ ...task, options });
  if (own !== undefined && own !== otherUserOf(other)) {
    throw new UsageError(
      `postpone: expected a task that runs as the same user as this one, got ${JSON.stringify(name)}`,
    );
  }
}
