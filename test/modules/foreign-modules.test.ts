import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Description } from '../../src/modules/description.ts';
import { createDescriptionCache } from '../../src/modules/description-cache.ts';
import { createForeignLookup, type ForeignLookup } from '../../src/modules/foreign-modules.ts';
import { at } from '../support/builders.ts';

type World = {
  /** Adds a file of which the inspector says this. */
  readonly add: (name: string, description: Description) => void;
  /** The lookup of a call of the program at this time. */
  readonly lookupAt: (time: string) => ForeignLookup;
  /** The files that were described since this was last called. */
  readonly asked: () => readonly string[];
  readonly file: (name: string) => string;
};

function openWorld(): World {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'foreign-')));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const folder = join(root, 'modules');
  mkdirSync(folder);
  const descriptions = new Map<string, Description>();
  const asked: string[] = [];
  const describe = (file: string): Promise<Description> => {
    asked.push(basename(file));
    return Promise.resolve(descriptions.get(file) ?? { kind: 'fault', message: 'not in this world' });
  };
  return {
    add: (name, description) => {
      writeFileSync(join(folder, name), `// ${name}`);
      descriptions.set(join(folder, name), description);
    },
    lookupAt: (time) =>
      createForeignLookup(
        {
          sources: { folders: [folder], packages: [] },
          packageBases: [],
          inspector: { describe, check: () => Promise.resolve([]) },
          cache: createDescriptionCache(join(root, 'state'), () => at(time)),
        },
        [],
      ),
    asked: () => asked.splice(0),
    file: (name) => join(folder, name),
  };
}

const HANGS: Description = { kind: 'fault', message: 'expected to load within 10s, but it did not' };

function holding(...ids: readonly string[]): Description {
  return { kind: 'described', modules: ids.map((id) => ({ id, description: '', options: [] })) };
}

test('a file that does not load is described once in ten minutes', async () => {
  const world = openWorld();
  world.add('loop.js', HANGS);
  const fault = { file: world.file('loop.js'), message: 'expected to load within 10s, but it did not' };
  expect((await world.lookupAt('12:00').all()).faults).toEqual([fault]);
  expect(world.asked()).toEqual(['loop.js']);
  expect((await world.lookupAt('12:09').all()).faults).toEqual([fault]);
  expect((await world.lookupAt('12:09').among('mine')).faults).toEqual([fault]);
  expect(world.asked()).toEqual([]);
  world.add('loop.js', holding('mine'));
  expect((await world.lookupAt('12:10').all()).modules).toMatchObject([{ id: 'mine' }]);
  expect(world.asked()).toEqual(['loop.js']);
});

test('an id of a known file is found without describing files that are not known', async () => {
  const world = openWorld();
  world.add('disk.js', holding('disk_space'));
  await world.lookupAt('12:00').all();
  world.add('loop.js', HANGS);
  world.asked();
  expect((await world.lookupAt('12:01').among('disk_space')).modules).toMatchObject([{ id: 'disk_space' }]);
  expect(world.asked()).toEqual([]);
  expect((await world.lookupAt('12:01').among('other')).modules).toMatchObject([{ id: 'disk_space' }]);
  expect(world.asked()).toEqual(['loop.js']);
});

test('a second file of an id is a fault once it is described', async () => {
  const world = openWorld();
  world.add('a.js', holding('twin'));
  await world.lookupAt('12:00').all();
  world.add('b.js', holding('twin'));
  const lookup = world.lookupAt('12:01');
  expect(await lookup.among('twin')).toEqual({
    modules: [expect.not.objectContaining({ fault: expect.anything() })],
    faults: [],
  });
  await lookup.all();
  const fault = `expected one module "twin", got 2: ${world.file('a.js')}, ${world.file('b.js')}`;
  expect((await lookup.among('twin')).modules).toMatchObject([{ fault }, { fault }]);
  expect((await world.lookupAt('12:02').among('twin')).modules).toMatchObject([{ fault }, { fault }]);
});

test('at most four files are described at once, and they stay in order', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'foreign-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  for (const name of names) {
    writeFileSync(join(folder, `${name}.js`), `// ${name}`);
  }
  const waiting: (() => void)[] = [];
  const started: string[] = [];
  const describe = (file: string): Promise<Description> => {
    const name = basename(file, '.js');
    started.push(name);
    return new Promise((resolve) => waiting.push(() => resolve(holding(name))));
  };
  const forget = () => Promise.resolve(undefined);
  const lookup = createForeignLookup(
    {
      sources: { folders: [folder], packages: [] },
      packageBases: [],
      inspector: { describe, check: () => Promise.resolve([]) },
      cache: { find: forget, keep: forget, knowsValid: () => Promise.resolve(false), keepValid: forget },
    },
    [],
  );
  const all = lookup.all();
  await expect.poll(() => started).toEqual(['a', 'b', 'c', 'd']);
  waiting[3]?.();
  await expect.poll(() => started).toEqual(['a', 'b', 'c', 'd', 'e']);
  waiting[4]?.();
  await expect.poll(() => started).toEqual(names);
  for (const finish of waiting) {
    finish();
  }
  expect((await all).modules.map((module) => module.id)).toEqual(names);
});
