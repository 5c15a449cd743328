import type { Outcome } from '../core/outcome.ts';
import type { ChildRequest } from './child-messages.ts';
import { askChild, type ChildEnd } from './child-process.ts';
import type { ExecutionRequest } from './execution.ts';
import { outcomeOfInterruption } from './interruption.ts';
import type { ModuleEnd } from './module-outcome.ts';
import type { OutputCapture } from './output-capture.ts';
import type { ProcessExit } from './run-process.ts';

/** Runs a foreign module in a child process, so that whatever it does stays there. Never rejects. */
export async function runInChild(
  { id, file }: { readonly id: string; readonly file: string },
  request: ExecutionRequest,
  capture: OutputCapture,
): Promise<ModuleEnd> {
  const { options, run, state, stillMine } = request;
  const asked = { kind: 'run', file, id, options, run } as const;
  const childRequest: ChildRequest = state === undefined ? asked : { ...asked, state };
  return endOfRun(await askChild({ request: childRequest, run, limits: request, capture, stillMine }));
}

function endOfRun({ end, reply }: ChildEnd): ModuleEnd {
  if (end.kind === 'not_started') {
    return { outcome: { kind: 'failed', message: end.message } };
  }
  if (end.kind === 'interrupted') {
    return { outcome: outcomeOfInterruption(end.by, end.exit, end.remaining) };
  }
  if (reply?.kind === 'ended') {
    return reply.end;
  }
  return {
    outcome: reply?.kind === 'fault' ? { kind: 'failed', message: reply.message } : outcomeOfDeath(end.exit),
  };
}

function outcomeOfDeath(exit: ProcessExit): Outcome {
  const message =
    exit.signal === undefined
      ? `the module ended its process with exit status ${exit.exitCode} before it returned`
      : `the module's process was ended by ${exit.signal} before it returned`;
  return { kind: 'failed', message, ...exit };
}
