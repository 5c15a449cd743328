import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../../src/store/package-root.ts';

type File = { readonly path: string; readonly text: string };

function filesIn(folder: string, pattern: RegExp): readonly File[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => pattern.test(path))
    .map((path) => ({ path, text: readFileSync(join(folder, path), 'utf8') }));
}

const sources = filesIn(join(packageRoot(), 'src'), /\.ts$/);
const points = sources.flatMap(({ text }) =>
  [...text.matchAll(/\bfailpoint\('(.+?)'\)/g)].map((match) => match[1]),
);

test('a failpoint has a name of its own', () => {
  expect(points.length).toBeGreaterThan(0);
  expect(points).toEqual([...new Set(points)]);
});

test('the runner is killed at every failpoint', () => {
  const suites = filesIn(join(packageRoot(), 'test', 'processes'), /^crash-.*\.test\.ts$/);
  const text = suites.map((suite) => suite.text).join('\n');
  expect(points.filter((point) => !text.includes(`'${point}'`))).toEqual([]);
});

test('the program that is shipped holds no failpoint', () => {
  const shipped = filesIn(join(packageRoot(), 'dist'), /\.[jt]s$/);
  expect(shipped.map(({ path }) => path)).toContain('main.js');
  const traces = shipped.filter(
    ({ path, text }) =>
      text.includes('PERIODIC_CRON_FAILPOINT') ||
      points.some((point) => new RegExp(`['"]${point}['"]`).test(text)) ||
      (path.endsWith('.js') && /failpoint/i.test(text)),
  );
  expect(traces.map(({ path }) => path)).toEqual([]);
});
