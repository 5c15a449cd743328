import { once } from '../core/once.ts';
import type { Outcome } from '../core/outcome.ts';
import { messageOfCancel } from '../core/outcome.ts';
import type { ExecutionRequest, ExecutionResult } from './execution.ts';
import { reasonOfCancel } from './interruption.ts';
import { type ModuleEnd, messageOfThrown } from './module-outcome.ts';
import { OutputCapture } from './output-capture.ts';

export type { ExecutionRequest, ExecutionResult } from './execution.ts';

/**
 * Runs one attempt of a task, wherever its module's place is, and says how it ended. It never rejects, whatever the
 * module does, and it returns within the time limit, the grace and a few seconds.
 */
export async function execute(request: ExecutionRequest): Promise<ExecutionResult> {
  const capture = new OutputCapture(request.outputLimitBytes, request.onOutput);
  const end = await runModule(request, capture);
  return { ...end, output: capture.result() };
}

// Each place is loaded when a task is to run there: a tick whose tasks run in the runner starts no process.
const loadInRunner = once(() => import('./run-in-runner.ts'));
const loadCommand = once(() => import('./run-command.ts'));
const loadInChild = once(() => import('./run-in-child.ts'));

async function runModule(request: ExecutionRequest, capture: OutputCapture): Promise<ModuleEnd> {
  if (request.cancel.aborted) {
    return { outcome: cancelledBeforeStart(request.cancel) };
  }
  const { module } = request;
  try {
    switch (module.kind) {
      case 'shipped': {
        const { runInRunner } = await loadInRunner();
        return await runInRunner(module.load, request, capture);
      }
      case 'command': {
        const { runCommand } = await loadCommand();
        return await runCommand(request, capture);
      }
      case 'foreign': {
        const { runInChild } = await loadInChild();
        return await runInChild(module, request, capture);
      }
      case 'fault':
        return { outcome: { kind: 'failed', message: module.message } };
    }
  } catch (thrown) {
    return { outcome: { kind: 'failed', message: `could not be run: ${messageOfThrown(thrown)}` } };
  }
}

function cancelledBeforeStart(cancel: AbortSignal): Outcome {
  const reason = reasonOfCancel(cancel);
  return { kind: 'cancelled', reason, message: messageOfCancel(reason) };
}
