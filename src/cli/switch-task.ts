import { nameOf } from '../core/task.ts';
import { openRegistry } from '../runner/open-runner.ts';
import { changeTask } from '../store/definitions.ts';
import { actorName } from './actor.ts';
import { checkFields } from './check-fields.ts';
import type { Context } from './context.ts';
import { EXIT } from './exit-codes.ts';
import { withSession } from './session.ts';
import { viewTask } from './task-view.ts';
import { tellTask } from './tell-task.ts';

/**
 * Switches a task on or off. A task that is so already stays as it is, and a task that is not valid can only be switched
 * off.
 */
export function switchTask(context: Context, name: string, active: boolean): Promise<number> {
  return withSession(context, {}, async (session) => {
    const registry = await openRegistry(session.config, context.io.cwd);
    let isChanged = false;
    const stored = await changeTask(
      session.store.path,
      name,
      actorName(context.io.uid),
      async ({ record }) => {
        isChanged = record.fields.active !== active;
        if (active && isChanged) {
          await checkFields({ ...record.fields, active }, [], registry);
        }
        return isChanged ? { active } : {};
      },
    );
    const view = await viewTask(context, session, stored, registry);
    const word = active ? 'enabled' : 'disabled';
    const task = `task ${JSON.stringify(nameOf(stored.record))}`;
    const done = isChanged ? `${word} ${task}` : `${task} is ${word} already: nothing changed`;
    tellTask(context, session, view, { done, word: 'next' });
    return EXIT.ok;
  });
}
