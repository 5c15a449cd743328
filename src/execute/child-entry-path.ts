import { join } from 'node:path';
import { packageRoot } from '../store/package-root.ts';

/** The program that a child process runs: a bundle of its own, beside the others. */
export function childEntryPath(): string {
  return join(packageRoot(), 'dist', 'child.js');
}
