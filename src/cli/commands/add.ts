import type { Command } from 'commander';
import type { TaskDefinition } from '../../core/task.ts';
import { openRegistry } from '../../runner/open-runner.ts';
import { addTask } from '../../store/definitions.ts';
import { actorName } from '../actor.ts';
import { checkFields, faultsOfName, faultsOfResources, withNamedZone } from '../check-fields.ts';
import type { ActionOf } from '../command-list.ts';
import type { Context } from '../context.ts';
import { addDefinitionFlags, type GivenFlags, KIND_FLAGS } from '../definition-flags.ts';
import { changedTask, logChange } from '../event-log-change.ts';
import { EXIT } from '../exit-codes.ts';
import { readOptionValues } from '../option-values.ts';
import { allowPast, faultsOfPast } from '../past-instant.ts';
import { type FieldsGiven, readDefinition } from '../read-definition.ts';
import { type Session, withSession } from '../session.ts';
import { warnOfSlots } from '../slot-warnings.ts';
import { viewTask } from '../task-view.ts';
import { tellTask } from '../tell-task.ts';

export function define(command: Command, actionOf: ActionOf): void {
  command
    .description('Add a task. Nothing is stored unless all of it is valid; all faults are told at once.')
    .argument('<name>', 'name of the task, unique')
    .addHelpText(
      'after',
      `
D is a duration such as 90s, 15m, 1h30m or 2d (units s, m, h, d, w). A policy takes "default" too.

Examples:
  periodic-cron add backup --module command --cron '0 2 * * *' -o command='/usr/local/bin/backup --all'
  periodic-cron add poll --module command --every 90s -o argv='["curl", "-fsS", "https://example.org/"]'
  periodic-cron add tidy --module prune_history --manual -n '*' --scope one -o max_runs=1000`,
    );
  addDefinitionFlags(command, 'add');
  command.action(actionOf(add));
}

function add(context: Context, name: string, given: GivenFlags): Promise<number> {
  return withSession(context, {}, async (session) => {
    const registry = await openRegistry(session.config, context.io.cwd);
    const { fields, faults } = withDefaults(
      readDefinition({ ...given, name }, session.config),
      session,
      context,
    );
    const options = await readOptionValues(given.option ?? [], fields.module, registry);
    const reading = { given, env: context.io.env, now: session.clock() };
    const definition: TaskDefinition = await checkFields(
      { ...fields, options: options.values },
      [
        ...faults,
        ...options.faults,
        ...faultsOfPast(fields, reading),
        ...(await faultsOfName(session, fields.name)),
        ...(await faultsOfResources(session, fields)),
      ],
      registry,
    );
    const actor = actorName(context.io.uid);
    const added = await addTask(session.store.database, definition, actor);
    const stored = await allowPast(session, added, reading);
    const view = await viewTask(context, session, stored, registry);
    await logChange(context, session, { event: 'created', ...changedTask(view), actor });
    const done = `added task ${JSON.stringify(definition.name)} (id ${stored.record.id})`;
    tellTask(context, session, view, { done, word: 'first' });
    await warnOfSlots(context, session, view);
    return EXIT.ok;
  });
}

/** What `add` fills in, and what it demands. */
function withDefaults({ fields, faults }: FieldsGiven, { config }: Session, { io }: Context): FieldsGiven {
  return {
    fields: withNamedZone({ nodes: [config.node], scheduleKind: 'manual', ...fields }, io.env),
    faults: [
      ...faults,
      ...(fields.module === undefined
        ? [
            {
              field: 'module',
              message: 'expected --module ID ("periodic-cron modules" lists them), got none',
            },
          ]
        : []),
      ...(fields.scheduleKind === undefined
        ? [{ field: 'schedule', message: `expected one of ${KIND_FLAGS}, got none` }]
        : []),
    ],
  };
}
