import { StringDecoder } from 'node:string_decoder';
import type { CapturedOutput } from './execution.ts';

/** Takes output as text. A promise says that no more is wanted until it is settled. */
export type OutputListener = (text: string) => unknown;

/**
 * Keeps the head and the tail of what a run prints, in memory that does not grow with it: half of the limit each. The
 * cut falls between characters of UTF-8 and is marked with the number of bytes that are missing.
 */
export class OutputCapture {
  readonly #headLimit: number;
  readonly #tailLimit: number;
  readonly #onOutput: OutputListener | undefined;
  readonly #decoder = new StringDecoder('utf8');
  readonly #head: Buffer[] = [];
  #headBytes = 0;
  /** A ring: the byte that comes next replaces the one at `#tailBytes` modulo its length. */
  #tail: Buffer | undefined;
  #tailBytes = 0;

  /** `onOutput` is told all of it as it comes, with whole characters. What it throws is its own trouble. */
  constructor(limitBytes: number, onOutput?: OutputListener) {
    this.#headLimit = Math.ceil(limitBytes / 2);
    this.#tailLimit = Math.floor(limitBytes / 2);
    this.#onOutput = onOutput;
  }

  /**
   * Takes a piece of output; the caller may use the buffer again afterwards. What comes back is the listener's answer,
   * which may be the promise to wait for.
   */
  write(chunk: Buffer): unknown {
    const told = this.#tell(this.#decoder.write(chunk));
    const headPart = chunk.subarray(0, this.#headLimit - this.#headBytes);
    if (headPart.length > 0) {
      this.#head.push(Buffer.from(headPart));
      this.#headBytes += headPart.length;
    }
    this.#writeTail(chunk.subarray(headPart.length));
    return told;
  }

  /** What is kept of the output so far. */
  result(): CapturedOutput {
    this.#tell(this.#decoder.end());
    const head = Buffer.concat(this.#head);
    const tail = this.#tailInOrder();
    const bytes = this.#headBytes + this.#tailBytes;
    if (head.length + tail.length === bytes) {
      return { text: textOf(Buffer.concat([head, tail])), bytes, cut: false };
    }
    const wholeHead = head.subarray(0, head.length - lengthOfPartAtEnd(head));
    const wholeTail = tail.subarray(lengthOfPartAtStart(tail));
    const missing = bytes - wholeHead.length - wholeTail.length;
    return {
      text: `${textOf(wholeHead)}\n[${missing} bytes left out]\n${textOf(wholeTail)}`,
      bytes,
      cut: true,
    };
  }

  #tell(text: string): unknown {
    try {
      return text === '' ? undefined : this.#onOutput?.(text);
    } catch {
      // The listener has gone away; the run goes on, and what it prints is kept.
      return undefined;
    }
  }

  #writeTail(chunk: Buffer): void {
    if (chunk.length === 0) {
      return;
    }
    this.#tail ??= Buffer.alloc(this.#tailLimit);
    const kept = chunk.subarray(Math.max(0, chunk.length - this.#tailLimit));
    this.#tailBytes += chunk.length - kept.length;
    const start = this.#tailBytes % Math.max(1, this.#tailLimit);
    const untilEnd = kept.copy(this.#tail, start);
    kept.copy(this.#tail, 0, untilEnd);
    this.#tailBytes += kept.length;
  }

  #tailInOrder(): Buffer {
    const ring = this.#tail ?? Buffer.alloc(0);
    if (this.#tailBytes <= ring.length) {
      return ring.subarray(0, this.#tailBytes);
    }
    const start = this.#tailBytes % Math.max(1, ring.length);
    return Buffer.concat([ring.subarray(start), ring.subarray(0, start)]);
  }
}

// NUL is legal UTF-8, but some databases refuse it in text.
function textOf(bytes: Buffer): string {
  return bytes.toString('utf8').replaceAll('\0', '\uFFFD');
}

/** How many bytes at the end are the beginning of a character whose rest is missing. */
function lengthOfPartAtEnd(bytes: Buffer): number {
  for (let length = 1; length <= Math.min(3, bytes.length); length += 1) {
    const byte = bytes[bytes.length - length] ?? 0;
    if (!isContinuation(byte)) {
      return byte >= 0xc0 && lengthOfCharacter(byte) > length ? length : 0;
    }
  }
  return 0;
}

/** How many bytes at the start are the rest of a character whose beginning is missing. */
function lengthOfPartAtStart(bytes: Buffer): number {
  let length = 0;
  while (length < Math.min(3, bytes.length) && isContinuation(bytes[length] ?? 0)) {
    length += 1;
  }
  return length;
}

function isContinuation(byte: number): boolean {
  return byte >= 0x80 && byte < 0xc0;
}

function lengthOfCharacter(firstByte: number): number {
  if (firstByte >= 0xf0) {
    return 4;
  }
  return firstByte >= 0xe0 ? 3 : 2;
}
