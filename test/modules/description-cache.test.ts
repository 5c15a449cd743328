import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Description } from '../../src/modules/description.ts';
import { createDescriptionCache } from '../../src/modules/description-cache.ts';
import { at } from '../support/builders.ts';

const FAULT: Description = { kind: 'fault', message: 'does not load' };
const GOOD: Description = {
  kind: 'described',
  modules: [{ id: 'mine', description: 'Mine.', options: [] }],
};

function stateFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'descriptions-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

test.each([
  ['12:00:00', FAULT],
  ['12:09:59', FAULT],
  ['12:10:00', undefined],
  ['11:59:59', undefined],
])('a fault that was kept at 12:00:00 is found at %s as %j', async (time, found) => {
  const state = stateFolder();
  await createDescriptionCache(state, () => at('12:00:00')).keep('hash', FAULT);
  expect(await createDescriptionCache(state, () => at(time)).find('hash')).toEqual(found);
});

test('good news does not age', async () => {
  const state = stateFolder();
  await createDescriptionCache(state, () => at('12:00:00')).keep('hash', GOOD);
  expect(await createDescriptionCache(state, () => at('23:00:00')).find('hash')).toEqual(GOOD);
});

test('good news takes the place of a fault', async () => {
  const cache = createDescriptionCache(stateFolder(), () => at('12:00:00'));
  await cache.keep('hash', FAULT);
  await cache.keep('hash', GOOD);
  expect(await cache.find('hash')).toEqual(GOOD);
});

test('without a clock no fault is kept and none is found', async () => {
  const state = stateFolder();
  const [timeless, timed] = [
    createDescriptionCache(state),
    createDescriptionCache(state, () => at('12:00:00')),
  ];
  await timeless.keep('hash', FAULT);
  expect(await timed.find('hash')).toBeUndefined();
  await timed.keep('hash', FAULT);
  expect(await timeless.find('hash')).toBeUndefined();
});
