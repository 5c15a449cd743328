import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { faultOfReference, resolveReference } from '../../src/config/references.ts';

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'periodic-cron-references-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

test.each([
  ['hunter2', 'hunter2'],
  ['hunter2\n', 'hunter2'],
  ['hunter2\r\n', 'hunter2'],
  ['two\nlines\n\n', 'two\nlines\n'],
  ['', ''],
])('a file with %j holds the secret %j', async (content, text) => {
  const path = join(folder(), 'secret');
  writeFileSync(path, content);
  expect(await resolveReference(`file:${path}`, {})).toEqual({ kind: 'secret', text });
});

test('a variable is taken from the environment that is handed in', async () => {
  expect(await resolveReference('env:TOKEN', { TOKEN: 'hunter2' })).toEqual({
    kind: 'secret',
    text: 'hunter2',
  });
  expect(await resolveReference('env:TOKEN', {})).toEqual({
    kind: 'fault',
    message: 'expected the variable TOKEN in the environment, got none',
  });
});

test('what is no file, or a large one, is refused at once', async () => {
  const place = folder();
  const pipe = join(place, 'pipe');
  const large = join(place, 'large');
  execFileSync('mkfifo', [pipe]);
  writeFileSync(large, Buffer.alloc(1024 * 1024 + 1));
  const expected = 'expected a file of at most 1048576 bytes at';
  const refusals: ReadonlyArray<readonly [string, string]> = [
    [pipe, `${expected} ${pipe}, got something that is no file`],
    ['/dev/zero', `${expected} /dev/zero, got something that is no file`],
    [place, `${expected} ${place}, got something that is no file`],
    [large, `${expected} ${large}, got one of 1048577 bytes`],
  ];
  for (const [path, message] of refusals) {
    expect(await resolveReference(`file:${path}`, {})).toEqual({ kind: 'fault', message });
  }
  expect(await resolveReference(`file:${place}/none`, {})).toMatchObject({
    kind: 'fault',
    message: expect.stringMatching(/^expected a readable file at .*none, got ENOENT/),
  });
});

test.each(['hunter2', 'file:relative', 'env:', 'env:1X', 5, null])('%j is no reference', (value) => {
  expect(faultOfReference(value)).toBe(
    'expected a reference such as env:NAME or file:/path, got another value',
  );
});
