import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import type { JsonValue } from '../../src/core/json.ts';
import { execute } from '../../src/execute/execute.ts';
import { packageRoot } from '../../src/store/package-root.ts';
import { requestWith } from '../support/execution.ts';

const EXAMPLES = join(packageRoot(), 'examples', 'modules');

// Each of these starts processes of Node, which take their time on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

function runExample(id: string, name: string, options: JsonValue, state?: JsonValue) {
  const module = { kind: 'foreign', id, file: join(EXAMPLES, name) } as const;
  return execute(requestWith({ module, options, state }));
}

test('the heartbeat example counts its runs in a file that is replaced as a whole', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'heartbeat-'));
  try {
    const path = join(folder, 'beat.json');
    const first = await runExample('heartbeat', 'heartbeat.js', { path });
    expect(first.state).toBe(1);
    const second = await runExample('heartbeat', 'heartbeat.js', { path }, first.state);
    expect(second).toMatchObject({ outcome: { kind: 'succeeded' }, state: 2 });
    expect(readFileSync(path, 'utf8')).toBe(
      '{"node":"node-a","count":2,"slotAt":"2026-11-20T23:55:00.000Z"}\n',
    );
    expect(readdirSync(folder)).toEqual(['beat.json']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('the memory example keeps the least that it saw, and looks again when there is little', async () => {
  const first = await runExample('memory_watch', 'memory-watch.js', {}, 101);
  expect(first.outcome).toMatchObject({ kind: 'succeeded', result: { freePercent: expect.any(Number) } });
  expect(first.state).toBeLessThanOrEqual(100);
});

test('the disk space example tells the free space', async () => {
  const { outcome, output } = await runExample('disk_space', 'disk-space.ts', { path: '/', min_free_mib: 0 });
  expect(outcome).toEqual({
    kind: 'succeeded',
    result: { freeMiB: expect.any(Number), freePercent: expect.any(Number) },
  });
  expect(output.text).toMatch(/^info free space \{"path":"\/","freeMiB":\d+,"freePercent":\d+\}\n$/);
});

test('the disk space example fails when there is too little', async () => {
  const options = { path: '/', min_free_mib: 1_000_000_000 };
  const { outcome } = await runExample('disk_space', 'disk-space.ts', options);
  expect(outcome.kind === 'failed' && outcome.message).toMatch(
    /^\/: expected at least 1000000000 MiB free, got \d+ MiB$/,
  );
});
