import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { createInspector } from '../../src/execute/inspector.ts';
import type { Inspector } from '../../src/modules/description.ts';
import { createDescriptionCache } from '../../src/modules/description-cache.ts';
import { createRegistry, type Registry, type RegistrySettings } from '../../src/modules/registry.ts';
import { defineShippedModule } from '../../src/modules/shipped-module.ts';
import { packageRoot } from '../../src/store/package-root.ts';

const inspector = createInspector({ limitMs: 20_000, node: 'node-a' });
const FIXTURES = join(packageRoot(), 'test', 'support', 'fixtures');
const worlds: string[] = [];

// Each of these starts processes of Node, which take their time on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

afterEach(() => {
  for (const world of worlds.splice(0)) {
    rmSync(world, { recursive: true });
  }
});

const shipped = {
  tidy: () =>
    Promise.resolve(
      defineShippedModule({
        id: 'tidy',
        description: 'Tidy up.',
        options: z.strictObject({ days: z.number().describe('How old') }),
        run: () => undefined,
      }),
    ),
};

type World = {
  readonly root: string;
  readonly modules: string;
  readonly state: string;
  readonly registry: Registry;
};

/** A folder of its own, outside of any package, with these files in its folder of modules. */
function worldWith(files: Readonly<Record<string, string>>, changes: Partial<RegistrySettings> = {}): World {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'registry-')));
  worlds.push(root);
  const [modules, state] = [join(root, 'modules'), join(root, 'state')];
  mkdirSync(modules);
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(modules, name), content);
  }
  return { root, modules, state, registry: registryOf(root, changes) };
}

function registryOf(root: string, changes: Partial<RegistrySettings> = {}): Registry {
  return createRegistry({
    sources: { folders: [join(root, 'modules')], packages: [] },
    packageBases: [root],
    inspector,
    cache: createDescriptionCache(join(root, 'state')),
    shipped,
    ...changes,
  });
}

function moduleText(id: string): string {
  return `export const m = { id: '${id}', description: 'The ${id}.', run: () => 1 };\n`;
}

const NEVER_ASKED: Inspector = {
  describe: () => Promise.resolve({ kind: 'fault', message: 'asked to describe' }),
  check: () => Promise.resolve([{ field: 'module', message: 'asked to check' }]),
};

test('shipped modules are found without looking for others', async () => {
  const { registry } = worldWith({}, { sources: { folders: ['/does/not/exist'], packages: [] } });
  expect(await registry.resolve('command')).toEqual({ kind: 'command', id: 'command' });
  expect(await registry.resolve('tidy')).toEqual({ kind: 'shipped', id: 'tidy', load: shipped.tidy });
});

test('a module of a folder is found by its id', async () => {
  const { registry, modules } = worldWith({
    'one.mjs': moduleText('first'),
    'two.cjs': 'exports.m = { id: "second", description: "", run() {} };',
  });
  expect(await registry.resolve('first')).toEqual({
    kind: 'foreign',
    id: 'first',
    file: join(modules, 'one.mjs'),
  });
  expect(await registry.resolve('second')).toEqual({
    kind: 'foreign',
    id: 'second',
    file: join(modules, 'two.cjs'),
  });
});

test('an unknown module is answered with the one that was probably meant', async () => {
  const { registry } = worldWith({ 'one.mjs': moduleText('rotate_logs') });
  expect(await registry.resolve('rotate_log')).toEqual({
    kind: 'fault',
    id: 'rotate_log',
    message:
      'expected a known module, got "rotate_log" (did you mean rotate_logs?); see "periodic-cron modules"',
  });
});

test('an unknown module is answered with the file of its name that could not be read', async () => {
  const { registry, modules } = worldWith({ 'my-own.mjs': 'export const a = ;\n' });
  expect(await registry.resolve('my_own')).toMatchObject({
    message: `expected a known module, got "my_own"; ${modules}/my-own.mjs: does not load: SyntaxError: Unexpected token ';' (line 1)`,
  });
  expect(await registry.resolve('mine')).toMatchObject({
    message: 'expected a known module, got "mine"; see "periodic-cron modules"',
  });
});

test('an id that two files define is a fault of both', async () => {
  const { registry, modules } = worldWith({
    'a.mjs': moduleText('twin'),
    'b.mjs': `${moduleText('twin')}//`,
  });
  const message = `expected one module "twin", got 2: ${modules}/a.mjs, ${modules}/b.mjs`;
  expect(await registry.resolve('twin')).toEqual({ kind: 'fault', id: 'twin', message });
  const { modules: entries } = await registry.list();
  expect(entries.filter((entry) => entry.id === 'twin').map((entry) => entry.fault)).toEqual([
    message,
    message,
  ]);
  expect(await registry.checkOptions('twin', {})).toEqual([{ field: 'module', message }]);
});

