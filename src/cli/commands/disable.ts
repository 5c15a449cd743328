import type { Command } from 'commander';
import type { ActionOf } from '../command-list.ts';
import { switchTask } from '../switch-task.ts';

export function define(command: Command, actionOf: ActionOf): void {
  command
    .description('Switch a task off. A run of it that is alive goes on; run_manually still starts it.')
    .argument('<name>', 'name of the task')
    .action(actionOf((context, name: string) => switchTask(context, name, false)));
}
