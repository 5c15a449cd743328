import * as fs from 'node:fs';
import { closeSync, constants, openSync, readdirSync, writeSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { openOutputPipe } from '../../src/execute/output-pipe.ts';

vi.mock('node:fs', async (importOriginal) => {
  const original = await importOriginal<typeof fs>();
  return { ...original, openSync: vi.fn(original.openSync) };
});

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

test('a pipe of which only one end can be opened leaves nothing open', async () => {
  const { openSync: open } = await vi.importActual<typeof fs>('node:fs');
  vi.mocked(fs.openSync).mockImplementation((path, flags, mode) => {
    if (flags === constants.O_WRONLY) {
      throw new Error('too many open files');
    }
    return open(path, flags, mode);
  });
  const before = readdirSync('/proc/self/fd').length;
  await expect(openOutputPipe(() => undefined)).rejects.toThrow('too many open files');
  expect(readdirSync('/proc/self/fd')).toHaveLength(before);
  vi.mocked(fs.openSync).mockImplementation(open);
});
