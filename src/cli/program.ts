import { Command, CommanderError } from 'commander';
import { UsageError } from '../core/errors.ts';
import { type ActionOf, COMMANDS, type CommandEntry } from './command-list.ts';
import { type Globals, openContext } from './context.ts';
import { EXIT } from './exit-codes.ts';
import { flagNotation, GLOBAL_FLAGS } from './flags.ts';
import type { Io } from './io.ts';
import type { Printer } from './output.ts';
import { programVersion } from './version.ts';

const DEFAULT_HELP_WIDTH = 80;

/**
 * Runs any command line and returns the exit code. The help is printed where it is asked for.
 *
 * @throws UsageError for words that make no command line
 */
export async function runProgram(words: readonly string[], io: Io, printer: Printer): Promise<number> {
  const program = createProgram(io, printer);
  let exitCode: number = EXIT.ok;
  const actionOf: ActionOf =
    (work) =>
    async (...parsed) => {
      exitCode = await work(openContext(io, printer, globalsOf(program)), ...parsed);
    };
  for (const entry of COMMANDS) {
    await addCommand(program, entry, { isNamed: words.includes(entry.name), actionOf });
  }
  try {
    await program.parseAsync(words, { from: 'user' });
    return exitCode;
  } catch (error) {
    return exitCodeOf(error);
  }
}

function createProgram(io: Io, printer: Printer): Command {
  const width = io.columns ?? DEFAULT_HELP_WIDTH;
  const program = new Command('periodic-cron')
    .description('Batch runner that the system cron starts and a SQL database steers.')
    .version(programVersion(), '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: printer.out,
      writeErr: printer.err,
      // A fault is told once, where the call ends.
      outputError: () => undefined,
      getOutHelpWidth: () => width,
      getErrHelpWidth: () => width,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .exitOverride()
    .addHelpText('after', HELP_EXAMPLES);
  for (const flag of Object.values(GLOBAL_FLAGS)) {
    program.option(flagNotation(flag), flag.description);
  }
  return program;
}

const HELP_EXAMPLES = `
Examples:
  periodic-cron run_scheduled -c            one tick, as a crontab calls it
  periodic-cron config sample               print a commented configuration file
  periodic-cron run_scheduled --help        print the help of one command`;

type Addition = { readonly isNamed: boolean; readonly actionOf: ActionOf };

// A command that the words do not name needs no more than its line in the help.
async function addCommand(
  program: Command,
  entry: CommandEntry,
  { isNamed, actionOf }: Addition,
): Promise<void> {
  const command = program.command(entry.name).summary(entry.summary);
  if (isNamed) {
    const { define } = await entry.load();
    define(command, actionOf);
    takeValuesOnce(command);
  }
}

/** Of two values for a flag that takes one, nobody knows which was meant. */
function takeValuesOnce(command: Command): void {
  for (const inner of command.commands) {
    takeValuesOnce(inner);
  }
  for (const option of command.options) {
    if (option.required && option.parseArg === undefined && option.defaultValue === undefined) {
      option.argParser((value: string, before: string | undefined) => {
        if (before !== undefined) {
          const got = [before, value].map((text) => JSON.stringify(text)).join(' and ');
          throw new UsageError(`${command.name()}: ${option.long ?? option.flags}: expected one, got ${got}`);
        }
        return value;
      });
    }
  }
}

function globalsOf(program: Command): Globals {
  const given = program.opts<{
    config?: string;
    database?: string;
    json?: boolean;
    color: boolean;
    verbose?: boolean;
  }>();
  return {
    config: given.config,
    database: given.database,
    json: given.json ?? false,
    color: given.color,
    verbose: given.verbose ?? false,
  };
}

function exitCodeOf(error: unknown): number {
  if (!(error instanceof CommanderError)) {
    throw error;
  }
  if (error.exitCode === 0) {
    return EXIT.ok;
  }
  // The help of a program or command that was called without a command is on stderr already.
  if (error.code === 'commander.help') {
    return EXIT.usage;
  }
  throw new UsageError(oneLine(error.message), { cause: error });
}

/** `error: unknown command 'lst'\n(Did you mean list?)` as one of our lines. */
function oneLine(message: string): string {
  return message.replace(/^error: /, '').replace(/\s*\n\(Did you mean/, ' (did you mean');
}
