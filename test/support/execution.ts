import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { JsonValue } from '../../src/core/json.ts';
import type { ExecutionRequest, RunHost } from '../../src/execute/execution.ts';
import { carriersOf } from '../../src/execute/processes.ts';

/** A request that runs `true`; what a test is about stands in `changes`. */
export function requestWith(changes: Partial<ExecutionRequest> = {}): ExecutionRequest {
  return {
    module: { kind: 'command', id: 'command' },
    options: { argv: ['true'] },
    run: {
      runId: randomUUID(),
      task: { id: 7, name: 'nightly backup' },
      node: 'node-a',
      slotAt: Date.parse('2026-11-20T23:55:00Z'),
      attempt: 2,
      epoch: 41,
    },
    state: undefined,
    timeoutMs: 0,
    graceMs: 500,
    cancel: new AbortController().signal,
    outputLimitBytes: 65_536,
    host: hostWith(),
    childLimits: { user: null, memoryBytes: null },
    services: {},
    ...changes,
  };
}

/** A runner that answers yes and takes note of nothing. */
export function hostWith(changes: Partial<RunHost> = {}): RunHost {
  return {
    stillMine: () => Promise.resolve(true),
    progress: () => undefined,
    incrementCounter: () => Promise.resolve(),
    recordStats: () => Promise.resolve(),
    schedule: () => Promise.resolve(),
    postpone: () => Promise.resolve(),
    isRunning: () => Promise.resolve(false),
    ...changes,
  };
}

/** A request that runs a shell script, as the command module would. */
export function scriptRequest(script: string, changes: Partial<ExecutionRequest> = {}): ExecutionRequest {
  const options: JsonValue = { argv: ['sh', '-c', script] };
  return requestWith({ options, ...changes });
}

/** The processes of a run that are alive, wherever they have moved. */
export function processesOf({ run }: ExecutionRequest): readonly number[] {
  return carriersOf('PERIODIC_CRON_RUN_ID', run.runId);
}

/** Waits until something holds, for at most ten seconds. */
export async function eventually(what: string, holds: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 1_000; attempt += 1) {
    if (holds()) {
      return;
    }
    await pause(10);
  }
  throw new Error(`expected within ten seconds: ${what}`);
}
