import type { Command } from 'commander';
import { UsageError } from '../../core/errors.ts';
import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { nameOf, type TaskDefinition, type TaskRecord } from '../../core/task.ts';
import { columnName } from '../../core/task-schema.ts';
import type { Registry } from '../../modules/registry.ts';
import { openRegistry } from '../../runner/open-runner.ts';
import { changeTask } from '../../store/definitions.ts';
import { actorName } from '../actor.ts';
import { checkFields, faultsOfName, faultsOfResources, withNamedZone } from '../check-fields.ts';
import type { ActionOf } from '../command-list.ts';
import type { Context } from '../context.ts';
import { addDefinitionFlags, type GivenFlags } from '../definition-flags.ts';
import { fieldText } from '../describe-task.ts';
import { changedTask, logChange } from '../event-log-change.ts';
import { EXIT } from '../exit-codes.ts';
import { type OptionsGiven, readOptionValues } from '../option-values.ts';
import { allowPast, faultsOfPast } from '../past-instant.ts';
import { readDefinition } from '../read-definition.ts';
import { type Session, withSession } from '../session.ts';
import { warnOfSlots } from '../slot-warnings.ts';
import { taskJson } from '../task-json.ts';
import { type TaskView, viewTask } from '../task-view.ts';
import { tellTask } from '../tell-task.ts';
import { printable } from '../terminal.ts';

export function define(command: Command, actionOf: ActionOf): void {
  command
    .description('Change a task: only what is named. Nothing changes unless all of the result is valid.')
    .argument('<name>', 'name of the task')
    .addHelpText(
      'after',
      `
D is a duration such as 90s, 15m, 1h30m or 2d (units s, m, h, d, w). What is not named stays; "default" gives a
policy its default back.
A new schedule counts from now, so no change makes a task run at once.

Examples:
  periodic-cron set backup --cron '30 3 * * *' --timeout 2h
  periodic-cron set backup -o command='/usr/local/bin/backup --all' --option-remove cwd
  periodic-cron set backup --timeout default --start-deadline none`,
    );
  addDefinitionFlags(command, 'set');
  command.action(actionOf(set));
}

type Change = { readonly field: keyof TaskDefinition; readonly before: unknown; readonly after: unknown };

function set(context: Context, name: string, given: GivenFlags): Promise<number> {
  if (Object.keys(given).length === 0) {
    throw new UsageError('set: expected at least one flag that says what to change, got none');
  }
  return withSession(context, {}, async (session) => {
    const registry = await openRegistry(session.config, context.io.cwd);
    const actor = actorName(context.io.uid);
    let changes: readonly Change[] = [];
    const changed = await changeTask(session.store.database, name, actor, async ({ record }) => {
      const definition = await definitionAfter({ context, session, registry }, record, given);
      changes = changesOf(record, definition);
      return Object.fromEntries(changes.map(({ field, after }) => [field, after]));
    });
    const stored = await allowPast(session, changed, {
      given,
      env: context.io.env,
      now: session.clock(),
    });
    const view = await viewTask(context, session, stored, registry);
    await logChanges(context, session, { view, changes, actor });
    const done =
      changes.length === 0
        ? `task ${JSON.stringify(nameOf(stored.record))} is so already: nothing changed`
        : `changed task ${JSON.stringify(nameOf(stored.record))}`;
    if (!context.output.isJson) {
      changes.forEach((change) => {
        context.output.line(printable(changeText(change)));
      });
    }
    tellTask(context, session, view, {
      done,
      word: 'next',
      document: { changes: changes.map(changeJson), task: taskJson(view) },
    });
    if (changes.length > 0) {
      await warnOfSlots(context, session, view);
    }
    return EXIT.ok;
  });
}

type Changed = {
  readonly view: TaskView;
  readonly changes: readonly Change[];
  readonly actor: string;
};

/** Only the names of fields: the values of options are nobody's business but the task's. */
async function logChanges(
  context: Context,
  session: Session,
  { view, changes, actor }: Changed,
): Promise<void> {
  const fields = changes.map(({ field }) => columnName(field));
  const renamed = changes.find(({ field }) => field === 'name');
  const former = renamed === undefined ? {} : { formerName: String(renamed.before) };
  if (fields.length > 0) {
    await logChange(context, session, { event: 'changed', ...changedTask(view), actor, fields, ...former });
  }
}

type Work = { readonly context: Context; readonly session: Session; readonly registry: Registry };

async function definitionAfter(
  { context, session, registry }: Work,
  { fields: before }: TaskRecord,
  given: GivenFlags,
): Promise<TaskDefinition> {
  const read = readDefinition(given, session.config);
  const fields = withNamedZone({ ...before, ...read.fields }, context.io.env);
  const options = await optionsAfter(
    before.options,
    given,
    await optionsGiven(given, fields.module, registry),
  );
  const renamed = read.fields.name !== undefined && read.fields.name !== before.name;
  return checkFields(
    { ...fields, options: options.values },
    [
      ...read.faults,
      ...options.faults,
      ...faultsOfPast(fields, { given, env: context.io.env, now: session.clock() }),
      ...(renamed ? await faultsOfName(session, read.fields.name) : []),
      ...(await faultsOfResources(session, fields, before)),
    ],
    registry,
  );
}

function optionsGiven(given: GivenFlags, module: unknown, registry: Registry): Promise<OptionsGiven> {
  return readOptionValues(given.option ?? [], module, registry);
}

/** Options that are not named stay; what plain SQL wrote that is no object is kept for the check to refuse. */
function optionsAfter(before: unknown, { optionRemove = [] }: GivenFlags, { values, faults }: OptionsGiven) {
  if (!isJsonObject(before)) {
    return { values: Object.keys(values).length === 0 ? before : values, faults };
  }
  const absent = optionRemove.filter((key) => !Object.hasOwn(before, key));
  const kept: JsonObject = Object.fromEntries(
    Object.entries(before).filter(([key]) => !optionRemove.includes(key)),
  );
  return {
    values: { ...kept, ...values },
    faults: [
      ...faults,
      ...absent.map((key) => ({
        field: `options.${key}`,
        message: `expected an option to remove (${Object.keys(before).join(', ') || 'there is none'}), got ${JSON.stringify(key)}`,
      })),
    ],
  };
}

function changesOf({ fields: before }: TaskRecord, after: TaskDefinition): readonly Change[] {
  const names = Object.keys(after) as ReadonlyArray<keyof TaskDefinition>;
  return names
    .filter((field) => comparable(field, before[field]) !== comparable(field, after[field]))
    .map((field) => ({ field, before: before[field], after: after[field] }));
}

/** Nodes and tags have no order. */
function comparable(field: keyof TaskDefinition, value: unknown): string | undefined {
  const isSet = field === 'nodes' || field === 'tags';
  return JSON.stringify(isSet && Array.isArray(value) ? value.toSorted() : value);
}

function changeText({ field, before, after }: Change): string {
  return `${columnName(field)}: ${fieldText(field, before)} → ${fieldText(field, after)}`;
}

function changeJson({ field, before, after }: Change) {
  return { field, before: before ?? null, after };
}
