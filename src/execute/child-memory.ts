import { formatByteSize } from '../config/byte-size.ts';
import type { ChunkSink } from './output-pipe.ts';

const MIB = 1_024 * 1_024;

/**
 * Node itself takes 80 MiB of private memory before a module has any (the stacks of its threads above all), 25 MiB more
 * with all threads for files and names, and some for the thread that loads TypeScript.
 */
const OVERHEAD_BYTES = 192 * MIB;

/** The arguments of Node that bound its heap. */
export function heapArguments(memoryBytes: number | null): readonly string[] {
  return memoryBytes === null ? [] : [`--max-old-space-size=${Math.floor(memoryBytes / MIB)}`];
}

/** How much private memory the process may have, so that what lies outside the heap, such as buffers, is bounded as well. */
export function dataLimit(memoryBytes: number): number {
  return memoryBytes + OVERHEAD_BYTES;
}

/** What Node says, or throws, when there is no more memory. */
const EXHAUSTED = /out of memory|Array buffer allocation failed|\bENOMEM\b|bad_alloc/i;

/** True for the message of an error that is thrown where there is no more memory. */
export function tellsOfExhaustion(text: string): boolean {
  return EXHAUSTED.test(text);
}

export function messageOfExhaustion(memoryBytes: number): string {
  return `reached its memory limit of ${formatByteSize(memoryBytes)}`;
}

/** Looks through output for what Node says before it dies for want of memory. */
export function watchForExhaustion(): { readonly look: ChunkSink; readonly wasSeen: () => boolean } {
  let seen = false;
  let end = '';
  return {
    look: (chunk) => {
      const text = end + chunk.toString('latin1');
      seen ||= EXHAUSTED.test(text);
      end = text.slice(-64);
    },
    wasSeen: () => seen,
  };
}