test('a shipped module cannot be defined again', async () => {
  const { registry, modules } = worldWith({ 'a.mjs': moduleText('command') });
  expect(await registry.resolve('command')).toEqual({ kind: 'command', id: 'command' });
  expect((await registry.list()).faults).toEqual([
    {
      file: `${modules}/a.mjs`,
      message: 'expected an id of its own, got "command", which is a shipped module\'s',
    },
  ]);
});

test.each([
  [
    'a syntax error',
    'a.mjs',
    '\nexport const = 1;',
    "does not load: SyntaxError: Unexpected token '=' (line 2)",
  ],
  ['a syntax error in TypeScript', 'a.ts', '\nconst x: = 1;', /^does not load: SyntaxError: .*\(line 2\)$/],
  [
    'TypeScript that is more than types',
    'a.ts',
    'enum A { B }',
    'does not load: SyntaxError: TypeScript enum is not supported in strip-only mode (line 1)',
  ],
  [
    'an error while it loads',
    'a.mjs',
    'throw new RangeError("no luck");',
    'does not load: RangeError: no luck',
  ],
  [
    'a missing package',
    'a.mjs',
    'import "not-there";',
    /^does not load: Error: Cannot find package 'not-there'/,
  ],
  ['the end of its process', 'a.mjs', 'process.exit(3);', 'loading it ended the process with exit status 3'],
  [
    'a crash',
    'a.mjs',
    'process.kill(process.pid, "SIGSEGV"); for (;;);',
    'loading it ended the process by SIGSEGV',
  ],
  [
    'waiting for ever',
    'a.mjs',
    'await new Promise(() => {});',
    'never settled: its promise waits for something that cannot come any more',
  ],
  ['no module', 'a.mjs', 'export const a = 1;', 'expected a task module among its exports, got none'],
  [
    'a module without an id',
    'a.mjs',
    'export const a = { run() {} };',
    'expected an id of letters, digits, "_", "." and "-", got nothing',
  ],
  [
    'a module without a description',
    'a.mjs',
    'export const a = { id: "a", run() {} };',
    'module "a": expected a description, got nothing',
  ],
  [
    'options that are no schema',
    'a.mjs',
    'export const a = { id: "a", description: "", options: { b: 1 }, run() {} };',
    'module "a": expected a zod 4 schema as options, got a object',
  ],
  [
    'two modules of one id',
    'a.mjs',
    `${moduleText('a')}export const n = { ...m };`,
    'expected one module "a", got several in this file',
  ],
])('a file with %s is a fault', async (_, name, content, message) => {
  const { registry, modules } = worldWith({ [name]: content });
  expect((await registry.list()).faults).toEqual([
    {
      file: join(modules, name),
      message: typeof message === 'string' ? message : expect.stringMatching(message),
    },
  ]);
});

test('a file that takes for ever to load is a fault', async () => {
  const slow = createInspector({ limitMs: 1_000, node: 'node-a' });
  const { registry } = worldWith({ 'a.mjs': 'for (;;);' }, { inspector: slow });
  expect((await registry.list()).faults).toMatchObject([
    { message: 'expected to load within 1s, but it did not' },
  ]);
});

test('a folder that is missing is a fault', async () => {
  const { registry } = worldWith({}, { sources: { folders: ['/does/not/exist'], packages: [] } });
  expect((await registry.list()).faults).toMatchObject([
    { file: '/does/not/exist', message: expect.stringContaining('ENOENT') },
  ]);
});

test('declarations, hidden files and other files are no modules', async () => {
  const { registry, modules } = worldWith({
    'a.d.ts': '',
    '.hidden.js': '',
    'notes.txt': '',
    'b.mjs': moduleText('b'),
  });
  mkdirSync(join(modules, 'folder.js'));
  const { modules: entries, faults } = await registry.list();
  expect(entries.map((entry) => entry.id)).toEqual(['command', 'tidy', 'b']);
  expect(faults).toEqual([]);
});

test('the same module exported twice counts once', async () => {
  const { registry } = worldWith({ 'a.mjs': `${moduleText('a')}export default m;` });
  expect((await registry.list()).modules.map((entry) => entry.id)).toEqual(['command', 'tidy', 'a']);
});

test('modules describe themselves, outside of any package too', async () => {
  const { registry, modules } = worldWith({});
  cpSync(join(FIXTURES, 'greeter.ts'), join(modules, 'greeter.ts'));
  const { modules: entries, faults } = await registry.list();
  expect(faults).toEqual([]);
  expect(entries.slice(1)).toEqual([
    {
      id: 'tidy',
      place: 'runner',
      description: 'Tidy up.',
      options: [{ name: 'days', type: 'number', description: 'How old', required: true, secret: false }],
    },
    {
      id: 'greeter',
      place: 'child',
      file: join(modules, 'greeter.ts'),
      description: 'Greet somebody, typed.',
      options: [
        { name: 'name', type: 'string', description: 'Whom to greet', required: true, secret: false },
        { name: 'times', type: 'integer', description: '', required: false, secret: false, default: 1 },
        { name: 'token', type: 'string', description: 'Never shown', required: false, secret: true },
        {
          name: 'tone',
          type: '"warm" | "cold"',
          description: '',
          required: false,
          secret: false,
          default: 'warm',
        },
      ],
    },
  ]);
});

