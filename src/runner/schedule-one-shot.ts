import { DefinitionError, type Fault } from '../core/errors.ts';
import { toShortText } from '../core/instants.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import { actorOfTask, ownerOfOneShot } from '../core/owners.ts';
import { ALL_NODES, type TaskDefinition } from '../core/task.ts';
import type { OneShotWish } from '../execute/execution.ts';
import { optionsSaidBy } from '../modules/shipped/command-fields.ts';
import { failpoint } from '../store/failpoint.ts';
import { addOneShot } from '../store/one-shots.ts';
import { faultsOfPlace } from './definition.ts';
import { tellLife } from './events.ts';
import { COMMAND_ID, otherUserOf } from './place-of-run.ts';
import type { AskingTask, RunHosting } from './run-host.ts';
import { newToken } from './token.ts';

/**
 * Adds the task that a run wants to be run once. It runs where the run's task does, with its conditions; for the same
 * module as the same user and within the same memory. Nothing is written unless all of it is valid, nor where the wish of
 * an earlier attempt of the same slot has started. `isRepeated` says that this run has scheduled that name before.
 *
 * @throws DefinitionError with every fault
 */
export async function scheduleOneShot(
  runner: RunHosting,
  asking: AskingTask,
  wish: OneShotWish & { readonly isRepeated?: boolean },
): Promise<void> {
  const now = runner.clock();
  const { task } = asking;
  const definition = await checkedDefinition(runner, fieldsOf(asking, wish, runner.node.name), [
    ...faultsOfRights(asking, wish),
    ...(wish.when.kind === 'at' && wish.when.at <= now
      ? [{ field: 'at', message: `expected an instant to come, got ${toShortText(wish.when.at)}` }]
      : []),
  ]);
  const scopeKey = definition.scope === 'one' ? ALL_NODES : runner.node.name;
  const actor = actorOfTask(task);
  const { token } = asking;
  const { replace, isRepeated = false } = wish;
  const added = await addOneShot(runner.driver, {
    ...{ wishId: newToken(), token, taskId: task.id },
    ...{ definition, scopeKey, replace, isRepeated, now, actor },
  });
  failpoint('one-shot.committed');
  if (added === 'kept') {
    return;
  }
  tellLife(runner, {
    event: 'created',
    task: definition.name,
    scope: scopeKey,
    node: runner.node.name,
    slotAt: null,
    nextSlotAt: wish.when.kind === 'at' ? wish.when.at : null,
    actor,
  });
}

function fieldsOf(
  { task, options }: AskingTask,
  { name, module = task.module, options: given, when }: OneShotWish,
  node: string,
): Partial<TaskDefinition> {
  const isSame = module === task.module;
  const { scope, nodes, requires, offlineResource, offline } = task;
  return {
    name,
    module,
    options: optionsOf({ isSame, isCommand: module === COMMAND_ID, options }, given),
    ...(when.kind === 'at'
      ? { scheduleKind: 'at', schedule: toShortText(when.at) }
      : { scheduleKind: 'ticks', schedule: String(when.after) }),
    scope,
    nodes: scope === 'one' ? nodes : [node],
    ...{ requires, offlineResource, offline },
    runUser: isSame ? task.runUser : null,
    memoryLimitBytes: isSame ? task.memoryLimitBytes : null,
    removeWhenDone: true,
    owner: ownerOfOneShot(task),
  };
}

/** Of a command, what says as whom, where and within which bounds it runs is that of its task, unless it names that itself. */
function optionsOf(
  {
    isSame,
    isCommand,
    options,
  }: { readonly isSame: boolean; readonly isCommand: boolean; readonly options: JsonObject },
  given: JsonObject | undefined,
): JsonObject {
  if (given === undefined) {
    return isSame ? options : {};
  }
  const place = optionsSaidBy('place');
  const inherited = Object.entries(options).filter(([option]) => place.includes(option));
  return isSame && isCommand ? { ...Object.fromEntries(inherited), ...given } : given;
}

/** What runs as another user than its runner gets nothing run with the rights of that. */
function faultsOfRights({ task, options }: AskingTask, wish: OneShotWish): readonly Fault[] {
  const own = otherUserOf({ ...task, options });
  if (own === undefined) {
    return [];
  }
  const { module = task.module, options: given } = wish;
  if (module !== task.module) {
    const message = `expected that of this task, ${JSON.stringify(task.module)}, since it runs as another user than the runner, got ${JSON.stringify(module)}`;
    return [{ field: 'module', message }];
  }
  if (module !== COMMAND_ID || given === undefined) {
    return [];
  }
  const asOther =
    otherUserOf({ ...task, options: optionsOf({ isSame: true, isCommand: true, options }, given) }) !== own;
  const sayable = optionsSaidBy('run');
  return [
    ...(asOther
      ? [{ field: 'options.user', message: 'expected the user and group of this task, got others' }]
      : []),
    ...Object.keys(given)
      .filter((option) => !sayable.includes(option) && option !== 'user' && option !== 'group')
      .map((option) => ({
        field: `options.${option}`,
        message: `expected one of ${sayable.join(', ')}, since this task runs as another user than the runner`,
      })),
  ];
}

async function checkedDefinition(
  { registry: openRegistry }: RunHosting,
  fields: Partial<TaskDefinition>,
  known: readonly Fault[],
): Promise<TaskDefinition> {
  const { checkDefinition } = await import('../core/task-schema.ts');
  const registry = await openRegistry();
  const checked = checkDefinition(fields);
  const { module, options } = fields;
  const faults = [
    ...known,
    ...(checked.kind === 'invalid' ? checked.faults : []),
    ...(typeof module === 'string' && isJsonObject(options)
      ? await registry.checkOptions(module, options)
      : []),
    ...(checked.kind === 'valid' ? await faultsOfPlace(checked.definition, registry) : []),
  ];
  if (faults.length > 0 || checked.kind === 'invalid') {
    throw new DefinitionError(`task ${JSON.stringify(fields.name)}`, faults);
  }
  return checked.definition;
}
