import type { OptionField } from '../options.ts';

const plain = { required: false, secret: false } as const;

const FIELDS = [
  {
    name: 'command',
    type: 'string',
    description: 'The command as text with the quoting of a shell; either this or argv.',
    ...plain,
  },
  {
    name: 'argv',
    type: 'string[]',
    description: 'The command as a list: the program, then its arguments; either this or command.',
    ...plain,
  },
  {
    name: 'shell',
    type: 'boolean',
    description: 'Hand the text of command, and of the hooks, to /bin/sh -c.',
    ...plain,
    default: false,
  },
  {
    name: 'cwd',
    type: 'string',
    description: "Absolute path of the folder to run it in; with user, the user's home unless it is named.",
    ...plain,
  },
  {
    name: 'environment',
    type: 'object',
    description: 'Variables to add to its environment.',
    ...plain,
    default: {},
  },
  { name: 'env', type: 'object', description: 'The older name of environment.', ...plain },
  {
    name: 'environment_file',
    type: 'string | string[]',
    description: 'Files of NAME=value lines, absolute paths; one with a leading "-" may be missing.',
    ...plain,
  },
  {
    name: 'secrets',
    type: 'object',
    description:
      'Variables whose values are references, env:NAME or file:/path, resolved right before the run.',
    required: false,
    secret: true,
  },
  { name: 'stdin', type: 'string', description: 'Text that it reads as its input.', ...plain },
  {
    name: 'user',
    type: 'string',
    description: 'Name or number of the user as whom to run it, with a clean environment.',
    ...plain,
  },
  {
    name: 'group',
    type: 'string',
    description: "Name or number of the group with which to run it; with user, in place of the user's own.",
    ...plain,
  },
  {
    name: 'umask',
    type: 'string',
    description: 'Permissions that new files do not get, in octal digits, such as 027.',
    ...plain,
  },
  { name: 'nice', type: 'integer', description: 'Its niceness, -20 (first) to 19 (last).', ...plain },
  {
    name: 'limits',
    type: 'object',
    description:
      'Limits of each process: nofile, nproc (numbers), as, core, fsize (sizes such as 512MiB), cpu (a time); or "unlimited".',
    ...plain,
  },
  {
    name: 'retcodes',
    type: 'object',
    description:
      'What exit statuses mean: a status, a range such as "1-3", or other; succeeded, warning or failed.',
    ...plain,
  },
  {
    name: 'before',
    type: 'string | string[]',
    description: 'A command to run first; when it fails, the command is not run.',
    ...plain,
  },
  {
    name: 'after',
    type: 'string | string[]',
    description: 'A command to run when the command has not failed; when it fails, the run has failed.',
    ...plain,
  },
  {
    name: 'on_error',
    type: 'string | string[]',
    description: 'A command to run when the run has failed or timed out.',
    ...plain,
  },
] as const satisfies readonly OptionField[];

/** The options of `command`, as help texts and forms show them. */
export const COMMAND_FIELDS: readonly OptionField[] = FIELDS;

export type CommandOption = (typeof FIELDS)[number]['name'];

/**
 * Who may say an option of a one-shot that a run of a command schedules:
 * - `run`: the run may. It takes effect with no other rights than those of the command.
 * - `place`: it says as whom, where and within which bounds a command runs. The one-shot has that of its task.
 * - `task`: only the definition of a task may. The runner reads it with rights of its own, or it runs beside the command.
 *
 * A run of another user than the runner may say nothing but the first.
 */
export type SaidBy = 'run' | 'place' | 'task';

export const SAID_BY: Readonly<Record<CommandOption, SaidBy>> = {
  command: 'run',
  argv: 'run',
  shell: 'run',
  // The runner enters the folder before it becomes the other user, so that even one that is closed to them opens.
  cwd: 'place',
  environment: 'run',
  env: 'run',
  environment_file: 'task',
  secrets: 'task',
  stdin: 'run',
  user: 'place',
  group: 'place',
  umask: 'place',
  nice: 'place',
  limits: 'place',
  retcodes: 'run',
  before: 'task',
  after: 'task',
  // It is told what the runner found, which may be more than the other user may look at.
  on_error: 'task',
};

/** The options of which that is so, in their order. */
export function optionsSaidBy(who: SaidBy): readonly string[] {
  return FIELDS.map(({ name }) => name).filter((name) => SAID_BY[name] === who);
}
