import { readFile } from 'node:fs/promises';
import { messageOf } from '../core/errors.ts';

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
  try {
    return { kind: 'secret', text: (await readFile(reference.path, 'utf8')).replace(/\r?\n$/, '') };
  } catch (thrown) {
    return {
      kind: 'fault',
      message: `expected a readable file at ${reference.path}, got ${messageOf(thrown)}`,
    };
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
