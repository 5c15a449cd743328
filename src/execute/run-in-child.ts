import type { JsonValue } from '../core/json.ts';
import type { Outcome } from '../core/outcome.ts';
import type { ResolvedModule } from '../modules/registry.ts';
import { messageOfExhaustion, tellsOfExhaustion, watchForExhaustion } from './child-memory.ts';
import type { ChildRequest } from './child-messages.ts';
import { findPlace } from './child-place.ts';
import { type ChildEnd, type ChildJob, ChildWorker } from './child-worker.ts';
import { environmentOfRun } from './environment.ts';
import type { ExecutionRequest } from './execution.ts';
import { outcomeOfInterruption } from './interruption.ts';
import { type ModuleEnd, messageOfThrown } from './module-outcome.ts';
import type { OutputCapture } from './output-capture.ts';
import type { ProcessExit } from './run-process.ts';

type ForeignModule = Extract<ResolvedModule, { kind: 'foreign' }>;

/**
 * Runs a foreign module in a child process, so that whatever it does stays there. A child that served another task of
 * the file before is taken if there is one. Never rejects.
 */
export async function runInChild(
  module: ForeignModule,
  request: ExecutionRequest,
  capture: OutputCapture,
): Promise<ModuleEnd> {
  const lent = await lentTo(module, request.options);
  if (lent.kind === 'fault') {
    return failed(lent.message);
  }
  const { memoryBytes } = request.childLimits;
  const memory = watchForExhaustion();
  const job: ChildJob = {
    request: requestFor(module, request, lent.value),
    run: request.run,
    limits: request,
    host: request.host,
    output: (chunk) => {
      if (memoryBytes !== null) {
        memory.look(chunk);
      }
      return capture.write(chunk);
    },
  };
  const served = await serve(module, request, job);
  if (served.kind === 'fault') {
    return failed(served.message);
  }
  const end = endOfRun(served.end);
  const { outcome } = end;
  const wasFull =
    outcome.kind === 'failed' &&
    (tellsOfExhaustion(outcome.message) || (served.end.reply === undefined && memory.wasSeen()));
  return memoryBytes !== null && wasFull
    ? { outcome: { ...outcome, message: messageOfExhaustion(memoryBytes) } }
    : end;
}

type Lent = { readonly kind: 'lent'; readonly value: JsonValue | undefined } | Fault;
type Fault = { readonly kind: 'fault'; readonly message: string };

async function lentTo({ lend }: ForeignModule, options: JsonValue): Promise<Lent> {
  try {
    return { kind: 'lent', value: await lend?.(options) };
  } catch (thrown) {
    return { kind: 'fault', message: messageOfThrown(thrown) };
  }
}

function requestFor(
  { id, file }: ForeignModule,
  { options, run, state }: ExecutionRequest,
  lent: JsonValue | undefined,
): ChildRequest {
  return {
    kind: 'run',
    file,
    id,
    options,
    run,
    environment: environmentOfRun(run, {}, {}),
    ...(state === undefined ? {} : { state }),
    ...(lent === undefined ? {} : { lent }),
  };
}

type Served = { readonly kind: 'served'; readonly end: ChildEnd } | Fault;

async function serve({ file }: ForeignModule, request: ExecutionRequest, job: ChildJob): Promise<Served> {
  const { user, memoryBytes } = request.childLimits;
  const pool = await request.children?.();
  const key = JSON.stringify([file, user, memoryBytes]);
  const used = pool?.take(key);
  if (used !== undefined) {
    const end = await used.serve(job);
    await pool?.giveBack(key, used);
    // One that ended just before it was asked has not begun with the run.
    if (end.accepted || end.end.kind !== 'ended') {
      return { kind: 'served', end };
    }
  }
  const place = await findPlace({ limits: request.childLimits, file, run: request.run });
  if (place.kind === 'fault') {
    return place;
  }
  const worker = await ChildWorker.start(place.spec);
  const end = await worker.serve(job);
  await (pool === undefined ? worker.close() : pool.giveBack(key, worker));
  return { kind: 'served', end };
}

function endOfRun({ end, reply }: ChildEnd): ModuleEnd {
  if (end.kind === 'not_started') {
    return failed(end.message);
  }
  if (end.kind === 'interrupted') {
    return { outcome: outcomeOfInterruption(end.by, end.exit, end.remaining) };
  }
  if (reply?.kind === 'ended') {
    return reply.end;
  }
  return reply?.kind === 'fault' ? failed(reply.message) : { outcome: outcomeOfDeath(end.exit) };
}

function failed(message: string): ModuleEnd {
  return { outcome: { kind: 'failed', message } };
}

function outcomeOfDeath(exit: ProcessExit): Outcome {
  const message =
    exit.signal === undefined
      ? `the module ended its process with exit status ${exit.exitCode} before it returned`
      : `the module's process was ended by ${exit.signal} before it returned`;
  return { kind: 'failed', message, ...exit };
}
