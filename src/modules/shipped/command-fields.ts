import type { OptionField } from '../options.ts';

const plain = { required: false, secret: false } as const;

/** The options of `command`, as help texts and forms show them. */
export const COMMAND_FIELDS: readonly OptionField[] = [
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
];
