import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { hearAll } from '../../src/execute/child-channel.ts';

test('a channel that is closed while it is paused has given everything', async () => {
  const child = spawn('cat', [], { stdio: ['pipe', 'ignore', 'ignore'] });
  const closed = once(child, 'close');
  const channel = child.stdin;
  if (!(channel instanceof Socket)) {
    throw new Error('expected a socket');
  }
  channel.pause();
  const heard = hearAll(channel).then(() => 'heard');
  channel.destroy();
  let turns = 0;
  const tooLong = (async () => {
    while (turns < 1_000) {
      turns += 1;
      await setImmediate();
    }
    return 'still listening';
  })();
  expect(await Promise.race([heard, tooLong])).toBe('heard');
  await closed;
});
