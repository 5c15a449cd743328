import { formatDuration } from '../../core/durations.ts';
import type { Fault } from '../../core/errors.ts';
import { OWNED_BY_FILE } from '../../core/owners.ts';
import type { TaskDefinition } from '../../core/task.ts';
import { NO_MODULE } from '../../modules/foreign-modules.ts';
import { type PeriodicSpec, whyNotScheduled } from '../../modules/periodic-task.ts';
import type { ModuleEntry, ModuleListing } from '../../modules/registry.ts';
import { openRegistry } from '../../runner/open-runner.ts';
import { readSyncedTasks, writeSyncedTasks } from '../../store/synced-tasks.ts';
import { actorName } from '../actor.ts';
import type { Context } from '../context.ts';
import { logChange } from '../event-log-change.ts';
import { EXIT } from '../exit-codes.ts';
import { type Session, withSession } from '../session.ts';
import { type DeclaredTask, planSync, type SyncPlan } from './sync-plan.ts';

/** Makes rows of the tasks that the files of this node declare, or with `plan` says what it would do. */
export function syncModules(
  context: Context,
  { plan = false }: { readonly plan?: boolean },
): Promise<number> {
  return withSession(context, { readOnly: plan }, async (session) => {
    const { config, store } = session;
    const registry = await openRegistry(config, context.io.cwd);
    const declared = declaredIn(await (plan ? registry.readOnly() : registry).list());
    const { tasks, faults } = await definitionsOf(declared, session);
    const names = tasks.map(({ definition }) => definition.name);
    const decide = (records: Parameters<typeof planSync>[1]): SyncPlan =>
      planSync(tasks, records, { node: config.node, known: [...declared.faults, ...faults] });
    const actor = actorName(context.io.uid);
    const done = plan
      ? decide(await readSyncedTasks(store.database, names))
      : await writeSyncedTasks(store.database, { names, actor }, decide);
    if (!plan) {
      await logAll(context, session, done);
    }
    tell(context, done, { plan, declared: declared.modules });
    return EXIT.ok;
  });
}

type Declared = {
  readonly modules: readonly DeclaredModule[];
  readonly faults: readonly Fault[];
};
type DeclaredModule = { readonly id: string; readonly file: string; readonly spec: PeriodicSpec };

/** A file that cannot be read may declare anything: without it nobody can say which tasks are gone. */
function declaredIn({ modules, faults }: ModuleListing): Declared {
  const periodic = modules.filter(({ periodic: spec }) => spec !== undefined);
  const twice = new Map(periodic.flatMap(({ id, fault }) => (fault === undefined ? [] : [[id, fault]])));
  return {
    modules: periodic.flatMap(declaredModule),
    faults: [
      ...faults
        .filter(({ message }) => message !== NO_MODULE)
        .map(({ file, message }) => ({ field: file, message })),
      ...[...twice].map(([field, message]) => ({ field, message })),
    ],
  };
}

function declaredModule({ id, file, periodic: spec, fault }: ModuleEntry): readonly DeclaredModule[] {
  return file === undefined || spec === undefined || fault !== undefined ? [] : [{ id, file, spec }];
}

async function definitionsOf(
  { modules }: Declared,
  { config }: Session,
): Promise<{ readonly tasks: readonly DeclaredTask[]; readonly faults: readonly Fault[] }> {
  const { checkDefinition } = await import('../../core/task-schema.ts');
  const tasks: DeclaredTask[] = [];
  const faults: Fault[] = [];
  for (const module of modules) {
    const checked = checkDefinition(fieldsOf(module, config));
    if (checked.kind === 'valid') {
      tasks.push({ file: module.file, definition: checked.definition });
    } else {
      faults.push(
        ...checked.faults.map(({ field, message }) => ({ field: `${module.id}.${field}`, message })),
      );
    }
  }
  return { tasks, faults };
}

/** What is not scheduled has a period that is never, so that whether it is active stays the operator's to say. */
function fieldsOf(
  { id, file, spec }: DeclaredModule,
  { node, defaultSpacingSeconds }: Session['config'],
): Partial<TaskDefinition> {
  const seconds = spec.spacingSeconds === 0 ? defaultSpacingSeconds : spec.spacingSeconds;
  const isScheduled = whyNotScheduled(spec) === undefined;
  return {
    name: id,
    module: id,
    scheduleKind: 'every',
    schedule: formatDuration(isScheduled ? seconds : -Math.abs(seconds)),
    runImmediately: isScheduled && spec.runImmediately,
    owner: `${OWNED_BY_FILE}${file}`,
    nodes: [node],
  };
}

const EVENTS = { added: 'created', changed: 'changed', gone: 'disabled' } as const;

async function logAll(context: Context, session: Session, { lines }: SyncPlan): Promise<void> {
  const actor = actorName(context.io.uid);
  const scopes = [session.config.node];
  for (const { kind, task } of lines) {
    await logChange(context, session, { event: EVENTS[kind], task, scopes, nextSlotAt: null, actor });
  }
}

const SIGNS = { added: '+', changed: '~', gone: '-' } as const;

function tell(
  { output }: Context,
  { lines, unchanged }: SyncPlan,
  { plan, declared }: { readonly plan: boolean; readonly declared: readonly DeclaredModule[] },
): void {
  const notScheduled = declared.flatMap(({ id, spec }) => {
    const reason = whyNotScheduled(spec);
    return reason === undefined ? [] : [{ task: id, reason }];
  });
  if (output.isJson) {
    output.document({ applied: !plan, changes: lines, unchanged, notScheduled });
    return;
  }
  for (const { kind, task, what } of lines) {
    output.line(`${SIGNS[kind]} ${task}: ${what}`);
  }
  for (const { task, reason } of notScheduled) {
    output.line(`  ${task}: not scheduled: ${reason}`);
  }
  output.line(
    lines.length === 0
      ? `nothing to do: ${unchanged} as ${unchanged === 1 ? 'its file says' : 'their files say'}`
      : `${plan ? 'would be' : 'done'}: ${countsText(lines)}, ${unchanged} unchanged`,
  );
}

function countsText(lines: SyncPlan['lines']): string {
  return (['added', 'changed', 'gone'] as const)
    .map((kind) => `${lines.filter((line) => line.kind === kind).length} ${kind}`)
    .join(', ');
}
