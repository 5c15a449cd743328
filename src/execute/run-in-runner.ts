import { faultText } from '../core/errors.ts';
import { parseOptions } from '../modules/options.ts';
import type { ShippedModule } from '../modules/shipped-module.ts';
import { inheritedEnvironment } from './environment.ts';
import type { ExecutionRequest } from './execution.ts';
import { outcomeOfInterruption, watchLimits, within } from './interruption.ts';
import { endOf, type ModuleEnd, settle } from './module-outcome.ts';
import type { OutputCapture } from './output-capture.ts';
import { createContext } from './task-context.ts';

/**
 * Runs a shipped module in this process. When its time is up its signal is aborted; after the grace its promise is
 * given up, since nothing can end it. Rejects only when the module cannot be loaded.
 */
export async function runInRunner(
  load: () => Promise<ShippedModule>,
  request: ExecutionRequest,
  capture: OutputCapture,
): Promise<ModuleEnd> {
  const module = await load();
  const parsed = await parseOptions(module.options, request.options, inheritedEnvironment());
  if (parsed.kind === 'invalid') {
    return { outcome: { kind: 'failed', message: faultText(parsed.faults) } };
  }
  const aborter = new AbortController();
  const { context, newState } = createContext({
    run: request.run,
    state: request.state,
    signal: aborter.signal,
    host: request.host,
    print: (text) => capture.write(Buffer.from(text)),
  });
  const watch = watchLimits(request);
  try {
    const settled = settle(() => module.run(parsed.options, context, request.services));
    const interrupted = watch.interrupted.then((by) => ({ by }));
    const first = await Promise.race([settled.then((outcome) => ({ outcome })), interrupted]);
    if ('outcome' in first) {
      return endOf(first.outcome, newState());
    }
    aborter.abort(first.by.kind);
    await within(request.graceMs, settled);
    return { outcome: outcomeOfInterruption(first.by, {}, []) };
  } finally {
    watch.dispose();
  }
}
