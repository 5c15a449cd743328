import type { Command } from 'commander';
import { sampleConfig } from '../../config/sample.ts';
import type { ActionOf } from '../command-list.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';

export function define(command: Command, actionOf: ActionOf): void {
  command
    .description('About the configuration file.')
    .command('sample')
    .description('Print a commented YAML configuration file with every key and its default.')
    .addHelpText(
      'after',
      `
Example:
  periodic-cron config sample > /etc/periodic-cron/config.yaml`,
    )
    .action(actionOf(printSample));
}

function printSample({ output }: Context): Promise<number> {
  if (output.isJson) {
    output.document({ sample: sampleConfig() });
  } else {
    output.text(sampleConfig());
  }
  return Promise.resolve(EXIT.ok);
}
