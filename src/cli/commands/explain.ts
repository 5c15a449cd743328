import type { Command } from 'commander';
import { findTask } from '../../store/definitions.ts';
import type { ActionOf } from '../command-list.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { withSession } from '../session.ts';

export function define(command: Command, actionOf: ActionOf): void {
  command
    .description('Say why a task did or did not run.')
    .argument('<task>', 'name of the task')
    .action(actionOf(explain));
}

async function explain(context: Context, name: string): Promise<number> {
  return withSession(context, { readOnly: true }, async ({ store }) => {
    await findTask(store.path, name);
    return EXIT.ok;
  });
}
