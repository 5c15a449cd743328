import { describe, expect, test } from 'vitest';
import { NotFoundError } from '../../src/core/errors.ts';
import { runByHand } from '../../src/runner/manual.ts';
import type { Runner } from '../../src/runner/runner.ts';
import { at } from '../support/builders.ts';
import { openVirtualWorld, type VirtualWorld } from '../support/virtual-runner.ts';

/** A world with a task of all nodes, and a runner of node `beta`, which never ticked. */
async function worldWithNewNode(): Promise<{ world: VirtualWorld; beta: Runner; taskId: number }> {
  const world = await openVirtualWorld();
  const taskId = world.addTask({ name: 'everywhere', nodes: ['*'] });
  await world.tick('12:01');
  world.clock.now = at('12:02');
  return { world, beta: world.otherRunner({ node: { ...world.runner.node, name: 'beta' } }), taskId };
}

function knownNodes({ sql }: VirtualWorld): unknown[] {
  return sql.prepare('SELECT name FROM periodic_node ORDER BY name').pluck().all();
}

describe('a task of all nodes, by hand on a node that never ticked', () => {
  test('runs when the node is this machine', async () => {
    const { world, beta, taskId } = await worldWithNewNode();
    const run = await runByHand(beta, { taskId, overrides: {}, isOwnNode: true });
    expect(run).toMatchObject({ task: 'everywhere', status: 'succeeded' });
    expect(world.ledger()).toEqual(['everywhere manual succeeded']);
    expect(knownNodes(world)).toEqual(['alpha', 'beta']);
  });

  test('is refused when the node was named, which may be a slip, and the node stays unknown', async () => {
    const { world, beta, taskId } = await worldWithNewNode();
    const refused = runByHand(beta, { taskId, overrides: {}, isOwnNode: false });
    await expect(refused).rejects.toThrow(NotFoundError);
    await expect(refused).rejects.toThrow(`task ${taskId} is not a task of node "beta": name another node`);
    expect(world.ledger()).toEqual([]);
    expect(knownNodes(world)).toEqual(['alpha']);
  });

  test('runs as a node that was named and has ticked', async () => {
    const { world, taskId } = await worldWithNewNode();
    await runByHand(world.runner, { taskId, overrides: {}, isOwnNode: false });
    expect(world.ledger()).toEqual(['everywhere manual succeeded']);
  });
});
