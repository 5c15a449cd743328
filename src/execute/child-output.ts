import { randomBytes } from 'node:crypto';
import { write } from 'node:fs';
import { within, withResolve } from './interruption.ts';
import { type ChunkSink, type OutputPipe, openOutputPipe } from './output-pipe.ts';

const FLUSH_LIMIT_MS = 2_000;

/** The output of a child process that serves one run after the other: each run gets its own part. */
export class ChildOutput {
  readonly #pipe: OutputPipe;
  #sink: ChunkSink = () => undefined;
  /** What this process wrote into the pipe behind all that the child had written. */
  #mark: { readonly bytes: Buffer; readonly found: () => void } | undefined;
  /** The end of what came, which may be the beginning of the mark. */
  #held = Buffer.alloc(0);
  /** The mark is on its way: the descriptor must not be closed, since its number would soon be another file's. */
  #isWriting = false;
  #isOver = false;

  /** @throws Error when there can be no pipe */
  static async open(): Promise<ChildOutput> {
    let output: ChildOutput | undefined;
    const pipe = await openOutputPipe((chunk) => (output === undefined ? undefined : output.#take(chunk)));
    output = new ChildOutput(pipe);
    return output;
  }

  private constructor(pipe: OutputPipe) {
    this.#pipe = pipe;
  }

  /** The descriptor for both streams of the child. It stays open here as well, for the mark. */
  get writer(): number {
    return this.#pipe.writer;
  }

  /** From now on the output is this run's. */
  turnTo(sink: ChunkSink): void {
    this.#sink = sink;
  }

  /**
   * Resolves once everything that was written until now has come: a mark that nobody else knows is sent after it. False
   * when it did not come in time.
   */
  async flush(): Promise<boolean> {
    const { promise, resolve } = withResolve<true>();
    const bytes = randomBytes(16);
    this.#mark = { bytes, found: () => resolve(true) };
    // Not written at once, since a pipe that is full is emptied by this very thread.
    this.#isWriting = true;
    write(this.#pipe.writer, bytes, () => {
      this.#isWriting = false;
      if (this.#isOver) {
        this.#pipe.finish();
      }
    });
    const isFlushed = (await within(FLUSH_LIMIT_MS, promise)) ?? false;
    this.#release();
    return isFlushed;
  }

  /** Takes what is left, and closes the pipe. */
  finish(): void {
    this.#isOver = true;
    if (!this.#isWriting) {
      this.#pipe.finish();
    }
    this.#release();
  }

  #release(): void {
    this.#mark = undefined;
    this.#sink(this.#held);
    this.#held = Buffer.alloc(0);
  }

  #take(chunk: Buffer): unknown {
    if (this.#mark === undefined) {
      return this.#sink(chunk);
    }
    const { bytes, found } = this.#mark;
    const all = Buffer.concat([this.#held, chunk]);
    const start = all.indexOf(bytes);
    const certain = start === -1 ? Math.max(0, all.length - bytes.length + 1) : start;
    const taken = this.#sink(all.subarray(0, certain));
    this.#held = start === -1 ? all.subarray(certain) : Buffer.alloc(0);
    if (start !== -1) {
      this.#mark = undefined;
      found();
    }
    return taken;
  }
}
