import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { messageOf } from '../core/errors.ts';
import { type Interruption, type Limits, watchLimits, within } from './interruption.ts';
import type { OutputCapture } from './output-capture.ts';
import { type OutputPipe, openOutputPipe } from './output-pipe.ts';
import { endTree, type RemainingProcess } from './process-tree.ts';

export type ProcessSpec = {
  /** The run whose id the environment carries. */
  readonly runId: string;
  /** Path of the program. */
  readonly file: string;
  readonly args: readonly string[];
  /** Absolute; the runner's own when absent. */
  readonly cwd?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly talk?: Talk;
};

/** A talk with the process over its descriptor 3. */
export type Talk = {
  readonly open: (channel: Duplex) => void;
  /** Resolves once the process has said all it has to say: it then has the grace to end. */
  readonly done: Promise<void>;
};

/** The status or the signal with which a process ended; neither when it could not be ended. */
export type ProcessExit = { readonly exitCode?: number; readonly signal?: string };

export type ProcessEnd =
  | { readonly kind: 'not_started'; readonly message: string }
  | { readonly kind: 'ended'; readonly exit: ProcessExit }
  | {
      readonly kind: 'interrupted';
      readonly by: Interruption;
      readonly exit: ProcessExit;
      readonly remaining: readonly RemainingProcess[];
    };

/**
 * Runs a process as the leader of a session and group of its own, until it ends or its limits end it with everything
 * that it started. Its output, both streams in order, goes to the capture; its input is empty. Never rejects.
 *
 * A process that it left behind in the background does not keep the run open, and lives on.
 */
export async function runProcess(
  spec: ProcessSpec,
  limits: Limits,
  capture: OutputCapture,
): Promise<ProcessEnd> {
  let pipe: OutputPipe;
  try {
    pipe = await openOutputPipe((chunk) => capture.write(chunk));
  } catch (thrown) {
    return { kind: 'not_started', message: messageOf(thrown) };
  }
  try {
    return await superviseProcess(spec, limits, pipe);
  } catch (thrown) {
    return { kind: 'not_started', message: `could not start ${spec.file}: ${messageOf(thrown)}` };
  } finally {
    pipe.finish();
  }
}

// How long a process that was killed may take to be gone, and a channel to give what is already in it.
const SETTLE_MS = 2_000;

async function superviseProcess(spec: ProcessSpec, limits: Limits, pipe: OutputPipe): Promise<ProcessEnd> {
  const watch = watchLimits(limits);
  try {
    const child = start(spec, pipe);
    const ended = endOf(child, spec);
    const done = spec.talk?.done.then(() => 'done' as const) ?? new Promise<never>(() => undefined);
    const first = await Promise.race([ended, done, watch.interrupted]);
    if (first === 'done') {
      return (await within(limits.graceMs, ended)) ?? (await endAfterAll(spec, child, limits, ended));
    }
    return first.kind === 'ended' || first.kind === 'not_started'
      ? first
      : await interrupt(spec, child, { limits, by: first, ended });
  } finally {
    watch.dispose();
  }
}

function start(spec: ProcessSpec, pipe: OutputPipe): ChildProcess {
  const child = spawn(spec.file, spec.args, {
    env: { ...spec.env },
    detached: true,
    stdio: ['ignore', pipe.writer, pipe.writer, ...(spec.talk === undefined ? [] : ['pipe' as const])],
    ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
  });
  pipe.closeWriter();
  return child;
}

function endOf(
  child: ChildProcess,
  spec: ProcessSpec,
): Promise<ProcessEnd & { kind: 'ended' | 'not_started' }> {
  const channelClosed = openTalk(child, spec.talk);
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ kind: 'not_started', message: messageOfStart(spec, error) }));
    child.once('exit', (code, signal) => {
      const exit = code === null ? { signal: signal ?? 'an unknown signal' } : { exitCode: code };
      void within(SETTLE_MS, channelClosed).then(() => {
        child.stdio[3]?.destroy();
        resolve({ kind: 'ended', exit });
      });
    });
  });
}

// What the process said last may still be in the channel when its end is known, so the channel's end counts too.
function openTalk(child: ChildProcess, talk: Talk | undefined): Promise<void> {
  const channel = child.stdio[3];
  if (talk === undefined || channel === null || channel === undefined || !('write' in channel)) {
    return Promise.resolve();
  }
  const closed = new Promise<void>((resolve) => channel.once('close', resolve));
  // Writing to a process that is gone fails, and its exit says so better.
  channel.on('error', () => channel.destroy());
  talk.open(channel as Duplex);
  return closed;
}

function messageOfStart({ file, cwd }: ProcessSpec, error: Error): string {
  const code = 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') {
    return `could not start ${file}: the interpreter that its first line names was not found (${firstLineOf(file)})`;
  }
  const where = cwd === undefined ? '' : ` in ${cwd}`;
  return `could not start ${file}${where}: ${messageOf(error)}`;
}

function firstLineOf(file: string): string {
  try {
    return readFileSync(file).subarray(0, 80).toString('latin1').split('\n')[0] ?? '';
  } catch {
    return 'it is gone';
  }
}

type Ended = ReturnType<typeof endOf>;

async function interrupt(
  spec: ProcessSpec,
  child: ChildProcess,
  { limits, by, ended }: { readonly limits: Limits; readonly by: Interruption; readonly ended: Ended },
): Promise<ProcessEnd> {
  const remaining = child.pid === undefined ? [] : await endTreeOf(spec, child.pid, limits);
  const end = await within(SETTLE_MS, ended);
  if (end?.kind === 'not_started') {
    return end;
  }
  return { kind: 'interrupted', by, exit: end?.exit ?? {}, remaining };
}

// The result is known, so what is killed here changes nothing but the exit.
async function endAfterAll(
  spec: ProcessSpec,
  child: ChildProcess,
  limits: Limits,
  ended: Ended,
): Promise<ProcessEnd> {
  if (child.pid !== undefined) {
    await endTreeOf(spec, child.pid, limits);
  }
  return (await within(SETTLE_MS, ended)) ?? { kind: 'ended', exit: {} };
}

function endTreeOf(
  { runId }: ProcessSpec,
  groupId: number,
  { graceMs }: Limits,
): Promise<readonly RemainingProcess[]> {
  return endTree({ groupId, runId }, graceMs);
}
