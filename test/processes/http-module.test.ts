import { expect, test } from 'vitest';
import { serve } from '../support/http-servers.ts';
import { openStockedWorld } from '../support/processes.ts';

test.each([
  [{}, 'failed', 0],
  [{ http: { allow_link_local: true } }, 'failed', 0],
  [{ http: { allow_loopback: true } }, 'succeeded', 1],
])('with the configuration %j a request to this machine has %s', async (settings, status, count) => {
  let asked = 0;
  const origin = await serve((_, response) => {
    asked += 1;
    response.end('ok');
  });
  const world = await openStockedWorld(settings);
  world.addTask({
    name: 'ping',
    columns: {
      module: 'http',
      options: JSON.stringify({ url: `${origin}/health` }),
      schedule_kind: 'manual',
      schedule: '',
      run_immediately: 1,
    },
  });
  await world.call('run_scheduled', '-c');
  expect([world.ledger(), asked]).toEqual([[`ping 2024-01-01T00:00 ${status}`], count]);
});
