import type { Command } from 'commander';
import type { ActionOf } from '../command-list.ts';
import { addByHand, editByHand, removeByHand } from '../resource/define-resource.ts';
import { listByHand } from '../resource/list-resources.ts';
import { probeByHand } from '../resource/probe-resources.ts';
import { setByHand } from '../resource/set-state.ts';
import { showByHand } from '../resource/show-resource.ts';

export function define(command: Command, actionOf: ActionOf): void {
  command
    .description('The things on a node whose state gates tasks: an address, a mount, a back end.')
    .addHelpText(
      'after',
      `
A task asks for them with --requires, or is offline without one with --offline-resource.

Examples:
  periodic-cron resource add ip#0 --probe command --command 'ip address show to 192.0.2.10/32'
  periodic-cron resource add db --probe tcp --host db.example.org --port 5432 --ttl 30s
  periodic-cron resource add gate --probe none
  periodic-cron resource set gate down --why "new disks"
  periodic-cron resource probe --all`,
    );
  const add = command
    .command('add')
    .description('Define a resource, on every node the same.')
    .argument('<name>', 'name of the resource, such as ip#0');
  probeFlags(add).action(actionOf(addByHand));
  const edit = command
    .command('edit')
    .description('Change a resource: what is not named stays. What earlier looks found is forgotten.')
    .argument('<name>', 'name of the resource');
  probeFlags(edit).action(actionOf(editByHand));
  command
    .command('list')
    .description('List the resources, and how they stand on this node.')
    .option('-n, --node <NAME>', 'how they stand on this node instead')
    .action(actionOf(listByHand));
  command
    .command('show')
    .description(
      'Show one resource: how it stands on each node, since when and why, and which tasks ask for it.',
    )
    .argument('<name>', 'name of the resource')
    .action(actionOf((context, name: string) => showByHand(context, name)));
  command
    .command('set')
    .description('Say how a resource without a probe is.')
    .argument('<name>', 'name of the resource')
    .argument('<state>', 'up, down, warn, n/a, undef, "stdby up" or "stdby down"')
    .option('-n, --node <NAME>', 'on this node (default: this machine)')
    .option('--why <TEXT>', 'why, for everybody who wonders')
    .option('--force', 'also for one with a probe, until its next look')
    .action(actionOf(setByHand));
  command
    .command('probe')
    .description('Look at resources now, on this node, and record what is found.')
    .argument('[names...]', 'names of resources')
    .option('--all', 'every resource that has a probe')
    .action(actionOf(probeByHand));
  command
    .command('remove')
    .description('Remove a resource and all that is known of it.')
    .argument('<name>', 'name of the resource')
    .option('--force', 'also while tasks ask for it: it is not met then, and not known to be down')
    .action(actionOf(removeByHand));
}

function probeFlags(command: Command): Command {
  return command
    .option('--probe <KIND>', 'how to look at it: command, tcp, http, file or none')
    .option('--command <TEXT>', 'with command: what to run; status 0 is up, any other down')
    .option('--retcodes <JSON>', 'with command: other states, such as {"3": "warn", "other": "undef"}')
    .option('--host <HOST>', 'with tcp: the host')
    .option('--port <N>', 'with tcp: the port')
    .option('--url <URL>', 'with http: what to ask for')
    .option(
      '--expect <STATUS>',
      'with http: expected statuses, such as 200 or 200-299,401 (default: 200-299)',
    )
    .option('--path <PATH>', 'with file: it is up while this exists')
    .option('--ttl <D>', 'with a probe: how long a look holds (default: 60s)')
    .option('--timeout <D>', 'with a probe: how long a look may take, from 1s to 5m (default: 5s)');
}
