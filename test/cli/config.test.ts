import { expect, test } from 'vitest';
import { parseDocument } from 'yaml';
import { main } from '../../src/cli/main.ts';
import { configFileSchema } from '../../src/config/schema.ts';
import { loadConfig } from '../../src/config/sources.ts';
import { fakeIo } from './fake-io.ts';

const FILE = '/etc/periodic-cron/config.yaml';

async function sample(): Promise<string> {
  const io = fakeIo();
  expect(await main(['config', 'sample'], io)).toBe(0);
  return io.printed.out;
}

function loadFrom(text?: string) {
  return loadConfig({
    flags: {},
    env: { HOME: '/home/ann' },
    cwd: '/srv',
    uid: 1000,
    hostName: 'alpha',
    readFile: (path) => {
      if (path !== FILE || text === undefined) {
        throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
      }
      return text;
    },
  });
}

test('the sample as it stands changes nothing', async () => {
  expect(await loadFrom(await sample())).toEqual({ ...(await loadFrom()), file: FILE });
});

test('the sample with its examples switched on is valid and has every key', async () => {
  const text = (await sample()).replaceAll(/^#(?=\w)/gm, '');
  expect(Object.keys(parseDocument(text).toJS())).toEqual(Object.keys(configFileSchema.shape));
  expect(await loadFrom(text)).toMatchObject({
    database: { engine: 'postgres', user: 'cron', origin: FILE },
    node: 'alpha',
    nodeOrigin: FILE,
    tickEverySeconds: 300,
    maxRunning: 4,
  });
});

test('every key of the sample is explained, in lines that fit a terminal', async () => {
  const [head, ...entries] = (await sample()).trimEnd().split('\n\n');
  expect(head).toBe('# Configuration of periodic-cron. Durations are such as 90s, 15m, 1h30m or 2d.');
  for (const entry of entries) {
    expect(entry).toMatch(/^(# .{1,108}\n)+#?\w+: .+$/);
  }
  expect(entries).toHaveLength(Object.keys(configFileSchema.shape).length);
  expect(entries).toContain(
    '# How many runs may be alive at once on this node, over all its ticks (1 to 1000).\nmax_running: 4',
  );
});
