import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../../src/store/package-root.ts';

const IMPORT = /^(?:import|export) (?:.*? from )?"([^"]+)";$/gm;
const PACKAGE_ON_DEMAND = /(?:\bimport|\bcreateRequire\(import\.meta\.url\))\("(?!node:|\.)([^"]+)"\)/g;
const SOURCE = /^\/\/(?:#region)? ((?:src|node_modules)\/.+)$/gm;

type Loaded = {
  readonly sources: readonly string[];
  readonly packages: readonly string[];
  /** Packages that these sources load themselves once they need them. */
  readonly packagesOnDemand: readonly string[];
};

/** What is loaded as soon as a file of the bundle is: sources of this project, and packages. */
function loadedWith(file: string): Loaded {
  const files = new Set([join(packageRoot(), 'dist', file)]);
  const sources: string[] = [];
  const packages = new Set<string>();
  const packagesOnDemand = new Set<string>();
  for (const path of files) {
    const code = readFileSync(path, 'utf8');
    sources.push(...[...code.matchAll(SOURCE)].map(([, source]) => String(source)));
    for (const [, name] of code.matchAll(PACKAGE_ON_DEMAND)) {
      packagesOnDemand.add(String(name));
    }
    for (const [, imported] of code.matchAll(IMPORT)) {
      if (imported?.startsWith('.') === true) {
        files.add(join(dirname(path), imported));
      } else if (imported?.startsWith('node:') === false) {
        packages.add(imported);
      }
    }
  }
  return { sources, packages: [...packages], packagesOnDemand: [...packagesOnDemand] };
}

test('a tick with nothing due loads one package, the driver of its database, when it opens that', () => {
  const { sources, packages, packagesOnDemand } = loadedWith('main.js');
  expect(sources).toContain('src/cli/main.ts');
  expect(sources).toContain('src/runner/tick.ts');
  expect(packages).toEqual([]);
  expect(packagesOnDemand).toEqual(['better-sqlite3']);
});

test('a tick with nothing due loads nothing of what only a due task, a file or another command needs', () => {
  const { sources } = loadedWith('main.js');
  const unneeded =
    /node_modules|src\/(config\/schema|cli\/(program|event-log-)|core\/(zone|due|task-schema|schedule\/)|store\/(knex|migrate|definitions|prune|finish|claim)|modules\/|runner\/(pass|replay|recovery|preview|run-task|handle-state))/;
  expect(sources.filter((source) => unneeded.test(source))).toEqual([]);
});

test('a tick that is to log loads the package for that with its first line', () => {
  const chunk = readdirSync(join(packageRoot(), 'dist', 'chunks')).find((name) =>
    name.startsWith('event-log-file-'),
  );
  const { packages, packagesOnDemand, sources } = loadedWith(join('chunks', String(chunk)));
  expect(packages).toEqual([]);
  expect(packagesOnDemand).toContain('pino');
  expect(sources.filter((source) => source.startsWith('src/runner/pass'))).toEqual([]);
});
