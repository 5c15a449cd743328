import { Socket } from 'node:net';
import { isMainThread, workerData } from 'node:worker_threads';
import { faultText } from '../core/errors.ts';
import type { JsonValue } from '../core/json.ts';
import { once } from '../core/once.ts';
import type { DescribedModule } from '../modules/description.ts';
import type { TaskContext, TaskModule } from '../modules/module.ts';
import { checkOptions, describeOptions, parseOptions } from '../modules/options.ts';
import { periodicSpecOf } from '../modules/periodic-task.ts';
import { RUNNER_VARIABLE } from './child-mark.ts';
import { CHANNEL_DESCRIPTOR, type ChildReply, type ChildRequest } from './child-messages.ts';
import { serveRequests, type Tools } from './child-server.ts';
import { loadModules } from './load-modules.ts';
import { endOf, settle } from './module-outcome.ts';
import { readRunnerWatch, startRunnerWatch, watchRunner } from './runner-watch.ts';
import { createContext } from './task-context.ts';

type RunRequest = Extract<ChildRequest, { kind: 'run' }>;

/** Node's module loader runs these in a thread of its own, for which this file is loaded once more. */
export { load, resolve } from './module-hooks.ts';

const watch = isMainThread ? undefined : readRunnerWatch(workerData);
if (isMainThread) {
  delete process.env[RUNNER_VARIABLE];
  const loadOnce = loadOnceOf();
  serveRequests(new Socket({ fd: CHANNEL_DESCRIPTOR }), (request, tools) =>
    replyTo(request, tools, loadOnce),
  );
} else if (watch !== undefined) {
  watchRunner(watch);
}

type Load = typeof loadModules;

/** All requests to one process are about one file. */
function loadOnceOf(): Load {
  let file = '';
  const load = once(() => loadModules(file));
  return (wanted) => {
    file ||= wanted;
    return load();
  };
}

async function replyTo(request: ChildRequest, tools: Tools, load: Load): Promise<ChildReply> {
  if (request.kind !== 'run') {
    startRunnerWatch(request.runnerPid);
  }
  const file = await load(request.file);
  if (file.kind === 'fault') {
    return file;
  }
  if (request.kind === 'describe') {
    return { kind: 'described', modules: await Promise.all(file.modules.map(describeModule)) };
  }
  const module = file.modules.find((candidate) => candidate.id === request.id);
  if (module === undefined) {
    return {
      kind: 'fault',
      message: `expected module ${JSON.stringify(request.id)} in ${request.file}, got none`,
    };
  }
  return request.kind === 'check'
    ? { kind: 'checked', faults: await checkOptions(module.options, request.options) }
    : run(module, request, tools);
}

async function describeModule(module: TaskModule): Promise<DescribedModule> {
  const { id, description, options } = module;
  const periodic = periodicSpecOf(module);
  const described = { id, description, options: await describeOptions(options) };
  return periodic === undefined ? described : { ...described, periodic };
}

/** The `run` of a shipped module takes what it is lent as well. */
type LentRun = (options: unknown, context: TaskContext, lent: JsonValue | undefined) => unknown;

async function run(module: TaskModule, request: RunRequest, tools: Tools): Promise<ChildReply> {
  const parsed = await parseOptions(module.options, request.options);
  if (parsed.kind === 'invalid') {
    return { kind: 'fault', message: faultText(parsed.faults) };
  }
  const { context, newState } = createContext({
    run: request.run,
    state: request.state,
    signal: tools.signal,
    host: tools.host,
    print: (text) => process.stdout.write(text),
  });
  tools.surroundings.noteListeners();
  const runLent: LentRun = module.run.bind(module);
  const outcome = await settle(async () => {
    try {
      return await runLent(parsed.options, context, request.lent);
    } catch (thrown) {
      // The author wants the place as well, the ledger only the message.
      console.error(thrown);
      throw thrown;
    }
  });
  return { kind: 'ended', end: endOf(outcome, newState()) };
}
