import { isDeepStrictEqual } from 'node:util';
import { ConfigError, NotFoundError, UsageError } from '../../core/errors.ts';
import { addResource, changeResource, removeResource } from '../../store/resource-changes.ts';
import { listResources, type Resource } from '../../store/resources.ts';
import { actorName } from '../actor.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { type Session, withSession } from '../session.ts';
import { printable } from '../terminal.ts';
import { type AskingTasks, askingTasks } from './asking-tasks.ts';
import { type ProbeFlags, readResource, resourceName } from './probe-flags.ts';
import { resourceJson, targetText } from './resource-text.ts';
import { unknownResourceText } from './unknown-resource.ts';

const DEFAULTS = { probe: undefined, target: {}, ttlSeconds: 60, timeoutSeconds: 5 } as const;

/** Defines a resource. */
export function addByHand(context: Context, given: string, flags: ProbeFlags): Promise<number> {
  const name = resourceName('resource add', given);
  const resource = readResource('resource add', flags, { ...DEFAULTS, name });
  return withSession(context, {}, async (session) => {
    if (!(await addResource(session.store.driver, resource, actorOf(context, session)))) {
      throw new ConfigError(
        `resource add: expected a new name, got ${JSON.stringify(name)}, which there is already ("periodic-cron resource edit" changes it)`,
      );
    }
    tell(context, resource, 'added');
    return EXIT.ok;
  });
}

/** Changes a resource, and forgets what earlier looks found, or somebody has set; nothing where it is so already. */
export function editByHand(context: Context, given: string, flags: ProbeFlags): Promise<number> {
  if (Object.keys(flags).length === 0) {
    throw new UsageError('resource edit: expected at least one flag that says what to change, got none');
  }
  return withSession(context, {}, async (session) => {
    const before = await foundResource(session, given);
    const resource = readResource('resource edit', flags, before);
    if (isDeepStrictEqual(resource, before)) {
      tell(context, resource, 'unchanged');
      return EXIT.ok;
    }
    await changeResource(session.store.driver, resource, actorOf(context, session));
    tell(context, resource, 'changed');
    return EXIT.ok;
  });
}

/** Removes a resource, unless tasks ask for it. */
export function removeByHand(
  context: Context,
  given: string,
  { force = false }: { readonly force?: boolean },
): Promise<number> {
  return withSession(context, {}, async (session) => {
    const resource = await foundResource(session, given);
    const asking = await askingTasks(session, resource.name);
    if (asking.all.length > 0 && !force) {
      throw new ConfigError(
        `resource remove: expected a resource for which no task asks, got ${JSON.stringify(resource.name)}, for which these do: ${asking.all.join(', ')} (--force removes it all the same: ${lossText(asking)})`,
      );
    }
    await removeResource(session.store.driver, resource.name, actorOf(context, session));
    tell(context, resource, 'removed');
    return EXIT.ok;
  });
}

/** What becomes of the tasks that ask for a resource that is gone. */
function lossText({ requiring, offline }: AskingTasks): string {
  return [
    ...(requiring.length === 0 ? [] : [`what requires it (${requiring.join(', ')}) is blocked then`]),
    ...(offline.length === 0
      ? []
      : [`what is offline without it (${offline.join(', ')}) is never offline then, and rests no more`]),
  ].join('; ');
}

/**
 * The resource of a name.
 *
 * @throws NotFoundError that names the one that was most likely meant
 */
export async function foundResource({ store }: Session, given: string): Promise<Resource> {
  const resources = await listResources(store.driver);
  const name = given.trim().normalize('NFC');
  const found = resources.find((resource) => resource.name === name);
  if (found === undefined) {
    const known = resources.map((resource) => resource.name);
    throw new NotFoundError(unknownResourceText(name, known));
  }
  return found;
}

function actorOf({ io }: Context, { clock }: Session) {
  return { actor: actorName(io.uid), at: clock() };
}

type Done = 'added' | 'changed' | 'unchanged' | 'removed';

function tell({ output }: Context, resource: Resource, done: Done): void {
  if (output.isJson) {
    output.document({ done, resource: resourceJson(resource) });
    return;
  }
  if (done === 'unchanged') {
    output.line(printable(`resource ${JSON.stringify(resource.name)} is so already: nothing changed`));
    return;
  }
  const how = done === 'removed' ? '' : `: ${targetText(resource)}`;
  output.line(printable(`${done} resource ${JSON.stringify(resource.name)}${how}`));
}
