import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

export type FileText =
  | { readonly kind: 'text'; readonly text: string }
  /** What was found in place of a file that is small enough, in words. */
  | { readonly kind: 'other'; readonly found: string };

/**
 * Reads the text of a regular file of at most so many bytes. A pipe or a device would let its reader wait for ever, or
 * never end. What was opened is what is judged, since its name may stand for another thing a moment later.
 *
 * @throws Error when it cannot be opened or read
 */
export async function readRegularFile(path: string, maxBytes: number): Promise<FileText> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = await file.stat();
    if (!found.isFile()) {
      return { kind: 'other', found: 'something that is no file' };
    }
    return found.size > maxBytes
      ? { kind: 'other', found: `one of ${found.size} bytes` }
      : { kind: 'text', text: await file.readFile('utf8') };
  } finally {
    await file.close();
  }
}
