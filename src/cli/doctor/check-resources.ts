import { resourcesAsked } from '../../core/conditions.ts';
import { faultText } from '../../core/errors.ts';
import { nameOf } from '../../core/task.ts';
import { readTarget } from '../../execute/probe-target.ts';
import { PROBES, type Resource } from '../../store/resources.ts';
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
    ...resources.flatMap((resource) => checkProbe(resource)),
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
  const name = JSON.stringify(nameOf(record));
  const level = task?.active === true ? fail : warn;
  return (task === undefined ? [] : [...new Set(resourcesAsked(task))])
    .filter((resource) => !known.has(resource))
    .map((resource) =>
      level(
        'resources',
        `task ${name} asks for the resource ${JSON.stringify(resource)}, which is not defined: that is never met`,
        `periodic-cron resource add ${resource}, or periodic-cron set ${name} --requires none`,
      ),
    );
}

function checkProbe({ name, probe, target }: Resource): readonly Finding[] {
  const kind = PROBES.find((known) => known === probe);
  const remedy = `periodic-cron resource edit ${name}`;
  if (kind === undefined) {
    const message = `resource ${JSON.stringify(name)}: expected one of the probes ${PROBES.join(', ')}, got ${JSON.stringify(probe)}`;
    return [fail('resources', message, remedy)];
  }
  const read = readTarget(kind, target);
  return read.kind === 'target'
    ? []
    : [fail('resources', `resource ${JSON.stringify(name)}: ${faultText(read.faults)}`, remedy)];
}
