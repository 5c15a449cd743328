import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { closeSync, constants, openSync, readdirSync, writeSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { openOutputPipe } from '../../src/execute/output-pipe.ts';
import { eventually } from '../support/execution.ts';

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

test('nothing more comes while what came is still being taken, and then all of it', async () => {
  let taken = 0;
  let isBusy = false;
  let whileBusy = 0;
  let goOn: (() => void) | undefined;
  const pipe = await openOutputPipe((chunk) => {
    whileBusy += isBusy ? 1 : 0;
    taken += chunk.length;
    isBusy = true;
    return new Promise<void>((resolve) => {
      goOn = () => {
        isBusy = false;
        resolve();
      };
    });
  });
  const bytes = 1_000_000;
  const writer = spawn('head', ['-c', String(bytes), '/dev/zero'], {
    stdio: ['ignore', pipe.writer, 'ignore'],
  });
  const ended = once(writer, 'exit');
  pipe.closeWriter();
  let hasEnded = false;
  void ended.then(() => {
    hasEnded = true;
  });
  while (taken < bytes) {
    await eventually('a chunk', () => isBusy);
    // The writer cannot be through while more is left than a pipe holds.
    expect(hasEnded && taken < bytes - 2 * 65_536).toBe(false);
    goOn?.();
    await eventually('it was taken', () => !isBusy || taken === bytes);
  }
  await ended;
  pipe.finish();
  expect({ taken, whileBusy }).toEqual({ taken: bytes, whileBusy: 0 });
});
