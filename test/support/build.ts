import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { packageRoot } from '../../src/store/package-root.ts';

const NAMES = ['index.js', 'child.js'];

/** Builds what child processes of a test load, unless that was done since the sources last changed. */
export async function ensureBuilt(): Promise<void> {
  const dist = join(packageRoot(), 'dist');
  const builtMs = Math.min(...NAMES.map((name) => modifiedMs(join(dist, name))));
  if (builtMs > newestMs(join(packageRoot(), 'src'))) {
    return;
  }
  // Test files build at the same time, so that each file of the bundle is put in its place whole.
  const folder = mkdtempSync(join(packageRoot(), 'dist-'));
  try {
    await build({
      entryPoints: {
        child: 'src/execute/child-entry.ts',
        index: 'src/index.ts',
      },
      absWorkingDir: packageRoot(),
      outdir: folder,
      bundle: true,
      format: 'esm',
      platform: 'node',
      packages: 'external',
      logLevel: 'warning',
    });
    mkdirSync(dist, { recursive: true });
    for (const name of NAMES) {
      renameSync(join(folder, name), join(dist, name));
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function newestMs(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return Math.max(...files.map((entry) => modifiedMs(join(entry.parentPath, entry.name))));
}

function modifiedMs(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
