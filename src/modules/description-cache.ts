import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isJsonObject, type JsonValue } from '../core/json.ts';
import { type DescribedModule, readDescribedModules } from './description.ts';

// Raised when the form of the cached files changes: those of another form are then as good as absent.
const FORMAT = 1;

/**
 * Remembers what foreign files hold, by the hash of their content, so that a child process describes each version of a
 * file once. Only good news is kept: a file that did not load may load once what it imports is installed. A cache that
 * cannot be written or read costs time and nothing else.
 */
export type DescriptionCache = {
  readonly find: (fileHash: string) => Promise<readonly DescribedModule[] | undefined>;
  readonly keep: (fileHash: string, modules: readonly DescribedModule[]) => Promise<void>;
  /** True when these options passed the check of this module of this file before. */
  readonly knowsValid: (fileHash: string, id: string, options: JsonValue) => Promise<boolean>;
  readonly keepValid: (fileHash: string, id: string, options: JsonValue) => Promise<void>;
};

/** A cache in `<stateDirectory>/cache/modules`; the folder is made when there is something to keep. */
export function createDescriptionCache(stateDirectory: string): DescriptionCache {
  const folder = join(stateDirectory, 'cache', 'modules');
  const optionsName = (fileHash: string, id: string, options: JsonValue): string =>
    `${fileHash}-${hashOf(JSON.stringify([id, options]))}.json`;
  return {
    find: async (fileHash) => readDescribedModules((await read(folder, `${fileHash}.json`))?.['modules']),
    keep: (fileHash, modules) => write(folder, `${fileHash}.json`, { modules }),
    knowsValid: async (fileHash, id, options) =>
      (await read(folder, optionsName(fileHash, id, options)))?.['valid'] === true,
    keepValid: (fileHash, id, options) => write(folder, optionsName(fileHash, id, options), { valid: true }),
  };
}

/** The hash by which content is remembered: SHA-256 in hexadecimal digits. */
export function hashOf(...contents: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const content of contents) {
    hash.update(content);
  }
  return hash.digest('hex');
}

async function read(folder: string, name: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(join(folder, name), 'utf8'));
    return isJsonObject(value) && value['format'] === FORMAT ? value : undefined;
  } catch {
    return undefined;
  }
}

async function write(folder: string, name: string, content: object): Promise<void> {
  const temporary = join(folder, `${randomUUID()}.tmp`);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(temporary, JSON.stringify({ format: FORMAT, ...content }), { mode: 0o600 });
    await rename(temporary, join(folder, name));
  } catch {
    await rm(temporary, { force: true }).catch(() => undefined);
  }
}
