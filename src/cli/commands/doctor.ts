import type { Command } from 'commander';
import type { ActionOf } from '../command-list.ts';

export function define(command: Command, actionOf: ActionOf): void {
  command.action(actionOf(async () => 0));
}
