import { Socket } from 'node:net';
import { isMainThread, workerData } from 'node:worker_threads';
import { faultText } from '../core/errors.ts';
import type { TaskContext, TaskModule } from '../modules/module.ts';
import { checkOptions, describeOptions, parseOptions } from '../modules/options.ts';
import { CHANNEL_DESCRIPTOR, type ChildReply, type ChildRequest, onLines } from './child-messages.ts';
import { askOver, type Questions } from './child-questions.ts';
import { loadModules } from './load-modules.ts';
import { endOf, messageOfThrown, settle } from './module-outcome.ts';
import { readRunnerWatch, startRunnerWatch, watchRunner } from './runner-watch.ts';
import { createContext } from './task-context.ts';

type RunRequest = Extract<ChildRequest, { kind: 'run' }>;

/** Node's module loader runs these in a thread of its own, for which this file is loaded once more. */
export { load, resolve } from './module-hooks.ts';

const NEVER_SETTLED = 'never settled: its promise waits for something that cannot come any more';

const watch = isMainThread ? undefined : readRunnerWatch(workerData);
if (isMainThread) {
  serveRunner(new Socket({ fd: CHANNEL_DESCRIPTOR }));
} else if (watch !== undefined) {
  watchRunner(watch);
}

/** Answers the one request that comes over the channel. */
function serveRunner(channel: Socket): void {
  const answer = answerOnce(channel);
  channel.on('error', () => process.exit(1));
  const questions = askOver(channel, { hold: () => channel.ref(), release: () => channel.unref() });
  let isAsked = false;
  onLines(channel, (line) => {
    if (isAsked) {
      questions.take(line);
      return;
    }
    isAsked = true;
    // The runner is gone: nobody wants the result, and the next tick ends what else is left.
    channel.once('close', () => process.exit(1));
    // From here on only the module keeps this process alive, so that one which waits for nothing is noticed.
    channel.unref();
    answerOnDeath(answer);
    void serve(JSON.parse(line), answer, questions);
  });
}

type Answer = (reply: ChildReply) => void;

/** Sends the first answer and ends the process, whatever timers or connections the module has left open. */
function answerOnce(channel: Socket): Answer {
  let hasAnswered = false;
  return (reply) => {
    if (!hasAnswered) {
      hasAnswered = true;
      channel.write(`${JSON.stringify(reply)}\n`, () => process.exit(0));
    }
  };
}

function answerOnDeath(answer: Answer): void {
  const failAs = (what: string) => (thrown: unknown) => {
    console.error(thrown);
    answer({ kind: 'fault', message: `${what}: ${messageOfThrown(thrown)}` });
  };
  process.on('uncaughtException', failAs('uncaught error'));
  process.on('unhandledRejection', failAs('unhandled rejection'));
  process.on('beforeExit', () => answer({ kind: 'fault', message: NEVER_SETTLED }));
}

async function serve(request: ChildRequest, answer: Answer, questions: Questions): Promise<void> {
  const signal = abortOnSigterm();
  try {
    if (request.kind !== 'run') {
      startRunnerWatch(request.runnerPid);
    }
    answer(await replyTo(request, { signal, stillMine: questions.stillMine }));
  } catch (thrown) {
    answer({ kind: 'fault', message: messageOfThrown(thrown) });
  }
}

type Surroundings = Pick<TaskContext, 'signal' | 'stillMine'>;

async function replyTo(request: ChildRequest, surroundings: Surroundings): Promise<ChildReply> {
  const file = await loadModules(request.file);
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
    : run(module, request, surroundings);
}

async function describeModule({ id, description, options }: TaskModule) {
  return { id, description, options: await describeOptions(options) };
}

async function run(module: TaskModule, request: RunRequest, surroundings: Surroundings): Promise<ChildReply> {
  const parsed = await parseOptions(module.options, request.options);
  if (parsed.kind === 'invalid') {
    return { kind: 'fault', message: faultText(parsed.faults) };
  }
  const { context, newState } = createContext({
    run: request.run,
    state: request.state,
    ...surroundings,
    print: (text) => process.stdout.write(text),
  });
  const outcome = await settle(async () => {
    try {
      return await module.run(parsed.options, context);
    } catch (thrown) {
      // The author wants the place as well, the ledger only the message.
      console.error(thrown);
      throw thrown;
    }
  });
  return { kind: 'ended', end: endOf(outcome, newState()) };
}

/** A module that is running is asked to end by its signal; the runner kills what does not obey. */
function abortOnSigterm(): AbortSignal {
  const aborter = new AbortController();
  process.on('SIGTERM', () => aborter.abort(new Error('the run was asked to end')));
  return aborter.signal;
}
