import type { Readable } from 'node:stream';

/** The first bytes of a body, and how many there were in all. */
export type KeptBody = { readonly text: string; readonly bytes: number };

/** Reads a body to its end, whatever its length, and keeps at most `limit` bytes of it. */
export async function readBody(body: Readable, limit: number): Promise<KeptBody> {
  const kept: Buffer[] = [];
  let room = limit;
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (room > 0) {
      // A copy: a slice would keep all of the chunk alive.
      kept.push(Buffer.from(chunk.subarray(0, room)));
      room -= Math.min(room, chunk.length);
    }
  }
  return { text: Buffer.concat(kept).toString('utf8'), bytes };
}

/** The lines of a text, one by one, without their ends. */
export function* linesOf(text: string): Iterable<string> {
  let begin = 0;
  while (begin < text.length) {
    const end = text.indexOf('\n', begin);
    const line = end < 0 ? text.slice(begin) : text.slice(begin, end);
    yield line.endsWith('\r') ? line.slice(0, -1) : line;
    begin += line.length + 1;
  }
}