test('options are checked by the module that takes them', async () => {
  const { registry, modules } = worldWith({});
  cpSync(join(FIXTURES, 'greeter.ts'), join(modules, 'greeter.ts'));
  expect(await registry.checkOptions('command', {})).toEqual([
    { field: 'options', message: 'expected command or argv, got neither' },
  ]);
  expect(await registry.checkOptions('tidy', { days: 'x' })).toEqual([
    { field: 'options.days', message: 'expected number, got "x"' },
  ]);
  expect(await registry.checkOptions('greeter', { name: 'Ada', times: 9 })).toEqual([
    { field: 'options.times', message: 'expected at most 3, got 9' },
  ]);
  expect(await registry.checkOptions('greeter', { name: 'Ada' })).toEqual([]);
});

test('a secret of a module is checked to be a reference, and what it refers to is not looked for', async () => {
  const { registry, modules } = worldWith({});
  cpSync(join(FIXTURES, 'greeter.ts'), join(modules, 'greeter.ts'));
  expect(await registry.checkOptions('greeter', { name: 'Ada', token: 'env:NOT_THERE' })).toEqual([]);
  expect(await registry.checkOptions('greeter', { name: 'Ada', token: 'hunter2' })).toEqual([
    {
      field: 'options.token',
      message: 'expected a reference such as env:NAME or file:/path, got another value',
    },
  ]);
});

test('a file is described once, and its valid options are checked once', async () => {
  const { registry, root, modules } = worldWith({ 'a.mjs': moduleText('a') });
  expect(await registry.checkOptions('a', {})).toEqual([]);
  const again = registryOf(root, { inspector: NEVER_ASKED });
  expect(await again.resolve('a')).toMatchObject({ kind: 'foreign' });
  expect(await again.checkOptions('a', {})).toEqual([]);
  expect(await again.checkOptions('a', { b: 1 })).toEqual([{ field: 'module', message: 'asked to check' }]);
  writeFileSync(join(modules, 'a.mjs'), `${moduleText('a')}// changed\n`);
  expect((await registryOf(root, { inspector: NEVER_ASKED }).list()).faults).toMatchObject([
    { message: 'asked to describe' },
  ]);
});

test('a cache that holds nonsense is not believed', async () => {
  const { registry, root, state } = worldWith({ 'a.mjs': moduleText('a') });
  await registry.list();
  const folder = join(state, 'cache', 'modules');
  for (const nonsense of ['', '[]', '{"format":1,"modules":[{"id":5}]}', '{"format":0,"modules":[]}']) {
    for (const name of readdirSync(folder)) {
      writeFileSync(join(folder, name), nonsense);
    }
    expect(await registryOf(root).resolve('a')).toMatchObject({ kind: 'foreign' });
  }
});

test('a registry that only reads keeps nothing, and knows what is kept', async () => {
  const { registry, root, state } = worldWith({ 'a.mjs': moduleText('a') });
  const reading = registry.readOnly();
  expect(await reading.checkOptions('a', {})).toEqual([]);
  expect(existsSync(state)).toBe(false);
  await registry.checkOptions('a', {});
  expect(await registryOf(root, { inspector: NEVER_ASKED }).readOnly().checkOptions('a', {})).toEqual([]);
});

test('a cache that cannot be written is no error', async () => {
  const { registry, state } = worldWith({ 'a.mjs': moduleText('a') });
  writeFileSync(state, 'a file where the folder should be');
  expect(await registry.resolve('a')).toMatchObject({ kind: 'foreign' });
});

test('modules come from packages that are installed beside the configuration', async () => {
  const { root } = worldWith({});
  const folder = join(root, 'node_modules', '@acme', 'tasks');
  mkdirSync(join(folder, 'lib'), { recursive: true });
  const manifest = { name: '@acme/tasks', type: 'module', exports: { '.': { import: './lib/main.js' } } };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  writeFileSync(join(folder, 'lib', 'main.js'), moduleText('packed'));
  const sources = { folders: [], packages: ['@acme/tasks', 'missing', '../escape'] };
  const registry = registryOf(root, { sources, packageBases: [join(root, 'etc'), root] });
  expect(await registry.resolve('packed')).toEqual({
    kind: 'foreign',
    id: 'packed',
    file: join(folder, 'lib', 'main.js'),
  });
  expect((await registry.list()).faults).toEqual([
    { file: 'missing', message: `the package is not installed; looked for it from ${root}/etc, ${root}` },
    { file: '../escape', message: 'expected the name of an npm package, got "../escape"' },
  ]);
});
