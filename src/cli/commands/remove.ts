import type { Command } from 'commander';
import { nameOf } from '../../core/task.ts';
import { removeTask } from '../../store/definitions.ts';
import { countRuns, listAliveRuns } from '../../store/task-runs.ts';
import { actorName } from '../actor.ts';
import type { ActionOf } from '../command-list.ts';
import type { Context } from '../context.ts';
import { logChange } from '../event-log-change.ts';
import { EXIT } from '../exit-codes.ts';
import { withSession } from '../session.ts';
import { printable } from '../terminal.ts';

export function define(command: Command, actionOf: ActionOf): void {
  command
    .description('Remove a task. Its runs stay in the ledger, and a run of it that is alive goes on.')
    .argument('<name>', 'name of the task')
    .action(actionOf(remove));
}

function remove(context: Context, name: string): Promise<number> {
  const { output } = context;
  return withSession(context, {}, async (session) => {
    const { store } = session;
    const actor = actorName(context.io.uid);
    const { record, states } = await removeTask(store.database, name, actor);
    const scopes = states.map(({ scopeKey }) => scopeKey);
    await logChange(context, session, {
      event: 'removed',
      task: nameOf(record),
      scopes,
      nextSlotAt: null,
      actor,
    });
    const runs = await countRuns(store.driver, record.id);
    const alive = await listAliveRuns(store.driver, record.id);
    const task = nameOf(record);
    if (output.isJson) {
      output.document({
        task,
        id: record.id,
        runs,
        alive: alive.map(({ id, node }) => ({ run: id, node })),
      });
      return EXIT.ok;
    }
    output.line(printable(`removed task ${JSON.stringify(task)}${runsText(runs, task)}`));
    for (const { id, node } of alive) {
      output.note(`run ${id} of it is alive on node ${JSON.stringify(node)} and goes on`);
    }
    return EXIT.ok;
  });
}

function runsText(runs: number, task: string): string {
  if (runs === 0) {
    return ', which never ran';
  }
  const rows = runs === 1 ? 'its one run stays' : `its ${runs} runs stay`;
  return `; ${rows} readable: periodic-cron history ${shellWord(task)}`;
}

function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
