import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { afterEach, expect, test, vi } from 'vitest';
import { execute } from '../../src/execute/execute.ts';
import type { ExecutionRequest } from '../../src/execute/execution.ts';
import { endLeftovers } from '../../src/execute/process-tree.ts';
import { carriersOf, processStartTime } from '../../src/execute/processes.ts';
import { eventually, processesOf, scriptRequest } from '../support/execution.ts';

// These wait for real processes, which take their time on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

const started: ChildProcess[] = [];

afterEach(() => {
  for (const child of started.splice(0)) {
    child.kill('SIGKILL');
  }
});

/** Runs a script, cancels it when it has said so often that it is ready, and returns what that came to. */
async function cancelWhenReady(script: string, times: number, changes: Partial<ExecutionRequest> = {}) {
  const cancel = new AbortController();
  let said = '';
  const onOutput = (text: string): void => {
    said += text;
    if (said.split('ready').length > times) {
      cancel.abort('shutdown');
    }
  };
  const request = scriptRequest(script, { cancel: cancel.signal, onOutput, ...changes });
  return { request, result: await execute(request) };
}

const CANCELLED = { kind: 'cancelled', reason: 'shutdown', message: 'the runner was told to end' };

test('a cancelled command is ended, and its processes with it', async () => {
  const { request, result } = await cancelWhenReady(
    'sh -c "echo ready; sleep 60; :" & sleep 60 & echo ready; wait',
    2,
  );
  expect(result.outcome).toEqual({ ...CANCELLED, signal: 'SIGTERM' });
  expect(processesOf(request)).toEqual([]);
});

test('a command may clean up when it is asked to end', async () => {
  const script = 'trap "echo cleaned up; exit 9" TERM; echo ready; while :; do sleep 0.02; done';
  const { result } = await cancelWhenReady(script, 1, { graceMs: 10_000 });
  expect(result.outcome).toEqual({ ...CANCELLED, exitCode: 9 });
  // Some shells also say that the command they waited for was ended.
  expect(result.output.text).toMatch(/^ready\n(?:Terminated\n)?cleaned up\n$/);
});

test('a command that ignores the request to end is killed after the grace', async () => {
  const { request, result } = await cancelWhenReady(
    'trap "" TERM; echo ready; while :; do sleep 1; done',
    1,
    {
      graceMs: 100,
    },
  );
  expect(result.outcome).toEqual({ ...CANCELLED, signal: 'SIGKILL' });
  expect(processesOf(request)).toEqual([]);
});

test('members of the group that outlive its leader are ended', async () => {
  const script = 'sh -c \'trap "" TERM; echo ready; while :; do sleep 1; done\' & sleep 60';
  const { request, result } = await cancelWhenReady(script, 1, { graceMs: 100 });
  expect(result.outcome).toMatchObject({ kind: 'cancelled', signal: 'SIGTERM' });
  expect(processesOf(request)).toEqual([]);
});

test('a member of the group that cleared its environment and ignores the request is killed', async () => {
  const script =
    'env -i /bin/sh -c \'trap "" TERM; echo $$; echo ready; while :; do sleep 1; done\'; sleep 60';
  const { result } = await cancelWhenReady(script, 1, { graceMs: 100 });
  const pid = Number.parseInt(result.output.text, 10);
  expect(pid).toBeGreaterThan(1);
  expect(processStartTime(pid)).toBeUndefined();
});

test('a process that left for a session of its own is ended', async () => {
  const script = 'setsid sh -c \'(trap "" TERM; echo ready; while :; do sleep 1; done) &\'; sleep 60';
  const { request, result } = await cancelWhenReady(script, 1);
  expect(result.outcome.kind).toBe('cancelled');
  expect(processesOf(request)).toEqual([]);
});

test('a stopped process is ended', async () => {
  const { request, result } = await cancelWhenReady('echo ready; kill -STOP $$', 1, { graceMs: 30_000 });
  expect(result.outcome).toEqual({ ...CANCELLED, signal: 'SIGTERM' });
  expect(processesOf(request)).toEqual([]);
});

test('a time limit ends everything that the command started', async () => {
  const request = scriptRequest('setsid sleep 60 & sleep 60 & sleep 60', { timeoutMs: 200 });
  const { outcome } = await execute(request);
  expect(outcome).toEqual({
    kind: 'timed_out',
    limitMs: 200,
    message: 'did not end within its time limit of 200 ms',
    signal: 'SIGTERM',
  });
  expect(processesOf(request)).toEqual([]);
});

test('a time limit longer than the timers of Node does not end a run early', async () => {
  const { outcome } = await execute(scriptRequest('sleep 0.1', { timeoutMs: 2 ** 32 }));
  expect(outcome).toEqual({ kind: 'succeeded', exitCode: 0 });
});

test('a run that was cancelled before its start does not start', async () => {
  const { outcome, output } = await execute(
    scriptRequest('echo started', { cancel: AbortSignal.abort('operator') }),
  );
  expect(outcome).toEqual({ kind: 'cancelled', reason: 'operator', message: 'by the operator' });
  expect(output.bytes).toBe(0);
});

async function startLeftover(runId: string, script: string): Promise<ChildProcess> {
  const child = spawn('sh', ['-c', script], {
    env: { ...process.env, PERIODIC_CRON_RUN_ID: runId },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  started.push(child);
  await once(child.stdout, 'data');
  return child;
}

test('what a dead runner left is found by the run in its environment, and ended', async () => {
  const runId = randomUUID();
  const obeys = await startLeftover(runId, 'echo ready; while :; do sleep 0.02; done');
  const ignores = await startLeftover(runId, 'trap "" TERM; echo ready; while :; do sleep 0.02; done');
  const other = await startLeftover(randomUUID(), 'echo ready; while :; do sleep 0.02; done');
  const leftovers = await endLeftovers(runId, 100);
  expect(leftovers.ended).toEqual(expect.arrayContaining([obeys.pid, ignores.pid]));
  expect(leftovers.remaining).toEqual([]);
  expect(carriersOf('PERIODIC_CRON_RUN_ID', runId)).toEqual([]);
  await eventually(
    'both have ended',
    () => obeys.signalCode === 'SIGTERM' && ignores.signalCode === 'SIGKILL',
  );
  expect([other.exitCode, other.signalCode]).toEqual([null, null]);
});

test('a run that left nothing has nothing to end', async () => {
  expect(await endLeftovers(randomUUID(), 60_000)).toEqual({ ended: [], remaining: [] });
});
