import type { Command } from 'commander';
import type { ActionOf } from '../command-list.ts';
import { switchTask } from '../switch-task.ts';

export function define(command: Command, actionOf: ActionOf): void {
  command
    .description(
      'Switch a task on. Its schedule counts from now: what it missed meanwhile is not made up for.',
    )
    .argument('<name>', 'name of the task')
    .action(actionOf((context, name: string) => switchTask(context, name, true)));
}
