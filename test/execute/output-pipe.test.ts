import { closeSync, openSync, writeSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openOutputPipe } from '../../src/execute/output-pipe.ts';

test('what is in the pipe when the run ends is not lost', async () => {
  const chunks: string[] = [];
  const pipe = await openOutputPipe((chunk) => chunks.push(chunk.toString()));
  writeSync(pipe.writer, 'last words');
  pipe.finish();
  expect(chunks.join('')).toBe('last words');
});

test('a pipe whose other end somebody still holds is closed all the same', async () => {
  const chunks: string[] = [];
  const pipe = await openOutputPipe((chunk) => chunks.push(chunk.toString()));
  const heldOpen = openSync(`/proc/self/fd/${pipe.writer}`, 'w');
  writeSync(heldOpen, 'before');
  pipe.finish();
  expect(chunks.join('')).toBe('before');
  closeSync(heldOpen);
});
