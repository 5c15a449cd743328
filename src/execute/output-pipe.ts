import { spawn } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../core/errors.ts';

/** A pipe into which the processes of a run write both their output streams. */
export type OutputPipe = {
  /** The descriptor to hand to the process as its output and as its error output. */
  readonly writer: number;
  /** To be called once the process has the writer. */
  readonly closeWriter: () => void;
  /** Takes what was written so far and closes the pipe, whoever else may still hold its other end. */
  readonly finish: () => void;
};

/**
 * Opens a pipe whose content goes to `onChunk`; the buffer it gets is used again.
 *
 * It is a pipe of the system's, made by name and unlinked at once, because the pipes of `spawn` are sockets: a script
 * cannot open /dev/stderr on one, two of them lose the order of the streams, and none can be read to its present end.
 *
 * @throws Error when no folder for it is writable
 */
export async function openOutputPipe(onChunk: (chunk: Buffer) => void): Promise<OutputPipe> {
  const { reader, writer } = await openEnds();
  const buffer = Buffer.alloc(CHUNK_BYTES);
  const socket = new Socket({ fd: reader, readable: true, writable: false });
  socket.on('data', onChunk);
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
      takeRest(reader, buffer, onChunk);
      socket.destroy();
    }
  };
  return { writer, closeWriter, finish };
}

const CHUNK_BYTES = 65_536;
// No pipe holds more than this unless an administrator raised the limit: more must have been written afterwards.
const MAX_PIPE_BYTES = 1024 * 1024;

async function openEnds(): Promise<{ readonly reader: number; readonly writer: number }> {
  const folder = makePrivateFolder();
  const path = join(folder, 'output');
  try {
    await makeNamedPipe(path);
    return openBoth(path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function openBoth(path: string): { readonly reader: number; readonly writer: number } {
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return { reader, writer: openSync(path, constants.O_WRONLY) };
  } catch (thrown) {
    closeSync(reader);
    throw thrown;
  }
}

function makePrivateFolder(): string {
  const folders = ['/dev/shm', tmpdir()];
  let lastFault: unknown;
  for (const folder of folders) {
    try {
      return mkdtempSync(join(folder, 'periodic-cron-'));
    } catch (thrown) {
      lastFault = thrown;
    }
  }
  throw new Error(`expected to make a pipe in ${folders.join(' or ')}: ${messageOf(lastFault)}`, {
    cause: lastFault,
  });
}

/** Node makes no named pipes. */
function makeNamedPipe(path: string): Promise<void> {
  const env = { PATH: `${process.env['PATH'] ?? ''}:/usr/bin:/bin` };
  return new Promise((resolve, reject) => {
    const child = spawn('mkfifo', ['-m', '600', path], { env, stdio: 'ignore' });
    child.on('error', (error) =>
      reject(new Error(`mkfifo cannot be started: ${error.message}`, { cause: error })),
    );
    child.on('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`mkfifo ${path} ended with status ${code}`)),
    );
  });
}

function takeRest(reader: number, buffer: Buffer, onChunk: (chunk: Buffer) => void): void {
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
