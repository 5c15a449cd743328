import { expect, test } from 'vitest';
import { messageOfUnknownModule } from '../../src/modules/unknown-module.ts';

const IDS = ['command', 'disk_space'];

test.each([
  ['mine', 'expected a known module, got "mine"; see "periodic-cron modules"'],
  [
    'disk_spac',
    'expected a known module, got "disk_spac" (did you mean disk_space?); see "periodic-cron modules"',
  ],
])('%s is unknown, whatever other files do not load', (id, message) => {
  const faults = [{ file: '/mods/other.js', message: 'does not load' }];
  expect(messageOfUnknownModule(id, { ids: IDS, faults })).toBe(message);
  expect(messageOfUnknownModule(id, { ids: IDS, faults: [] })).toBe(message);
});

test.each(['rotate_logs', 'rotate-logs'])('%s is told with the file of its name that does not load', (id) => {
  const faults = [
    { file: '/mods/rotate.js', message: 'does not load: no luck' },
    { file: '/mods/rotate-logs.ts', message: 'does not load: Error: two\n  lines' },
  ];
  expect(messageOfUnknownModule(id, { ids: IDS, faults })).toBe(
    `expected a known module, got "${id}"; /mods/rotate-logs.ts: does not load: Error: two lines`,
  );
});

test('a long error is cut', () => {
  const faults = [{ file: '/mods/mine.js', message: 'x'.repeat(500) }];
  expect(messageOfUnknownModule('mine', { ids: IDS, faults })).toBe(
    `expected a known module, got "mine"; /mods/mine.js: ${'x'.repeat(184)}…`,
  );
});
