import { write, writeSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ChildOutput } from '../../src/execute/child-output.ts';

/** What comes in a turn. */
function collect() {
  const pieces: Buffer[] = [];
  return { sink: (chunk: Buffer) => pieces.push(Buffer.from(chunk)), bytes: () => Buffer.concat(pieces) };
}

test('each turn has what was written in it, whole and in order', async () => {
  const output = await ChildOutput.open();
  for (const size of [0, 1, 15, 16, 17, 65_536 - 8, 65_536, 300_001]) {
    const text = Buffer.from(Array.from({ length: size }, (_, index) => index % 251));
    const { sink, bytes } = collect();
    output.turnTo(sink);
    // More than a pipe holds can only be written while somebody reads.
    await new Promise<void>((resolve) => {
      const rest = (start: number): void =>
        start < size
          ? write(output.writer, text, start, size - start, null, (_, written) => rest(start + written))
          : resolve();
      rest(0);
    });
    expect(await output.flush()).toBe(true);
    expect(bytes().equals(text)).toBe(true);
  }
  output.finish();
});

test('what was written last is there when the pipe is closed', async () => {
  const output = await ChildOutput.open();
  const { sink, bytes } = collect();
  output.turnTo(sink);
  writeSync(output.writer, 'the end');
  output.finish();
  expect(bytes().toString()).toBe('the end');
});
