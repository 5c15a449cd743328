import { messageOf } from '../core/errors.ts';
import { readRegularFile } from './regular-file.ts';

export type ResolvedReference =
  | { readonly kind: 'secret'; readonly text: string }
  | { readonly kind: 'fault'; readonly message: string };

export type Environment = Readonly<Record<string, string | undefined>>;

/** What is wrong with what stands in the place of a secret; undefined for `env:NAME` and `file:/absolute/path`. */
export function faultOfReference(value: unknown): string | undefined {
  return readReference(value) === undefined ? NO_REFERENCE : undefined;
}

/** The text that a reference stands for: the variable, or the content of the file without its last line break. */
export async function resolveReference(value: unknown, env: Environment): Promise<ResolvedReference> {
  const reference = readReference(value);
  if (reference === undefined) {
    return { kind: 'fault', message: NO_REFERENCE };
  }
  if (reference.kind === 'env') {
    const text = env[reference.name];
    return text === undefined
      ? { kind: 'fault', message: `expected the variable ${reference.name} in the environment, got none` }
      : { kind: 'secret', text };
  }
  return await readSecret(reference.path);
}

/** More is no secret of anybody, and would only fill the memory. */
const MAX_SECRET_BYTES = 1024 * 1024;

async function readSecret(path: string): Promise<ResolvedReference> {
  try {
    const read = await readRegularFile(path, MAX_SECRET_BYTES);
    return read.kind === 'text'
      ? { kind: 'secret', text: read.text.replace(/\r?\n$/, '') }
      : {
          kind: 'fault',
          message: `expected a file of at most ${MAX_SECRET_BYTES} bytes at ${path}, got ${read.found}`,
        };
  } catch (thrown) {
    return { kind: 'fault', message: `expected a readable file at ${path}, got ${messageOf(thrown)}` };
  }
}

const NO_REFERENCE = 'expected a reference such as env:NAME or file:/path, got another value';
const REFERENCE = /^(?:env:([A-Za-z_]\w*)|file:(\/[^\0]+))$/;

type Reference =
  | { readonly kind: 'env'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string };

function readReference(value: unknown): Reference | undefined {
  const [, name, path] = (typeof value === 'string' && REFERENCE.exec(value)) || [];
  if (name !== undefined) {
    return { kind: 'env', name };
  }
  return path === undefined ? undefined : { kind: 'file', path };
}
