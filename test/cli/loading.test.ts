import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../../src/store/package-root.ts';

const IMPORT = /^(?:import|export) (?:.*? from )?"([^"]+)";$/gm;
const SOURCE = /^\/\/(?:#region)? ((?:src|node_modules)\/.+)$/gm;

type Loaded = { readonly sources: readonly string[]; readonly packages: readonly string[] };

/** What is loaded as soon as a file of the bundle is: sources of this project, and packages. */
function loadedWith(file: string): Loaded {
  const files = new Set([join(packageRoot(), 'dist', file)]);
  const sources: string[] = [];
  const packages = new Set<string>();
  for (const path of files) {
    const code = readFileSync(path, 'utf8');
    sources.push(...[...code.matchAll(SOURCE)].map(([, source]) => String(source)));
    for (const [, imported] of code.matchAll(IMPORT)) {
      if (imported?.startsWith('.') === true) {
        files.add(join(dirname(path), imported));
      } else if (imported?.startsWith('node:') === false) {
        packages.add(imported);
      }
    }
  }
  return { sources, packages: [...packages] };
}

test('a tick with nothing due loads one package, the driver of its database', () => {
  const { sources, packages } = loadedWith('main.js');
  expect(sources).toContain('src/cli/main.ts');
  expect(sources).toContain('src/runner/tick.ts');
  expect(packages).toEqual(['better-sqlite3']);
});

test('a tick with nothing due loads nothing of what only a due task, a file or another command needs', () => {
  const { sources } = loadedWith('main.js');
  const unneeded =
    /node_modules|src\/(config\/schema|cli\/program|core\/(zone|due|task-schema|schedule\/)|store\/(knex|migrate|definitions|prune|finish|claim)|modules\/|runner\/(pass|replay|recovery|preview|run-task|handle-state))/;
  expect(sources.filter((source) => unneeded.test(source))).toEqual([]);
});
