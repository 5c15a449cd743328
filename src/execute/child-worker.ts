import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { messageOf } from '../core/errors.ts';
import { type AskingRun, answerOver } from './child-answers.ts';
import { channelOf, hearAll } from './child-channel.ts';
import { leftNothing } from './child-leftovers.ts';
import {
  CHANNEL_DESCRIPTOR,
  type ChildReply,
  type ChildRequest,
  onLines,
  readReply,
} from './child-messages.ts';
import { ChildOutput } from './child-output.ts';
import { lineOf } from './child-questions.ts';
import type { RunFacts, RunHost } from './execution.ts';
import { type Interruption, type Limits, watchLimits, within, withResolve } from './interruption.ts';
import type { ChunkSink } from './output-pipe.ts';
import { endTree } from './process-tree.ts';
import type { ProcessEnd, ProcessExit } from './run-process.ts';
import type { Program } from './wrapper-chain.ts';

/** The process that is to be started. */
export type ChildSpec = {
  readonly program: Program;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The runner's own when absent. */
  readonly cwd?: string | undefined;
};

export type ChildJob = {
  readonly request: ChildRequest;
  readonly run: RunFacts;
  readonly limits: Limits;
  /** Takes the output of this job. */
  readonly output: ChunkSink;
  /** Answers what the module asks; absent where nothing runs that could ask. */
  readonly host?: RunHost;
};

export type ChildEnd = {
  readonly end: ProcessEnd;
  /** Absent when the child ended without an answer, or gave one that is none. */
  readonly reply: ChildReply | undefined;
  /** The child has begun with the job: false where it had ended before. */
  readonly accepted: boolean;
};

type Turn = {
  readonly job: ChildJob;
  reply: ChildReply | undefined;
  accepted: boolean;
  readonly replied: () => void;
  readonly idle: () => void;
};

type Gone = Exclude<ProcessEnd, { readonly kind: 'interrupted' }>;

// How long a process that was killed may take to be gone, and a channel to give what is already in it.
const SETTLE_MS = 2_000;

/** Reading a flood of what is no message would keep the runner from its other runs. */
const MOST_STRANGE_LINES = 1_000;
const TOO_MANY_STRANGE_LINES = `expected the module to leave descriptor ${CHANNEL_DESCRIPTOR} alone, got ${MOST_STRANGE_LINES} lines over it that are no message`;

/** A child process of Node that does one job after the other, as the leader of a session and group of its own. */
export class ChildWorker {
  readonly #child: ChildProcess;
  readonly #channel: Socket;
  readonly #output: ChildOutput;
  readonly #gone: Promise<Gone>;
  #turn: Turn | undefined;
  #isIdle = false;
  #strangeLines = 0;

  /** @throws Error when the process cannot be started */
  static async start(spec: ChildSpec): Promise<ChildWorker> {
    const output = await ChildOutput.open();
    try {
      const child = spawn(spec.program.file, spec.program.args, {
        env: { ...spec.env },
        detached: true,
        stdio: ['ignore', output.writer, output.writer, 'pipe'],
        ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
      });
      // Whoever waits for its end is told as well.
      child.on('error', () => undefined);
      return new ChildWorker(child, channelOf(child), output);
    } catch (thrown) {
      output.finish();
      throw new Error(`could not start ${spec.program.file}: ${messageOf(thrown)}`, { cause: thrown });
    }
  }

  private constructor(child: ChildProcess, channel: Socket, output: ChildOutput) {
    this.#child = child;
    this.#output = output;
    this.#channel = channel;
    // Writing to a process that is gone fails, and its exit says so better.
    this.#channel.on('error', () => this.#channel.destroy());
    this.#gone = this.#watchEnd();
    const answer = answerOver(this.#channel, () => this.#asking());
    onLines(this.#channel, (line) => {
      if (!answer(line)) {
        this.#takeReply(readReply(line));
      }
    });
  }

