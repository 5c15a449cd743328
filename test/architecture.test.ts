import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { describe, expect, test } from 'vitest';

/** The folders of `src`, in the order in which they may import each other. */
const FOLDERS = ['core', 'config', 'store', 'modules', 'execute', 'runner', 'cli'];
/** The public library: what it shows of the folders is its own affair. */
const LIBRARY = 'index.ts';

const CLOCK_FILES = /^(runner\/clock\.ts|cli\/|execute\/child-entry\.ts$)/;

type Source = { readonly path: string; readonly text: string };

/** What breaks the rules of the folders in one file, each in words; the path counts from `src`. */
function violationsOf({ path, text }: Source): readonly string[] {
  const code = withoutComments(text);
  return [...violationsOfImports(path, importsOf(code)), ...violationsOfPurity(path, code)].map(
    (violation) => `${path}: ${violation}`,
  );
}

function importsOf(code: string): readonly string[] {
  const statement = /\b(?:import|export)\b[^'";]*?\bfrom\s*['"]([^'"]+)['"]/g;
  const call = /\bimport\s*\(\s*['"`]([^'"`]+)['"`]\s*\)/g;
  const bare = /\bimport\s+['"]([^'"]+)['"]/g;
  return [statement, call, bare].flatMap((pattern) =>
    [...code.matchAll(pattern)].map((match) => match[1] ?? ''),
  );
}

function violationsOfImports(path: string, imports: readonly string[]): readonly string[] {
  const folder = folderOf(path);
  return imports.flatMap((imported) => {
    if (!imported.startsWith('.')) {
      return violationsOfPackage(folder, imported);
    }
    const target = posix.normalize(posix.join(dirname(path), imported));
    if (path === LIBRARY || FOLDERS.indexOf(folderOf(target)) <= FOLDERS.indexOf(folder)) {
      return FOLDERS.includes(folderOf(target)) ? [] : [`imports ${target}, which is in no known folder`];
    }
    return [`imports ${target}, against the direction ${FOLDERS.join(' <- ')}`];
  });
}

function violationsOfPackage(folder: string, imported: string): readonly string[] {
  if (/^(knex|better-sqlite3)(\/|$)/.test(imported) && folder !== 'store') {
    return [`imports ${imported}, which is the business of store`];
  }
  return folder === 'core' && imported.startsWith('node:') ? [`imports ${imported}, but core is pure`] : [];
}

function violationsOfPurity(path: string, code: string): readonly string[] {
  const clock = /\bDate\.now\b|\bnew Date\(\s*\)|\bDate\(\s*\)/.test(code);
  const impure = /\bprocess\.|\bMath\.random\b|\bperformance\.|\bset(Timeout|Interval|Immediate)\b/.exec(
    code,
  );
  return [
    ...(clock && !CLOCK_FILES.test(path) ? ['reads the clock'] : []),
    ...(folderOf(path) === 'core' && impure !== null ? [`uses ${impure[0]}, but core is pure`] : []),
  ];
}

function folderOf(path: string): string {
  return path.split('/')[0] ?? '';
}

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(^|\s)\/\/.*$/gm, '');
}

function sources(): readonly Source[] {
  const root = join(import.meta.dirname, '..', 'src');
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
}

test('every file of src keeps the direction of the folders and the purity of core', () => {
  const files = sources();
  expect(files.map(({ path }) => path)).toEqual(
    expect.arrayContaining([
      'core/due.ts',
      'store/sqlite.ts',
      'runner/tick.ts',
      'cli/commands/run-scheduled.ts',
    ]),
  );
  expect(files.flatMap(violationsOf)).toEqual([]);
});

test('every folder of src has its place in the direction', () => {
  const folders = new Set(sources().map(({ path }) => folderOf(path)));
  expect([...folders].filter((folder) => folder !== LIBRARY && !FOLDERS.includes(folder))).toEqual([]);
});

describe('the check itself', () => {
  test.each([
    ['an import against the direction', 'core/a.ts', "import { b } from '../store/b.ts';"],
    ['a type import against the direction', 'store/a.ts', "import type { B } from '../runner/b.ts';"],
    ['an import over several lines', 'config/a.ts', "import {\n  one,\n  two,\n} from '../cli/b.ts';"],
    ['an export against the direction', 'modules/a.ts', "export { b } from '../execute/b.ts';"],
    ['an export of everything', 'modules/a.ts', "export * from '../execute/b.ts';"],
    ['a deferred import against the direction', 'runner/a.ts', "const { b } = await import('../cli/b.ts');"],
    ['an import for its effects', 'core/a.ts', "import '../config/b.ts';"],
    ['a detour through its own folder', 'core/schedule/a.ts', "import { b } from '../../store/b.ts';"],
    ['an import from outside', 'core/a.ts', "import { b } from '../web/b.ts';"],
    ['a driver outside the store', 'runner/a.ts', "import Database from 'better-sqlite3';"],
    ['a deferred query builder outside the store', 'cli/a.ts', "await import('knex');"],
    ['a built-in module in core', 'core/a.ts', "import { join } from 'node:path';"],
    ['a clock in core', 'core/a.ts', 'const now = Date.now();'],
    ['a clock handed on', 'store/a.ts', 'const clock = Date.now;'],
    ['a date of now in the store', 'store/a.ts', 'const now = new Date();'],
    ['the environment in core', 'core/a.ts', "const zone = process.env['TZ'];"],
    ['chance in core', 'core/a.ts', 'const dice = Math.random();'],
    ['a timer in core', 'core/a.ts', 'setTimeout(go, 10);'],
  ])('finds %s', (_title, path, text) => {
    expect(violationsOf({ path, text })).toHaveLength(1);
  });

  test.each([
    ['an import with the direction', 'cli/commands/a.ts', "import { b } from '../../core/schedule/b.ts';"],
    ['an import within a folder', 'core/schedule/a.ts', "import { b } from '../b.ts';"],
    ['a date of a given instant', 'core/a.ts', 'const text = new Date(instant).toISOString();'],
    ['the clock in its place', 'runner/clock.ts', 'const now = Date.now();'],
    ['the driver in the store', 'store/a.ts', "import Database from 'better-sqlite3';"],
    ['what a comment says', 'core/a.ts', "// import { b } from '../cli/b.ts'; Date.now()\n/* process.env */"],
    ['what the library shows', 'index.ts', "export { b } from './modules/b.ts';"],
  ])('lets %s be', (_title, path, text) => {
    expect(violationsOf({ path, text })).toEqual([]);
  });
});
