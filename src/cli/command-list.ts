import type { Command } from 'commander';
import type { Context } from './context.ts';

/** Makes the action of a command: its work gets a context and what the words said, and returns the exit code. */
export type ActionOf = <Words extends unknown[]>(
  work: (context: Context, ...words: Words) => Promise<number>,
) => (...words: Words) => Promise<void>;

/** What a file in `commands/` exports. */
export type CommandModule = {
  /** Gives the command, which has its name and summary already, its description, flags and action. */
  readonly define: (command: Command, actionOf: ActionOf) => void;
};

export type CommandEntry = {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<CommandModule>;
};

/** Every command, in the order of the help. The file of a command is loaded only when the command line names it. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'run_scheduled',
    summary: 'run the tasks that are due (what cron calls)',
    load: () => import('./commands/run-scheduled-help.ts'),
  },
  {
    name: 'run_manually',
    summary: 'run tasks now, by hand',
    load: () => import('./commands/run-manually.ts'),
  },
  {
    name: 'rerun',
    summary: 'run the slot of a run once more, by hand',
    load: () => import('./commands/rerun.ts'),
  },
  {
    name: 'cancel',
    summary: 'ask a live run to end, on whatever node',
    load: () => import('./commands/cancel.ts'),
  },
  {
    name: 'list',
    summary: 'list tasks, their last result and their next run',
    load: () => import('./commands/list.ts'),
  },
  {
    name: 'show',
    summary: 'show one task: definition, policies, states',
    load: () => import('./commands/show.ts'),
  },
  {
    name: 'add',
    summary: 'add a task',
    load: () => import('./commands/add.ts'),
  },
  {
    name: 'set',
    summary: 'change a task',
    load: () => import('./commands/set.ts'),
  },
  {
    name: 'enable',
    summary: 'switch a task on',
    load: () => import('./commands/enable.ts'),
  },
  {
    name: 'disable',
    summary: 'switch a task off',
    load: () => import('./commands/disable.ts'),
  },
  {
    name: 'postpone',
    summary: 'put a task off by a whole period',
    load: () => import('./commands/postpone.ts'),
  },
  {
    name: 'reset',
    summary: 'start a task afresh after failures or a wrong clock',
    load: () => import('./commands/reset.ts'),
  },
  {
    name: 'remove',
    summary: 'remove a task; its runs stay readable',
    load: () => import('./commands/remove.ts'),
  },
  {
    name: 'next',
    summary: 'print when a task or a schedule comes next',
    load: () => import('./commands/next.ts'),
  },
  {
    name: 'explain',
    summary: 'say why a task did or did not run',
    load: () => import('./commands/explain.ts'),
  },
  {
    name: 'simulate',
    summary: 'play the coming ticks: what would run when, and how busy the nodes would be',
    load: () => import('./commands/simulate.ts'),
  },
  {
    name: 'history',
    summary: 'print what ran, and how it ended',
    load: () => import('./commands/history.ts'),
  },
  {
    name: 'output',
    summary: 'print what a run printed',
    load: () => import('./commands/output.ts'),
  },
  {
    name: 'status',
    summary: 'say how nodes, ticks, clocks and live runs stand',
    load: () => import('./commands/status.ts'),
  },
  {
    name: 'doctor',
    summary: 'check configuration, database, definitions and the crontab',
    load: () => import('./commands/doctor.ts'),
  },
  {
    name: 'modules',
    summary: 'list the task modules and their options',
    load: () => import('./commands/modules.ts'),
  },
  {
    name: 'node',
    summary: 'list the nodes; drain, resume or forget one',
    load: () => import('./commands/node.ts'),
  },
  {
    name: 'maintenance',
    summary: 'let no node start anything for a while',
    load: () => import('./commands/maintenance.ts'),
  },
  {
    name: 'resource',
    summary: 'the things whose state gates tasks: define, look at or set them',
    load: () => import('./commands/resource.ts'),
  },
  {
    name: 'counter',
    summary: 'list, add to or reset what tasks count',
    load: () => import('./commands/counter.ts'),
  },
  {
    name: 'stats',
    summary: 'list, plot or delete what tasks measure',
    load: () => import('./commands/stats.ts'),
  },
  {
    name: 'migrate',
    summary: 'bring the schema of the database up to date',
    load: () => import('./commands/migrate.ts'),
  },
  {
    name: 'prune',
    summary: 'delete old history now',
    load: () => import('./commands/prune.ts'),
  },
  {
    name: 'config',
    summary: 'print a sample configuration file',
    load: () => import('./commands/config-sample.ts'),
  },
];
