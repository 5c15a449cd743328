import type { Command } from 'commander';
import type { ActionOf } from '../command-list.ts';
import { deleteStat } from '../stats/delete-stat.ts';
import { listAll } from '../stats/list-stats.ts';
import { DEFAULT_VALUES, showStat } from '../stats/show-stat.ts';

export function define(command: Command, actionOf: ActionOf): void {
  command
    .description('The statistics that tasks write: series of values over time, each under a name.')
    .addHelpText(
      'after',
      `
Examples:
  periodic-cron stats list
  periodic-cron stats show logins --since 7d
  periodic-cron stats delete logins --before 365d`,
    );
  command
    .command('list')
    .description('List the statistics: how many values each has, from when to when, and the latest.')
    .action(actionOf((context) => listAll(context)));
  command
    .command('show')
    .description('Plot a statistic.')
    .argument('<key>', 'name of the statistic')
    .option('--since <T>', 'only from this instant on, or from so long ago, such as 7d')
    .option('--until <T>', 'only up to this instant, or up to so long ago')
    .option('--last <N>', `only the newest N values (default: ${DEFAULT_VALUES})`)
    .action(actionOf(showStat));
  command
    .command('delete')
    .description('Delete the values of a statistic, without asking.')
    .argument('<key>', 'name of the statistic')
    .option('--before <T>', 'only those of before this instant, or of longer ago than this, such as 365d')
    .action(actionOf(deleteStat));
}
