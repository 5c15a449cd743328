import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/store/package-root.ts';

/** Builds the program that tests start as a process, unless that was done since its sources last changed. */
export function setup(): void {
  const root = packageRoot();
  if (modifiedMs(join(root, 'dist', 'main.js')) < newestMs(join(root, 'src'))) {
    execFileSync(process.execPath, ['build.config.js'], {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
  }
}

function newestMs(folder: string): number {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return Math.max(...files.map((file) => modifiedMs(join(folder, file))));
}

function modifiedMs(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
