import { didYouMean } from '../../config/near-miss.ts';
import { listNodes } from '../../store/nodes.ts';
import type { Context } from '../context.ts';
import type { Session } from '../session.ts';

/** Notes that no node of the name has ticked yet: it may be a new one, or a slip. */
export async function noteUnknownNode({ output }: Context, { config, store }: Session): Promise<void> {
  const known = (await listNodes(store.driver)).map(({ name }) => name);
  if (known.length > 0 && !known.includes(config.node)) {
    const hint = didYouMean(config.node, known);
    output.note(`no node named ${JSON.stringify(config.node)} has ticked yet${hint}`);
  }
}
