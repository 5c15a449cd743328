import type { Command } from 'commander';
import type { ActionOf } from '../command-list.ts';
import { incrementByHand, listAll, removeByHand, resetByHand } from '../stats/counters.ts';

export function define(command: Command, actionOf: ActionOf): void {
  command
    .description('The counters that tasks add to: each node counts for itself, and the sum is what counts.')
    .addHelpText(
      'after',
      `
Examples:
  periodic-cron counter list
  periodic-cron counter list logins         what each node has counted
  periodic-cron counter increment logins --by 3
  periodic-cron counter reset logins
  periodic-cron counter remove logns         one that was added to by mistake`,
    );
  command
    .command('list')
    .description('List the counters, or tell what each node has added to one of them.')
    .argument('[name]', 'name of the counter')
    .action(actionOf((context, name: string | undefined) => listAll(context, name)));
  command
    .command('increment')
    .description('Add to a counter, as a task does. One that is not there begins at 0.')
    .argument('<name>', 'name of the counter')
    .option('--by <N>', 'what to add, a whole number, 1 if not given')
    .option('-n, --node <NAME>', 'the node that counts (default: this one)')
    .action(actionOf(incrementByHand));
  command
    .command('reset')
    .description('Set a counter to 0, and tell what it was.')
    .argument('<name>', 'name of the counter')
    .option('-n, --node <NAME>', 'only what this node has counted')
    .action(actionOf(resetByHand));
  command
    .command('remove')
    .description('Remove a counter, and tell what it was. Whoever adds to it makes it anew.')
    .argument('<name>', 'name of the counter')
    .option('-n, --node <NAME>', 'only what this node has counted')
    .action(actionOf(removeByHand));
}
