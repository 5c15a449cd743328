import { readFile } from 'node:fs/promises';
import type { LoadHook, ResolveHook } from 'node:module';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The packages that a module may import although they are not installed beside it: this program lends its own. */
export const LENT_PACKAGES: readonly string[] = ['periodic-cron', 'zod'];

/** The files whose types are taken away when this version of Node does not do that itself. */
export const TYPESCRIPT_EXTENSIONS: readonly string[] = ['.ts', '.mts'];

/** True when Node itself runs TypeScript. */
export function stripsTypes(): boolean {
  return 'typescript' in process.features && Boolean(process.features.typescript);
}

/** A hook of Node's module loader: what is not found for the importing file is looked for as if this program asked. */
export const resolve: ResolveHook = async (specifier, context, nextResolve) => {
  try {
    return await nextResolve(specifier, context);
  } catch (error) {
    const isLent = LENT_PACKAGES.some((name) => specifier === name || specifier.startsWith(`${name}/`));
    if (!isLent) {
      throw error;
    }
    return nextResolve(specifier, { ...context, parentURL: import.meta.url });
  }
};

/** A hook of Node's module loader: TypeScript becomes JavaScript by blanking its types, so that lines stay the same. */
export const load: LoadHook = async (url, context, nextLoad) => {
  if (
    !url.startsWith('file:') ||
    stripsTypes() ||
    !TYPESCRIPT_EXTENSIONS.includes(extname(new URL(url).pathname))
  ) {
    return nextLoad(url, context);
  }
  const file = fileURLToPath(url);
  return { format: 'module', source: await stripTypes(file), shortCircuit: true };
};

async function stripTypes(file: string): Promise<string> {
  const { transformSync } = await import('@swc/wasm-typescript');
  const source = await readFile(file, 'utf8');
  try {
    return transformSync(source, { mode: 'strip-only', filename: file }).code;
  } catch (thrown) {
    throw new SyntaxError(messageOfTransform(thrown), { cause: thrown });
  }
}

// The transformation throws plain objects.
function messageOfTransform(thrown: unknown): string {
  if (typeof thrown !== 'object' || thrown === null || !('message' in thrown)) {
    return String(thrown);
  }
  return 'startLine' in thrown ? `${thrown.message} (line ${thrown.startLine})` : String(thrown.message);
}
