import type { KnownResource, ResourceLookup } from '../core/conditions.ts';
import { toShortText } from '../core/instants.ts';
import { listResourceStates, listResources, type ResourceOnNode } from '../store/resources.ts';
import type { Runner } from './runner.ts';

/** How resources were found at the last look on the node; what they are now only a look would tell. */
export async function recordedLookup({
  driver,
  node,
}: Pick<Runner, 'driver'> & { readonly node: { readonly name: string } }): Promise<ResourceLookup> {
  const states = await listResourceStates(driver, { node: node.name });
  const last = new Map(states.map((state) => [state.resource, state]));
  const resources = await listResources(driver);
  const known = new Map<string, KnownResource>(
    resources.map(({ name, probe }) => [name, asOfLastLook(last.get(name), probe)]),
  );
  return (name) => known.get(name);
}

function asOfLastLook(last: ResourceOnNode | undefined, probe: string): KnownResource {
  if (last === undefined) {
    const why = probe === 'none' ? 'nobody has set it on this node' : 'nobody has looked yet on this node';
    return { state: 'undef', since: null, why };
  }
  return { ...last, why: `last look ${toShortText(last.checkedAt)}` };
}
