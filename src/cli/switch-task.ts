import { toShortText } from '../core/instants.ts';
import { nameOf } from '../core/task.ts';
import { openRegistry } from '../runner/open-runner.ts';
import { changeTask } from '../store/definitions.ts';
import { actorName } from './actor.ts';
import { checkFields } from './check-fields.ts';
import type { Context } from './context.ts';
import { changedTask, logChange } from './event-log-change.ts';
import { EXIT } from './exit-codes.ts';
import { type PassedSlots, passedSentences, passedSlots } from './passed-slots.ts';
import { withSession } from './session.ts';
import { taskJson } from './task-json.ts';
import { type TaskView, viewTask } from './task-view.ts';
import { tellTask } from './tell-task.ts';
import { printable } from './terminal.ts';

/**
 * Switches a task on or off. A task that is so already stays as it is, and a task that is not valid can only be switched
 * off.
 */
export function switchTask(context: Context, name: string, active: boolean): Promise<number> {
  return withSession(context, {}, async (session) => {
    const registry = await openRegistry(session.config, context.io.cwd);
    const actor = actorName(context.io.uid);
    let isChanged = false;
    let passed: readonly PassedSlots[] = [];
    const stored = await changeTask(session.store.database, name, actor, async (before) => {
      const { fields } = before.record;
      isChanged = fields.active !== active;
      passed = [];
      if (active && isChanged) {
        await checkFields({ ...fields, active }, [], registry);
        passed = passedSlots(await viewTask(context, session, before, registry), session.clock());
      }
      return isChanged ? { active } : {};
    });
    const view = await viewTask(context, session, stored, registry);
    const word = active ? 'enabled' : 'disabled';
    if (isChanged) {
      await logChange(context, session, { event: word, ...changedTask(view), actor });
    }
    const task = `task ${JSON.stringify(nameOf(stored.record))}`;
    const done = isChanged ? `${word} ${task}` : `${task} is ${word} already: nothing changed`;
    tellTask(context, session, view, { done, word: 'next', document: documentOf(view, passed) });
    if (!context.output.isJson) {
      passedSentences(view, passed).forEach((sentence) => {
        context.output.line(printable(sentence));
      });
    }
    return EXIT.ok;
  });
}

function documentOf(view: TaskView, passed: readonly PassedSlots[]) {
  const left = passed.map(({ scopeKey, slots: { first, slot, count } }) => ({
    scopeKey,
    first: toShortText(first),
    newest: toShortText(slot),
    count,
    wouldRun: 0,
  }));
  return { ...taskJson(view), passedSlots: left };
}
