import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { packageRoot } from '../../src/store/package-root.ts';
import type { ProgramEnd, ProgramWorld } from './processes.ts';

const ARCHIVE = fileURLToPath(new URL('../fixtures/schema-2.tgz', import.meta.url));

/** Unpacks the program as it was with schema version 2, and returns what calls it in a world of its successor's. */
export function unpackOlderBuild(
  world: Pick<ProgramWorld, 'shell'>,
): (...words: readonly string[]) => Promise<ProgramEnd> {
  const folder = mkdtempSync(join(tmpdir(), 'periodic-cron-older-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  execFileSync('tar', ['-xzf', ARCHIVE, '-C', folder]);
  symlinkSync(join(packageRoot(), 'node_modules'), join(folder, 'node_modules'));
  const program = join(folder, 'periodic-cron', 'bin', 'periodic-cron.js');
  return (...words) => world.shell(`exec ${[process.execPath, program, ...words].map(quoted).join(' ')}`);
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
