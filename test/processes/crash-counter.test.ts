import { describe, expect, test } from 'vitest';
import { bringRetriesForward, killAt, tickAll } from '../support/crash-ticks.ts';
import { addCrashTask, endsOf, openCrashWorld } from '../support/crash-world.ts';
import { reachableEngines } from '../support/engines.ts';

describe.each(reachableEngines())('on %s', (engine) => {
  test.each([
    ['counter.written', [], 7],
    ['counter.committed', [7], 0],
  ])('eventcounter, killed at %s, has written its slot once in the end', async (failpoint, written, left) => {
    const world = await openCrashWorld(engine);
    const { sql } = world;
    sql.exec("INSERT INTO periodic_counter (name, node, value) VALUES ('seen', 'beta', 7)");
    const options = { event_counter: 'seen', stats_key: 'seen_by', reset_event_counter: true };
    const columns = {
      ...{ module: 'eventcounter', options: JSON.stringify(options) },
      ...{ retry_limit: 1, retry_delay_s: 0, retry_on: 'lost' },
    };
    addCrashTask({ ...world, nodes: [world] }, { name: 'take', scope: 'each', columns });
    const values = () => sql.prepare('SELECT value FROM periodic_stat ORDER BY id').pluck().all();
    const counted = () => Number(sql.prepare('SELECT value FROM periodic_counter').pluck().get());
    await killAt(world, failpoint);
    expect([values(), counted()]).toEqual([written, left]);
    await tickAll(world);
    bringRetriesForward(world);
    sql.exec('UPDATE periodic_counter SET value = value + 1');
    await tickAll(world);
    const [lost, again] = world.runRows();
    expect(endsOf(world, 'take')).toEqual(['00:00 lost (retry)', '00:00 #2 succeeded']);
    const isDone = written.length > 0;
    expect(lost).toMatchObject({ result: isDone ? '{"value":7,"reset":true}' : null });
    expect(again).toMatchObject({ result: `{"value":${isDone ? 7 : 8},"reset":true}` });
    expect([values(), counted()]).toEqual(isDone ? [[7], 1] : [[8], 0]);
  });
});
