import { build } from 'esbuild';
import { expect, test } from 'vitest';

/** The modules that are loaded as soon as `entry` is, by the paths and names under which they are imported. */
async function loadedWith(entry: string): Promise<string[]> {
  const { metafile } = await build({
    entryPoints: [entry],
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    external: ['*/run-scheduled.ts'],
    metafile: true,
    write: false,
    outdir: 'unwritten',
  });
  const loaded = new Set([entry]);
  for (const path of loaded) {
    const imports = metafile.inputs[path]?.imports ?? [];
    for (const { path: imported } of imports.filter(({ kind }) => kind === 'import-statement')) {
      loaded.add(imported);
    }
  }
  return [...loaded];
}

test('the way to a tick loads no package, and neither the schema nor the program', async () => {
  const loaded = await loadedWith('src/cli/main.ts');
  expect(loaded).toContain('src/config/sources.ts');
  expect(loaded.filter((path) => !path.startsWith('src/') && !path.startsWith('node:'))).toEqual([]);
  expect(loaded).not.toContain('src/config/schema.ts');
  expect(loaded).not.toContain('src/cli/program.ts');
});

test('an idle tick loads one package, the driver of its database, and nothing that only a due task needs', async () => {
  const loaded = await loadedWith('src/cli/commands/run-scheduled.ts');
  expect(loaded).toContain('src/runner/tick.ts');
  const packages = loaded.filter((path) => !path.startsWith('src/') && !path.startsWith('node:'));
  expect(packages).toEqual(['better-sqlite3']);
  const unneeded =
    /^src\/(core\/(zone|due|task-schema|schedule\/)|store\/(knex|migrate|definitions|prune|finish|claim)|modules\/|runner\/(pass|replay|recovery|preview|run-task|handle-state))/;
  expect(loaded.filter((path) => unneeded.test(path))).toEqual([]);
});
