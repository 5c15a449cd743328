import type { Command } from 'commander';
import type { ActionOf } from '../command-list.ts';
import { drainNode, forgetNode, resumeNode } from '../node/change-node.ts';
import { listNodes } from '../node/list-nodes.ts';
import { showNode } from '../node/show-node.ts';

export function define(command: Command, actionOf: ActionOf): void {
  command
    .description('The nodes that share the database: every machine that has ticked, by its name.')
    .addHelpText(
      'after',
      `
Examples:
  periodic-cron node list
  periodic-cron node drain alpha --reason "new disks"
  periodic-cron node resume alpha`,
    );
  command
    .command('list')
    .description('List the nodes: a late one has not ticked for three of its rhythms.')
    .action(actionOf((context) => listNodes(context)));
  command
    .command('show')
    .description('Show one node: what it told of itself, its tasks, its live runs and its last ticks.')
    .argument('<name>', 'name of the node')
    .action(actionOf(showNode));
  command
    .command('drain')
    .description('Let a node start nothing new. Live runs go on; tasks of scope one move to other nodes.')
    .argument('<name>', 'name of the node')
    .option('--reason <TEXT>', 'why, for whoever wonders')
    .action(actionOf(drainNode));
  command
    .command('resume')
    .description('Let a drained node start tasks again. What is due is treated as catch_up of the task says.')
    .argument('<name>', 'name of the node')
    .action(actionOf((context, name: string) => resumeNode(context, name)));
  command
    .command('forget')
    .description(
      'Remove a node that ticks no more, with its states of the tasks that run on all nodes. Its runs and ticks stay.',
    )
    .argument('<name>', 'name of the node')
    .action(actionOf((context, name: string) => forgetNode(context, name)));
}
