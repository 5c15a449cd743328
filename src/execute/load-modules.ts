import { spawnSync } from 'node:child_process';
import { createRequire, register } from 'node:module';
import { extname } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { TaskModule } from '../modules/module.ts';
import { shown } from '../modules/option-faults.ts';
import { childEntryPath } from './child-entry-path.ts';
import { LENT_PACKAGES, stripsTypes, TYPESCRIPT_EXTENSIONS } from './module-hooks.ts';
import { messageOfThrown } from './module-outcome.ts';

export type LoadedFile =
  | { readonly kind: 'loaded'; readonly modules: readonly TaskModule[] }
  | { readonly kind: 'fault'; readonly message: string };

/**
 * Loads the modules that a file exports, by name or as default. Only a child process does this: loading runs whatever
 * the file says. An export without a function `run` is the file's own business; one with it must be a whole module.
 */
export async function loadModules(file: string): Promise<LoadedFile> {
  try {
    if (needsHooks(file)) {
      register(pathToFileURL(childEntryPath()));
    }
    const exported: Readonly<Record<string, unknown>> = await import(pathToFileURL(file).href);
    return modulesAmong(new Set(Object.values(exported)));
  } catch (thrown) {
    return { kind: 'fault', message: `does not load: ${messageOfLoad(thrown, file)}` };
  }
}

// The hooks cost a thread, so that a file for which Node needs none goes without.
function needsHooks(file: string): boolean {
  const needsStripping = TYPESCRIPT_EXTENSIONS.includes(extname(file)) && !stripsTypes();
  return needsStripping || !LENT_PACKAGES.every((name) => isInstalledFor(file, name));
}

function isInstalledFor(file: string, name: string): boolean {
  try {
    createRequire(file).resolve(`${name}/package.json`);
    return true;
  } catch {
    return false;
  }
}

function modulesAmong(values: ReadonlySet<unknown>): LoadedFile {
  const modules: TaskModule[] = [];
  for (const value of values) {
    if (!hasRun(value)) {
      continue;
    }
    if (!isWholeModule(value)) {
      return { kind: 'fault', message: messageOfPartialModule(value) };
    }
    modules.push(value);
  }
  const ids = modules.map((module) => module.id);
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  return twice === undefined
    ? { kind: 'loaded', modules }
    : { kind: 'fault', message: `expected one module ${JSON.stringify(twice)}, got several in this file` };
}

type Candidate = {
  readonly run: unknown;
  readonly id?: unknown;
  readonly description?: unknown;
  readonly options?: unknown;
};

const ID = /^[A-Za-z][\w.-]{0,99}$/;

function hasRun(value: unknown): value is Candidate {
  return typeof value === 'object' && value !== null && 'run' in value && typeof value.run === 'function';
}

function isWholeModule(value: Candidate): value is TaskModule {
  return isId(value.id) && typeof value.description === 'string' && isSchema(value.options);
}

function messageOfPartialModule({ id, description, options }: Candidate): string {
  if (!isId(id)) {
    return `expected an id of letters, digits, "_", "." and "-", got ${shown(id)}`;
  }
  if (typeof description !== 'string') {
    return `module ${JSON.stringify(id)}: expected a description, got ${shown(description)}`;
  }
  return `module ${JSON.stringify(id)}: expected a zod 4 schema as options, got ${isSchema(options) ? '' : `a ${typeof options}`}`;
}

function isId(id: unknown): id is string {
  return typeof id === 'string' && ID.test(id);
}

function isSchema(options: unknown): boolean {
  return options === undefined || (typeof options === 'object' && options !== null && '_zod' in options);
}

function messageOfLoad(thrown: unknown, file: string): string {
  if (!(thrown instanceof Error)) {
    return messageOfThrown(thrown);
  }
  const line = thrown instanceof SyntaxError ? lineOf(thrown, file) : undefined;
  const message = `${thrown.name}: ${messageOfThrown(thrown)}`;
  return line === undefined ? message : `${message} (line ${line})`;
}

// Node keeps the place of a syntax error to itself and tells it only when it prints the error.
function lineOf(error: SyntaxError, file: string): string | undefined {
  const { stderr } = spawnSync(process.execPath, ['--check', file], { encoding: 'utf8' });
  return stderr.includes(error.message) ? /^\S.*:(\d+)\n/.exec(stderr)?.[1] : undefined;
}
