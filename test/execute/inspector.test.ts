import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { childEntryPath } from '../../src/execute/child-entry-path.ts';
import { membersOfGroup } from '../../src/execute/processes.ts';
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
