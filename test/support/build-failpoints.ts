import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/store/package-root.ts';

const NAME = 'periodic-cron-failpoints';
/** After this long nobody uses an older build any more. */
const KEPT_MS = 3_600_000;

let program: string | undefined;

/**
 * The program with failpoints, to be started with Node: built at the first call, unless that was done since its sources
 * last changed. Builds for tests that begin at the same time do not disturb each other.
 */
export function failpointProgram(): string {
  program ??= join(findOrBuild(), 'bin', 'periodic-cron.js');
  return program;
}

function findOrBuild(): string {
  const root = packageRoot();
  // From here the program finds the packages that are outside its bundle.
  const cache = join(root, 'node_modules', '.cache');
  const folder = join(cache, `${NAME}-${newestMs(root)}`);
  if (!existsSync(folder)) {
    mkdirSync(cache, { recursive: true });
    removeOld(cache);
    const draft = mkdtempSync(join(cache, `${NAME}-draft-`));
    build(root, draft);
    putInPlace(draft, folder);
  }
  return folder;
}

function removeOld(cache: string): void {
  for (const name of readdirSync(cache).filter((entry) => entry.startsWith(NAME))) {
    const folder = join(cache, name);
    const modifiedMs = statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (Date.now() - modifiedMs > KEPT_MS) {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

function build(root: string, folder: string): void {
  execFileSync(process.execPath, ['build.config.js', '--failpoints', join(folder, 'dist')], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  mkdirSync(join(folder, 'bin'));
  for (const file of ['package.json', join('bin', 'periodic-cron.js')]) {
    copyFileSync(join(root, file), join(folder, file));
  }
  symlinkSync(join(root, 'migrations'), join(folder, 'migrations'));
}

/** Another process may have been faster: then its build is the one. */
function putInPlace(draft: string, folder: string): void {
  try {
    renameSync(draft, folder);
  } catch (error) {
    if (!existsSync(folder)) {
      throw error;
    }
    rmSync(draft, { recursive: true });
  }
}

function newestMs(root: string): number {
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' });
  const files = [join(root, 'build.config.js'), ...sources.map((file) => join(root, 'src', file))];
  return Math.max(...files.map((file) => Math.floor(statSync(file).mtimeMs)));
}
