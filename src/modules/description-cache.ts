import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Instant, MINUTE_MS } from '../core/instants.ts';
import { isJsonObject, type JsonValue } from '../core/json.ts';
import { type Description, readDescribedModules } from './description.ts';

// Raised when the form of the cached files changes: those of another form are then as good as absent.
const FORMAT = 2;

/**
 * Remembers what foreign files hold, by the hash of their content, so that a child process describes each version of a
 * file once. That a file did not load is kept for ten minutes only: it may load once what it imports is installed. A cache
 * that cannot be written or read costs time and nothing else.
 */
export type DescriptionCache = {
  readonly find: (fileHash: string) => Promise<Description | undefined>;
  readonly keep: (fileHash: string, description: Description) => Promise<void>;
  /** True when these options passed the check of this module of this file before. */
  readonly knowsValid: (fileHash: string, id: string, options: JsonValue) => Promise<boolean>;
  readonly keepValid: (fileHash: string, id: string, options: JsonValue) => Promise<void>;
};

/**
 * A cache in `<stateDirectory>/cache/modules`; the folder is made when there is something to keep. Without a clock,
 * which tells the age of bad news, only good news is kept and found.
 */
export function createDescriptionCache(stateDirectory: string, clock?: () => Instant): DescriptionCache {
  const folder = join(stateDirectory, 'cache', 'modules');
  const optionsName = (fileHash: string, id: string, options: JsonValue): string =>
    `${fileHash}-${hashOf(JSON.stringify([id, options]))}.json`;
  return {
    find: async (fileHash) => readDescription(await read(folder, `${fileHash}.json`), clock?.()),
    keep: async (fileHash, description) => {
      const content = contentOf(description, clock?.());
      if (content !== undefined) {
        await write(folder, `${fileHash}.json`, content);
      }
    },
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

const FAULT_KEPT_MS = 10 * MINUTE_MS;

type Content = Readonly<Record<string, unknown>>;

function contentOf(description: Description, now: Instant | undefined): Content | undefined {
  if (description.kind === 'described') {
    return { modules: description.modules };
  }
  return now === undefined ? undefined : { fault: description.message, at: now };
}

function readDescription(content: Content | undefined, now: Instant | undefined): Description | undefined {
  const modules = readDescribedModules(content?.['modules']);
  if (modules !== undefined) {
    return { kind: 'described', modules };
  }
  const [fault, at] = [content?.['fault'], content?.['at']];
  if (typeof fault !== 'string' || typeof at !== 'number' || now === undefined) {
    return undefined;
  }
  // A fault of the future was kept before the clock was set back, so that its age is unknown.
  return at <= now && now < at + FAULT_KEPT_MS ? { kind: 'fault', message: fault } : undefined;
}

async function read(folder: string, name: string): Promise<Content | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(join(folder, name), 'utf8'));
    return isJsonObject(value) && value['format'] === FORMAT ? value : undefined;
  } catch {
    return undefined;
  }
}

async function write(folder: string, name: string, content: Content): Promise<void> {
  const temporary = join(folder, `${randomUUID()}.tmp`);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(temporary, JSON.stringify({ format: FORMAT, ...content }), { mode: 0o600 });
    await rename(temporary, join(folder, name));
  } catch {
    await rm(temporary, { force: true }).catch(() => undefined);
  }
}