  /** Has the child do a job, the only one at the time. Never rejects. */
  async serve(job: ChildJob): Promise<ChildEnd> {
    this.#isIdle = false;
    const { promise: replied, resolve: setReplied } = withResolve<void>();
    const { promise: idle, resolve: setIdle } = withResolve<void>();
    const turn: Turn = { job, reply: undefined, accepted: false, replied: setReplied, idle: setIdle };
    this.#turn = turn;
    this.#output.turnTo(job.output);
    const watch = watchLimits(job.limits);
    try {
      this.#channel.write(lineOf(job.request));
      const answered = replied.then(() => 'replied' as const);
      const first = await Promise.race([this.#gone, answered, watch.interrupted]);
      const end = await this.#endOf(first, job, idle);
      return { end, reply: turn.reply, accepted: turn.accepted };
    } finally {
      watch.dispose();
      this.#turn = undefined;
      this.#output.turnTo(() => undefined);
    }
  }

  /** True while the child waits for another job. */
  get isIdle(): boolean {
    return this.#isIdle;
  }

  /**
   * True when the child waits for another job, and its last one left neither a process in its group nor one that holds
   * its output or its channel. False where there is no /proc to know it from.
   */
  isReusable(): boolean {
    const { pid } = this.#child;
    return this.#isIdle && pid !== undefined && leftNothing(pid);
  }

  /** Ends the child, which notices that nobody talks with it any more. What it had started in the background lives on. */
  async close(): Promise<void> {
    this.#isIdle = false;
    this.#channel.destroy();
    if ((await within(SETTLE_MS, this.#gone)) === undefined) {
      this.#child.kill('SIGKILL');
      await within(SETTLE_MS, this.#gone);
    }
    this.#output.finish();
  }

  async #endOf(
    first: Gone | Interruption | 'replied',
    { run, limits }: ChildJob,
    idle: Promise<void>,
  ): Promise<ProcessEnd> {
    if (first === 'replied') {
      // Even without any grace it may end by itself, and leave in the background what it wants to.
      const graceMs = Math.max(limits.graceMs, SETTLE_MS);
      const isIdle = idle.then(() => 'idle' as const);
      const then = await within(graceMs, Promise.race([this.#gone, isIdle]));
      if (then === 'idle') {
        this.#isIdle = await this.#output.flush();
        return { kind: 'ended', exit: { exitCode: 0 } };
      }
      if (then === undefined) {
        // The result is known, so what is killed here changes nothing but the exit.
        await this.#endTree(run.runId, limits.graceMs);
      }
      const end = then ?? (await within(SETTLE_MS, this.#gone)) ?? { kind: 'ended', exit: {} };
      this.#output.finish();
      return end;
    }
    if (first.kind === 'ended' || first.kind === 'not_started') {
      this.#output.finish();
      return first;
    }
    const remaining = await this.#endTree(run.runId, limits.graceMs);
    const end = await within(SETTLE_MS, this.#gone);
    this.#output.finish();
    if (end?.kind === 'not_started') {
      return end;
    }
    return { kind: 'interrupted', by: first, exit: exitOf(end), remaining };
  }

  #endTree(runId: string, graceMs: number) {
    const { pid } = this.#child;
    return pid === undefined ? Promise.resolve([]) : endTree({ groupId: pid, runId }, graceMs);
  }

  #asking(): AskingRun | undefined {
    const job = this.#turn?.job;
    return job?.host === undefined ? undefined : { runId: job.run.runId, host: job.host };
  }

  #takeReply(reply: ChildReply | undefined): void {
    const turn = this.#turn;
    if (reply === undefined) {
      this.#noteStrangeLine();
      return;
    }
    if (turn === undefined) {
      return;
    }
    if (reply.kind === 'accepted' || reply.kind === 'idle') {
      if (reply.runId === turn.job.run.runId) {
        turn.accepted = true;
        if (reply.kind === 'idle' && turn.reply !== undefined) {
          turn.idle();
        }
      }
      return;
    }
    if (turn.reply === undefined) {
      turn.reply = reply;
      turn.replied();
    }
  }

  #noteStrangeLine(): void {
    this.#strangeLines += 1;
    if (this.#strangeLines === MOST_STRANGE_LINES) {
      this.#takeReply({ kind: 'fault', message: TOO_MANY_STRANGE_LINES });
      // The child ends when its channel does.
      this.#channel.destroy();
    }
  }

  #watchEnd(): Promise<Gone> {
    return new Promise((resolve) => {
      this.#child.once('error', (error) =>
        resolve({ kind: 'not_started', message: `could not start a child process: ${messageOf(error)}` }),
      );
      this.#child.once('exit', (code, signal) => {
        this.#isIdle = false;
        const exit = code === null ? { signal: signal ?? 'an unknown signal' } : { exitCode: code };
        // What it said last may still be in the channel.
        void within(SETTLE_MS, hearAll(this.#channel)).then(() => {
          this.#channel.destroy();
          resolve({ kind: 'ended', exit });
        });
      });
    });
  }
}

function exitOf(end: ProcessEnd | undefined): ProcessExit {
  return end === undefined || end.kind === 'not_started' ? {} : end.exit;
}
