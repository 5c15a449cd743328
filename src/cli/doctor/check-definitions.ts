import { faultText } from '../../core/errors.ts';
import { toShortText } from '../../core/instants.ts';
import { isGone } from '../../core/owners.ts';
import type { TaskState } from '../../core/state.ts';
import { ALL_NODES, nameOf, type Task } from '../../core/task.ts';
import type { ModuleListing } from '../../modules/registry.ts';
import type { StoredTask } from '../../store/definitions.ts';
import { goneText } from '../describe-task.ts';
import type { StateView } from '../state-view.ts';
import type { TaskView } from '../task-view.ts';
import { type Finding, fail, listed, ok, warn } from './finding.ts';

/** Whether every folder, package and module that the configuration names can be used. */
export function checkModules({ modules, faults }: ModuleListing): readonly Finding[] {
  const unread = faults.map(({ file, message }) => `${file}: ${message}`);
  const unusable = modules.flatMap(({ id, fault }) =>
    fault === undefined ? [] : [`module ${JSON.stringify(id)}: ${fault}`],
  );
  const problems = [...new Set([...unread, ...unusable])];
  return problems.length === 0
    ? [ok('modules', `${modules.length} known`)]
    : problems.map((problem) =>
        fail('modules', problem, 'mend the file, or take it out of "modules" in the configuration'),
      );
}

/** Whether every task can run, and on a node that there is. */
export function checkDefinitions(views: readonly TaskView[], nodes: ReadonlySet<string>): readonly Finding[] {
  const findings = views.flatMap((view) => checkDefinition(view, nodes));
  const valid = views.filter(({ faults }) => faults.length === 0).length;
  return valid === views.length
    ? [ok('definitions', `${valid} ${valid === 1 ? 'task' : 'tasks'}, all valid`), ...findings]
    : findings;
}

function checkDefinition({ record, task, faults }: TaskView, nodes: ReadonlySet<string>): readonly Finding[] {
  const name = JSON.stringify(nameOf(record));
  if (isGone(record)) {
    const mend = `periodic-cron remove ${name}, or declare it again and sync`;
    return [warn('definitions', `task ${name}: ${goneText(record)}`, mend)];
  }
  if (faults.length > 0) {
    const isActive = record.fields.active !== false;
    const message = `task ${name} is invalid: ${faultText(faults)}`;
    return [
      (isActive ? fail : warn)(
        'definitions',
        message,
        `mend it with periodic-cron set ${name}, or remove it`,
      ),
    ];
  }
  if (task === undefined || !task.active) {
    return [];
  }
  return checkNodes(task, nodes);
}

function checkNodes({ name, nodes }: Task, known: ReadonlySet<string>): readonly Finding[] {
  const shown = JSON.stringify(name);
  return nodes
    .filter((node) => node !== ALL_NODES && !known.has(node))
    .map((node) =>
      warn(
        'definitions',
        `task ${shown} belongs to the node ${JSON.stringify(node)}, which has never ticked`,
        `if it was renamed: periodic-cron set ${shown} -n NODE`,
      ),
    );
}

/**
 * Whether each active task of scope each has a state for every node that it lists; `*` stands for those that are known,
 * which have ticked. Without one no tick of that node looks at the task. The triggers make them.
 */
export function checkMissingStates(
  tasks: readonly StoredTask[],
  known: ReadonlySet<string>,
): readonly Finding[] {
  return tasks.flatMap((stored) => {
    const missing = nodesWithoutState(stored, known);
    if (missing.length === 0) {
      return [];
    }
    const name = JSON.stringify(nameOf(stored.record));
    const nodes = listed(missing.map((node) => JSON.stringify(node)));
    return [
      fail(
        'states',
        `task ${name} has no state for ${missing.length === 1 ? 'the node' : 'the nodes'} ${nodes}: it does not run there`,
        'remove the node from the task and add it again: its state comes with it',
      ),
    ];
  });
}

function nodesWithoutState({ record, states }: StoredTask, known: ReadonlySet<string>): readonly string[] {
  const { active, scope, nodes } = record.fields;
  if (active === false || scope === 'one' || !Array.isArray(nodes)) {
    return [];
  }
  const named = nodes.map(String);
  const wanted = named.flatMap((node) => (node === ALL_NODES ? [...known] : [node]));
  const present = new Set(states.map(({ scopeKey }) => scopeKey));
  return [...new Set(wanted)].filter((node) => !present.has(node));
}

/** What a wrong clock, or missing ticks, have left in the states of the tasks. */
export function checkStates(views: readonly TaskView[]): readonly Finding[] {
  const findings = views.flatMap((view) => view.states.flatMap((state) => checkState(view, state)));
  return findings.length === 0 ? [ok('states', 'none handled in the future, none overdue')] : findings;
}

function checkState({ record }: TaskView, { state, marks, nextAt }: StateView): readonly Finding[] {
  const name = JSON.stringify(nameOf(record));
  const where = state.scopeKey === ALL_NODES ? '' : ` on node ${JSON.stringify(state.scopeKey)}`;
  const ahead = fail(
    'states',
    `task ${name}${where} ${futureText(state)}, which lies in the future: it does not run until then`,
    `if the clock was wrong then and is right now: periodic-cron reset ${name}`,
  );
  const overdue = warn(
    'states',
    `task ${name}${where} has been due since ${toShortText(nextAt ?? state.countedFrom)}`,
    `periodic-cron explain ${name}`,
  );
  return [
    ...(marks.includes('handled in the future') || marks.includes('counts from the future') ? [ahead] : []),
    ...(marks.includes('overdue') ? [overdue] : []),
  ];
}

function futureText({ handledSlot, countedFrom }: TaskState): string {
  return handledSlot !== null && handledSlot >= countedFrom
    ? `has handled its slots up to ${toShortText(handledSlot)}`
    : `counts its slots from ${toShortText(countedFrom)}`;
}
