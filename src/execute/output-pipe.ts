import { spawn } from 'node:child_process';
import { closeSync, constants, openSync, readSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { findTool } from './find-executable.ts';
import { makePrivateFolder } from './private-folder.ts';

/** A pipe into which the processes of a run write: as a rule both their output streams. */
export type OutputPipe = {
  /** The descriptor to hand to the process as its output and as its error output. */
  readonly writer: number;
  /** To be called once the process has the writer. */
  readonly closeWriter: () => void;
  /** Takes what was written so far and closes the pipe, whoever else may still hold its other end. */
  readonly finish: () => void;
};

/**
 * What takes the content of a pipe as it comes; the buffer it gets is used again. Where it returns a promise, nothing
 * more comes until that is settled, and whoever writes waits once the pipe is full.
 */
export type ChunkSink = (chunk: Buffer) => unknown;

/**
 * Opens a pipe whose content goes to `onChunk`.
 *
 * It is a pipe of the system's, made by name and unlinked at once, because the pipes of `spawn` are sockets: a script
 * cannot open /dev/stderr on one, two of them lose the order of the streams, and none can be read to its present end.
 * Whoever has its descriptor may open it again by that, also as another user; its name was in a folder of ours alone.
 *
 * @throws Error when no folder for it is writable
 */
export async function openOutputPipe(onChunk: ChunkSink): Promise<OutputPipe> {
  const { output } = await openOutputPipes(onChunk);
  return output;
}

/** Opens a pipe for the output, and beside it another one for reports if there is who takes them. */
export async function openOutputPipes(
  onOutput: ChunkSink,
  onReport?: ChunkSink,
): Promise<{ readonly output: OutputPipe; readonly report: OutputPipe | undefined }> {
  const folder = makePrivateFolder('a pipe');
  const path = join(folder, 'output');
  const reportPath = join(folder, 'report');
  try {
    await makeNamedPipes(onReport === undefined ? [path] : [path, reportPath]);
    const ends = openBoth(path);
    if (onReport === undefined) {
      return { output: pipeWith(ends, onOutput), report: undefined };
    }
    const reportEnds = openBesides(reportPath, ends);
    return { output: pipeWith(ends, onOutput), report: pipeWith(reportEnds, onReport) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

type PipeEnds = { readonly reader: number; readonly writer: number };

function pipeWith({ reader, writer }: PipeEnds, onChunk: ChunkSink): OutputPipe {
  const socket = new Socket({ fd: reader, readable: true, writable: false });
  socket.on('data', (chunk: Buffer) => {
    const taken = onChunk(chunk);
    if (taken instanceof Promise) {
      socket.pause();
      const goOn = (): void => {
        socket.resume();
      };
      taken.then(goOn, goOn);
    }
  });
  // Reading fails only when the pipe is closed under it, and then there is nothing more to take.
  socket.on('error', () => socket.destroy());
  let writerIsOpen = true;
  const closeWriter = (): void => {
    if (writerIsOpen) {
      writerIsOpen = false;
      closeSync(writer);
    }
  };
  const finish = (): void => {
    closeWriter();
    if (!socket.destroyed) {
      takeRest(reader, onChunk);
      socket.destroy();
    }
  };
  return { writer, closeWriter, finish };
}

const CHUNK_BYTES = 65_536;
// No pipe holds more than this unless an administrator raised the limit: more must have been written afterwards.
const MAX_PIPE_BYTES = 1024 * 1024;

function openBoth(path: string): PipeEnds {
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return { reader, writer: openSync(path, constants.O_WRONLY) };
  } catch (thrown) {
    closeSync(reader);
    throw thrown;
  }
}

function openBesides(path: string, opened: PipeEnds): PipeEnds {
  try {
    return openBoth(path);
  } catch (thrown) {
    closeSync(opened.reader);
    closeSync(opened.writer);
    throw thrown;
  }
}

/** Node makes no named pipes. */
function makeNamedPipes(paths: readonly string[]): Promise<void> {
  const found = findTool('mkfifo', 'a pipe');
  if (found.kind === 'fault') {
    return Promise.reject(new Error(found.message));
  }
  return new Promise((resolve, reject) => {
    const child = spawn(found.file, ['-m', '622', ...paths], { env: {}, stdio: 'ignore' });
    child.on('error', (error) =>
      reject(new Error(`mkfifo cannot be started: ${error.message}`, { cause: error })),
    );
    child.on('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`mkfifo ${paths.join(' ')} ended with status ${code}`)),
    );
  });
}

function takeRest(reader: number, onChunk: ChunkSink): void {
  const buffer = Buffer.alloc(CHUNK_BYTES);
  let taken = 0;
  try {
    while (taken < MAX_PIPE_BYTES) {
      const length = readSync(reader, buffer);
      if (length === 0) {
        return;
      }
      onChunk(buffer.subarray(0, length));
      taken += length;
    }
  } catch {
    // Nothing more at the moment (EAGAIN): others may still hold the pipe, but the run has ended.
  }
}
