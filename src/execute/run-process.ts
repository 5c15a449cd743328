import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { messageOf } from '../core/errors.ts';
import { type Interruption, type Limits, watchLimits, within } from './interruption.ts';
import type { OutputCapture } from './output-capture.ts';
import { type ChunkSink, type OutputPipe, openOutputPipes } from './output-pipe.ts';
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
  /** The descriptor of its input, which stays the caller's to close; empty input when absent. */
  readonly input?: number;
  /** Takes what it writes to its descriptor 3. */
  readonly report?: ChunkSink;
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
 * that it started. Its output, both streams in order, goes to the capture; its input is empty unless the spec
 * names one. Never rejects.
 *
 * A process that it left behind in the background does not keep the run open, and lives on.
 */
export async function runProcess(
  spec: ProcessSpec,
  limits: Limits,
  capture: OutputCapture,
): Promise<ProcessEnd> {
  let pipes: Pipes;
  try {
    pipes = await openOutputPipes((chunk) => capture.write(chunk), spec.report);
  } catch (thrown) {
    return { kind: 'not_started', message: messageOf(thrown) };
  }
  try {
    return await superviseProcess(spec, limits, pipes);
  } catch (thrown) {
    return { kind: 'not_started', message: `could not start ${spec.file}: ${messageOf(thrown)}` };
  } finally {
    pipes.output.finish();
    pipes.report?.finish();
  }
}

type Pipes = { readonly output: OutputPipe; readonly report: OutputPipe | undefined };

// How long a process that was killed may take to be gone.
const SETTLE_MS = 2_000;

async function superviseProcess(spec: ProcessSpec, limits: Limits, pipes: Pipes): Promise<ProcessEnd> {
  const watch = watchLimits(limits);
  try {
    const child = start(spec, pipes);
    const ended = endOf(child, spec);
    const first = await Promise.race([ended, watch.interrupted]);
    return first.kind === 'ended' || first.kind === 'not_started'
      ? first
      : await interrupt(spec, child, { limits, by: first, ended });
  } finally {
    watch.dispose();
  }
}

function start(spec: ProcessSpec, { output, report }: Pipes): ChildProcess {
  const child = spawn(spec.file, spec.args, {
    env: { ...spec.env },
    detached: true,
    stdio: [
      spec.input ?? 'ignore',
      output.writer,
      output.writer,
      ...(report === undefined ? [] : [report.writer]),
    ],
    ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
  });
  output.closeWriter();
  report?.closeWriter();
  return child;
}

function endOf(
  child: ChildProcess,
  spec: ProcessSpec,
): Promise<ProcessEnd & { kind: 'ended' | 'not_started' }> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ kind: 'not_started', message: messageOfStart(spec, error) }));
    child.once('exit', (code, signal) =>
      resolve({
        kind: 'ended',
        exit: code === null ? { signal: signal ?? 'an unknown signal' } : { exitCode: code },
      }),
    );
  });
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
  const remaining =
    child.pid === undefined ? [] : await endTree({ groupId: child.pid, runId: spec.runId }, limits.graceMs);
  const isLeft = remaining.some(({ pid }) => pid === child.pid);
  const end = await within(isLeft ? 0 : SETTLE_MS, ended);
  if (end === undefined) {
    // Nobody can end it: it must not keep this process either.
    child.unref();
  }
  if (end?.kind === 'not_started') {
    return end;
  }
  return { kind: 'interrupted', by, exit: end?.exit ?? {}, remaining };
}
