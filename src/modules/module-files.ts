import { access, readdir, readFile, realpath, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { ModuleSources } from '../config/config.ts';
import { messageOf } from '../core/errors.ts';
import { isJsonObject } from '../core/json.ts';
import { hashOf } from './description-cache.ts';

export type ModuleFile = {
  /** Absolute, with links resolved. */
  readonly file: string;
  /** Changes whenever the file does. */
  readonly hash: string;
};

/** A folder, file or package from which no module can be taken, and why. */
export type ModuleFault = { readonly file: string; readonly message: string };

export type ModuleFiles = { readonly files: readonly ModuleFile[]; readonly faults: readonly ModuleFault[] };

/**
 * Finds the files that may hold modules: each `.js`, `.mjs`, `.cjs`, `.ts` or `.mts` directly in a folder, by name, and
 * the entry of each package, which is looked for from `packageBases` in turn. A file named twice counts once.
 */
export async function findModuleFiles(
  sources: ModuleSources,
  packageBases: readonly string[],
): Promise<ModuleFiles> {
  const found: ModuleFiles[] = [];
  for (const folder of sources.folders) {
    found.push(await filesOfFolder(folder));
  }
  for (const name of sources.packages) {
    found.push(await fileOfPackage(name, packageBases));
  }
  const files = new Map(found.flatMap((part) => part.files.map((file) => [file.file, file] as const)));
  return { files: [...files.values()], faults: found.flatMap((part) => part.faults) };
}

const MODULE_FILE = /^[^.].*\.(?:[cm]?js|m?ts)$/;
const DECLARATIONS = /\.d\.m?ts$/;

async function filesOfFolder(folder: string): Promise<ModuleFiles> {
  const files: ModuleFile[] = [];
  const faults: ModuleFault[] = [];
  try {
    for (const name of (await readdir(folder)).sort()) {
      if (!MODULE_FILE.test(name) || DECLARATIONS.test(name)) {
        continue;
      }
      const path = join(folder, name);
      try {
        if ((await stat(path)).isFile()) {
          files.push({ file: await realpath(path), hash: hashOf(await readFile(path)) });
        }
      } catch (thrown) {
        faults.push({ file: path, message: `cannot be read: ${messageOf(thrown)}` });
      }
    }
  } catch (thrown) {
    faults.push({ file: folder, message: `the folder of modules cannot be read: ${messageOf(thrown)}` });
  }
  return { files, faults };
}

const PACKAGE_NAME = /^(?:@[\w.-]+\/)?[\w-][\w.-]*$/;

async function fileOfPackage(name: string, bases: readonly string[]): Promise<ModuleFiles> {
  if (!PACKAGE_NAME.test(name)) {
    return faultOf(name, `expected the name of an npm package, got ${JSON.stringify(name)}`);
  }
  const folder = await findPackage(name, bases);
  if (folder === undefined) {
    return faultOf(name, `the package is not installed; looked for it from ${bases.join(', ')}`);
  }
  try {
    const manifestText = await readFile(join(folder, 'package.json'));
    const entry = entryOf(JSON.parse(manifestText.toString('utf8')));
    if (entry === undefined) {
      return faultOf(name, `its package.json names no entry: ${folder}`);
    }
    const file = await realpath(resolve(folder, entry));
    // An entry often only re-exports, so that a new version of the package may leave it as it is.
    return { files: [{ file, hash: hashOf(await readFile(file), manifestText) }], faults: [] };
  } catch (thrown) {
    return faultOf(name, `the package in ${folder} cannot be read: ${messageOf(thrown)}`);
  }
}

function faultOf(file: string, message: string): ModuleFiles {
  return { files: [], faults: [{ file, message }] };
}

async function findPackage(name: string, bases: readonly string[]): Promise<string | undefined> {
  for (const base of bases) {
    for (let folder = resolve(base); ; folder = dirname(folder)) {
      const candidate = join(folder, 'node_modules', name);
      if (await isReadable(join(candidate, 'package.json'))) {
        return candidate;
      }
      if (dirname(folder) === folder) {
        break;
      }
    }
  }
  return undefined;
}

async function isReadable(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}

// Node's rules for `import "name"`, without the legacy guesses at file name extensions.
function entryOf(manifest: unknown): string | undefined {
  if (!isJsonObject(manifest)) {
    return undefined;
  }
  const { exports, main } = manifest;
  if (exports !== undefined) {
    const root = isJsonObject(exports) && '.' in exports ? exports['.'] : exports;
    return targetOf(root);
  }
  return typeof main === 'string' ? main : 'index.js';
}

const CONDITIONS = ['node', 'import', 'module-sync', 'default'];

function targetOf(target: unknown): string | undefined {
  if (typeof target === 'string') {
    return target;
  }
  if (!isJsonObject(target)) {
    return undefined;
  }
  for (const [condition, inner] of Object.entries(target)) {
    const found = CONDITIONS.includes(condition) ? targetOf(inner) : undefined;
    if (found !== undefined) {
      return found;
    }
  }
  return undefined;
}
