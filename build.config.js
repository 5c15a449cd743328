import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { rolldown } from 'rolldown';

/**
 * `node build.config.js` builds what is shipped. With `--failpoints FOLDER` it builds the program for the tests that kill
 * it between two writes, into that folder.
 */
const { values: wanted } = parseArgs({ options: { failpoints: { type: 'string' } } });

/** @param {string} path */
const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/**
 * The files that a kind of call starts from. What they import statically, and no group before them, becomes one file,
 * because every file that is opened costs time: `tick` is all that a tick with nothing due loads, `due` what the first
 * due task adds, `command` what a command adds.
 *
 * @type {Array<{ name: string, entries: string[], files: Set<string> }>}
 */
const GROUPS = [
  { name: 'tick', entries: ['./src/cli/main.ts', './src/cli/commands/run-scheduled.ts'] },
  {
    name: 'due',
    entries: ['./src/runner/pass.ts', './src/modules/registry.ts', './src/modules/shipped/child-modules.ts'],
  },
  { name: 'command', entries: ['./src/execute/run-command.ts'] },
].map(({ name, entries }) => ({ name, entries: entries.map(here), files: new Set() }));

// cron starts the bundle every few minutes and pays for what it opens. What has native parts or dynamic imports of its
// own stays outside.
const bundle = await rolldown({
  input: {
    main: here('./src/cli/main.ts'),
    index: here('./src/index.ts'),
    child: here('./src/execute/child-entry.ts'),
    simplestats: here('./src/modules/shipped/simplestats.ts'),
    sql: here('./src/modules/shipped/sql.ts'),
  },
  platform: 'node',
  plugins: wanted.failpoints === undefined ? [withoutFailpoints()] : [],
  external: ['better-sqlite3', 'knex', 'mysql2', 'pg', 'pino', '@swc/wasm-typescript'],
  // The package's entry for Node is CommonJS, which a bundle of modules can only wrap; this one is the same as modules.
  resolve: { alias: { yaml: here('./node_modules/yaml/browser/dist/index.js') } },
});
await bundle.write({
  dir: wanted.failpoints ?? here('./dist'),
  cleanDir: true,
  format: 'esm',
  chunkFileNames: 'chunks/[name]-[hash].js',
  codeSplitting: {
    // A group takes along what its files import, so the one that is loaded first chooses first.
    groups: GROUPS.map((group, index) => ({
      debugName: group.name,
      name: (id, context) => (filesOf(group, context).has(id) ? group.name : null),
      priority: GROUPS.length - index,
    })),
  },
});

/**
 * @param {typeof GROUPS[number]} group
 * @param {{ getModuleInfo: (id: string) => { importedIds: readonly string[] } | null }} context
 */
function filesOf({ entries, files }, context) {
  const waiting = files.size === 0 ? [...entries] : [];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (!files.has(next)) {
      files.add(next);
      waiting.push(...(context.getModuleInfo(next)?.importedIds ?? []));
    }
  }
  return files;
}

/**
 * Takes the calls of failpoints out of the sources, so that nothing is left of them: a call whose function is empty would
 * go as well, but the function would stay.
 *
 * @returns {import('rolldown').Plugin}
 */
function withoutFailpoints() {
  return {
    name: 'without-failpoints',
    transform: {
      filter: { code: /\bfailpoint\('/ },
      handler: (code) => code.replaceAll(/^ *failpoint\('[^']*'\);$/gm, ''),
    },
  };
}
