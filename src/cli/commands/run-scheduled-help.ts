import type { Command } from 'commander';
import { UsageError } from '../../core/errors.ts';
import type { ActionOf } from '../command-list.ts';
import { flagNotation, RUN_SCHEDULED_FLAGS } from '../flags.ts';

/** Defines `run_scheduled` for the help texts only: its command line is read without this program, see `main`. */
export function define(command: Command, actionOf: ActionOf): void {
  command
    .description(
      'Run one tick: the active tasks of this node that are due, in ascending order. The system cron calls it every few minutes.',
    )
    .addHelpText(
      'after',
      `
Examples:
  */5 * * * * periodic-cron run_scheduled -c   in a crontab: silent when all is well
  periodic-cron run_scheduled -d               what would run now, and why the rest would not
  periodic-cron run_scheduled -d --at 2026-12-24T18:00Z --json`,
    );
  for (const flag of Object.values(RUN_SCHEDULED_FLAGS)) {
    command.option(flagNotation(flag), flag.description);
  }
  command.action(actionOf(refuse));
}

function refuse(): Promise<number> {
  throw new UsageError(
    'expected only --config, --database, --json, --no-color and -v before run_scheduled; its own flags stand after it',
  );
}
