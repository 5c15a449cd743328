import { faultText } from '../../core/errors.ts';
import { parseRequires } from '../../core/requires.ts';
import { nameOf, type Task } from '../../core/task.ts';
import { readProbe } from '../../execute/probe-target.ts';
import type { Resource } from '../../store/resources.ts';
import { isPolicyWord } from '../resource/probe-flags.ts';
import type { TaskView } from '../task-view.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

/** Whether every resource that a task asks for is defined, and every probe can be run. */
export function checkResources(
  views: readonly TaskView[],
  resources: readonly Resource[],
): readonly Finding[] {
  const known = new Set(resources.map(({ name }) => name));
  const findings = [
    ...views.flatMap((view) => checkAsked(view, known)),
    ...resources.flatMap((resource) => [...checkName(resource), ...checkProbe(resource)]),
  ];
  return findings.length > 0 || resources.length === 0
    ? findings
    : [
        ok(
          'resources',
          `${resources.length} ${resources.length === 1 ? 'resource' : 'resources'}, all defined well`,
        ),
      ];
}

function checkAsked({ record, task }: TaskView, known: ReadonlySet<string>): readonly Finding[] {
  if (task === undefined) {
    return [];
  }
  const name = JSON.stringify(nameOf(record));
  const level = task.active ? fail : warn;
  return [
    ...checkRequires(task, known).map(({ resource, rest }) =>
      level(
        'resources',
        `task ${name} requires the resource ${JSON.stringify(resource)}, which is not defined: it is blocked until there is one`,
        `periodic-cron resource add ${resource} --probe …, or periodic-cron set ${name} --requires ${rest}`,
      ),
    ),
    ...checkBackEnd(task, known).map((resource) =>
      level(
        'resources',
        `task ${name} is to be offline without the resource ${JSON.stringify(resource)}, which is not defined: it is never offline`,
        `periodic-cron resource add ${resource} --probe …, or periodic-cron set ${name} --offline-resource none`,
      ),
    ),
  ];
}

/** The resources that are required and not there, each with the requirements that are left without it. */
function checkRequires({ requires }: Task, known: ReadonlySet<string>) {
  const requirements = parseRequires(requires);
  const rest = requirements.filter(({ resource }) => known.has(resource));
  const restText =
    rest.length === 0
      ? 'none'
      : `'${rest.map(({ resource, states }) => `${resource}(${states.join(',')})`).join(' ')}'`;
  return requirements
    .filter(({ resource }) => !known.has(resource))
    .map(({ resource }) => ({ resource, rest: restText }));
}

function checkBackEnd({ offlineResource }: Task, known: ReadonlySet<string>): readonly string[] {
  return offlineResource === null || known.has(offlineResource) ? [] : [offlineResource];
}

/** Such a name can only have been written by plain SQL, or an earlier version: no task can come to ask for it. */
function checkName({ name }: Resource): readonly Finding[] {
  return isPolicyWord(name)
    ? [
        warn(
          'resources',
          `resource ${JSON.stringify(name)}: expected another name, since --requires and --offline-resource take that word as no resource`,
          `periodic-cron resource add NAME --probe …, then periodic-cron resource remove ${name}`,
        ),
      ]
    : [];
}

function checkProbe(resource: Resource): readonly Finding[] {
  const name = JSON.stringify(resource.name);
  const read = readProbe(resource);
  return read.kind === 'target'
    ? []
    : [
        fail(
          'resources',
          `resource ${name}: ${faultText(read.faults)}`,
          `periodic-cron resource edit ${resource.name}`,
        ),
      ];
}
