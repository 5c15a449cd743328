import type { Socket } from 'node:net';
import { type ChildReply, type ChildRequest, onLines } from './child-messages.ts';
import { askOver, lineOf, type Questions } from './child-questions.ts';
import { rememberSurroundings, type Surroundings } from './child-surroundings.ts';
import type { RunHost } from './execution.ts';
import { messageOfThrown } from './module-outcome.ts';

/** What a request is done with. */
export type Tools = {
  readonly signal: AbortSignal;
  readonly host: RunHost;
  readonly surroundings: Surroundings;
};

type Work = (request: ChildRequest, tools: Tools) => Promise<ChildReply>;

/**
 * `waiting` for a request; `working` on it; `answering` until the answer is out; `settling` until nothing is left of the
 * run, or it is clear that something is.
 */
type Phase = 'waiting' | 'working' | 'answering' | 'settling';

const NEVER_SETTLED = 'never settled: its promise waits for something that cannot come any more';

/** What a module still has under way when it returns may be done within this time; else the process ends with it. */
const SETTLE_MS = 50;

/**
 * Does what is asked over the channel, by the work given. The process ends after an answer, unless that was the good end
 * of a run which left nothing behind: then it waits for another one. When the runner is gone it ends at once.
 */
export function serveRequests(channel: Socket, work: Work): void {
  new ChildServer(channel, work).listen();
}

class ChildServer {
  readonly #channel: Socket;
  readonly #work: Work;
  readonly #questions: Questions;
  readonly #surroundings = rememberSurroundings();
  #phase: Phase = 'waiting';
  #runId = '';
  #aborter = new AbortController();
  #deadline: NodeJS.Timeout | undefined;
  #isSpoilt = false;

  constructor(channel: Socket, work: Work) {
    this.#channel = channel;
    this.#work = work;
    this.#questions = askOver(channel, { hold: () => channel.ref(), release: () => channel.unref() });
  }

  listen(): void {
    onLines(this.#channel, (line) => {
      if (!this.#questions.take(line) && this.#phase === 'waiting') {
        this.#begin(JSON.parse(line));
      }
    });
    this.#channel.on('error', () => process.exit(1));
    // The runner is gone: nobody wants the result, and the next tick ends what else is left.
    this.#channel.once('close', () => process.exit(1));
    process.on('uncaughtException', (thrown) => this.#suffer('uncaught error', thrown));
    process.on('unhandledRejection', (thrown) => this.#suffer('unhandled rejection', thrown));
    process.on('beforeExit', () => this.#runDry());
    process.on('SIGTERM', () => this.#endSoon());
  }

  #begin(request: ChildRequest): void {
    this.#phase = 'working';
    this.#aborter = new AbortController();
    if (request.kind === 'run') {
      this.#runId = request.run.runId;
      this.#surroundings.setEnvironment(request.environment);
      this.#say({ kind: 'accepted', runId: this.#runId });
    }
    // From here on only the module keeps this process alive, so that one which waits for nothing is noticed.
    this.#channel.unref();
    const host = this.#questions.hostOf(this.#runId);
    const tools = { signal: this.#aborter.signal, host, surroundings: this.#surroundings };
    void this.#work(request, tools).then(
      (reply) => this.#answer(reply),
      (thrown) => this.#answer({ kind: 'fault', message: messageOfThrown(thrown) }),
    );
  }

  #say(reply: ChildReply, then?: () => void): void {
    this.#channel.write(lineOf(reply), then);
  }

  #answer(reply: ChildReply): void {
    if (this.#phase === 'working') {
      this.#phase = 'answering';
      const mayFollow = reply.kind === 'ended' && reply.end.outcome.kind !== 'failed';
      this.#say(reply, () => (mayFollow && !this.#isSpoilt ? this.#settle() : process.exit(0)));
    }
  }

  #settle(): void {
    this.#phase = 'settling';
    // It keeps nothing alive itself: what is left of the run does, if anything is.
    this.#deadline = setTimeout(() => process.exit(0), SETTLE_MS).unref();
  }

  /** An error that nobody handles fails a run that is not over, and else only ends the process. */
  #suffer(what: string, thrown: unknown): void {
    console.error(thrown);
    this.#isSpoilt = true;
    if (this.#phase === 'working') {
      this.#answer({ kind: 'fault', message: `${what}: ${messageOfThrown(thrown)}` });
    } else if (this.#phase !== 'answering') {
      process.exit(1);
    }
  }

  /** There is nothing left that this process could do by itself. */
  #runDry(): void {
    if (this.#phase === 'working') {
      this.#answer({ kind: 'fault', message: NEVER_SETTLED });
      return;
    }
    if (this.#phase !== 'settling') {
      return;
    }
    if (!this.#surroundings.areAsBefore()) {
      process.exit(0);
    }
    clearTimeout(this.#deadline);
    this.#phase = 'waiting';
    this.#channel.ref();
    this.#say({ kind: 'idle', runId: this.#runId });
  }

  /** A module that is running is asked to end by its signal; the runner kills what does not obey. */
  #endSoon(): void {
    if (this.#phase === 'waiting') {
      process.exit(0);
    }
    this.#aborter.abort(new Error('the run was asked to end'));
  }
}
