import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { childEntryPath } from '../../src/execute/child-entry-path.ts';
import { createInspector } from '../../src/execute/inspector.ts';
import { membersOfGroup } from '../../src/execute/processes.ts';
import { LONE_USER, needsRoot } from '../support/commands.ts';
import { eventually } from '../support/execution.ts';

// Each of these starts processes of Node, which take their time on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

/** A runner that has a child process load a file, as the inspector does. */
const RUNNER = `
  const { spawn } = require('node:child_process');
  const [entry, request] = process.argv.slice(1);
  const child = spawn(process.execPath, [entry], { detached: true, stdio: ['ignore', 'inherit', 'inherit', 'pipe'] });
  child.stdio[3].write(JSON.stringify({ ...JSON.parse(request), runnerPid: process.pid }) + '\\n');
`;

/** Prints the group of the child and of what it starts, then keeps the main thread of the child busy for ever. */
const ENDLESS = `
  import { spawn } from 'node:child_process';
  import { writeSync } from 'node:fs';
  spawn('sleep', ['60'], { stdio: 'ignore' });
  writeSync(1, String(process.pid));
  for (;;);
`;

test.each([
  ['describes', { kind: 'describe' }],
  ['checks the options of', { kind: 'check', id: 'any', options: {} }],
])('a child that %s a file which never ends loading ends with its runner', async (_, request) => {
  const folder = mkdtempSync(join(tmpdir(), 'inspector-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'endless.mjs');
  writeFileSync(file, ENDLESS);
  const runner = spawn(
    process.execPath,
    ['-e', RUNNER, childEntryPath(), JSON.stringify({ ...request, file })],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [printed]: unknown[] = await once(runner.stdout, 'data');
  const group = Number(String(printed));
  onTestFinished(() => {
    if (membersOfGroup(group).length > 0) {
      process.kill(-group, 'SIGKILL');
    }
  });
  expect(membersOfGroup(group)).toHaveLength(2);
  runner.kill('SIGKILL');
  await once(runner, 'exit');
  await eventually('the child and what it started are gone', () => membersOfGroup(group).length === 0);
});

/** A module whose id tells as whom it was loaded. */
const TELLING = `export const telling = { id: 'as' + process.geteuid(), description: '', run: () => undefined };`;

describe.skipIf(needsRoot !== undefined)('loaded by root', () => {
  const inspector = createInspector({ limitMs: 30_000, node: 'n1' });
  const loneUser = Number(LONE_USER);

  function folderWithModule(): { readonly folder: string; readonly file: string } {
    const folder = mkdtempSync(join(tmpdir(), 'inspector-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    chmodSync(folder, 0o755);
    const file = join(folder, 'telling.mjs');
    writeFileSync(file, TELLING);
    return { folder, file };
  }

  test('a file of root is loaded as root', async () => {
    const { file } = folderWithModule();
    expect(await inspector.describe(file)).toMatchObject({ modules: [{ id: 'as0' }] });
  });

  test('a file of another user is loaded as that user', async () => {
    const { file } = folderWithModule();
    chownSync(file, loneUser, loneUser);
    expect(await inspector.describe(file)).toMatchObject({ modules: [{ id: `as${LONE_USER}` }] });
  });

  test("a file in another user's folder is loaded as that user, also through a link", async () => {
    const { folder, file } = folderWithModule();
    chownSync(folder, loneUser, loneUser);
    const link = join(folderWithModule().folder, 'link.mjs');
    symlinkSync(file, link);
    for (const path of [file, link]) {
      expect(await inspector.describe(path)).toMatchObject({ modules: [{ id: `as${LONE_USER}` }] });
    }
  });

  test('a file that its owner may not read is not loaded at all', async () => {
    const { folder, file } = folderWithModule();
    chownSync(file, loneUser, loneUser);
    chmodSync(folder, 0o700);
    expect(await inspector.describe(file)).toEqual({
      kind: 'fault',
      message: `a file that user ${LONE_USER} can change is loaded as that user: expected files that user "${LONE_USER}" may read, got ${file}`,
    });
  });
});
