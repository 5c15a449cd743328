import { describe, expect, test } from 'vitest';
import { parseRunScheduled } from '../../src/cli/arguments.ts';
import { countValue, durationValue, instantValue } from '../../src/cli/values.ts';
import { UsageError } from '../../src/core/errors.ts';

const NO_FLAGS = {
  cron: false,
  dryRun: false,
  at: undefined,
  parallel: 1,
  failFast: false,
  limitSeconds: undefined,
  splaySeconds: undefined,
  takeover: false,
  node: undefined,
};
const NO_GLOBALS = { config: undefined, database: undefined, json: false, color: true, verbose: false };

function parse(line: string) {
  return parseRunScheduled(line.split(' '));
}

describe('the command line of run_scheduled', () => {
  test('alone has every default', () => {
    expect(parse('run_scheduled')).toEqual({ flags: NO_FLAGS, globals: NO_GLOBALS });
  });

  test.each([
    ['run_scheduled -c', { cron: true }],
    ['run_scheduled --cron', { cron: true }],
    ['run_scheduled -d', { dryRun: true }],
    ['run_scheduled -cd', { cron: true, dryRun: true }],
    ['run_scheduled -cdn alpha', { cron: true, dryRun: true, node: 'alpha' }],
    ['run_scheduled -dnalpha', { dryRun: true, node: 'alpha' }],
    ['run_scheduled --node alpha', { node: 'alpha' }],
    ['run_scheduled --node=-alpha', { node: '-alpha' }],
    ['run_scheduled --node a --node b', { node: 'b' }],
    ['run_scheduled --parallel 4', { parallel: 4 }],
    ['run_scheduled --fail-fast', { failFast: true }],
    ['run_scheduled -c --takeover', { cron: true, takeover: true }],
    ['run_scheduled --limit 10m --splay=1m30s', { limitSeconds: 600, splaySeconds: 90 }],
    ['run_scheduled -d --at 2026-11-21T00:55Z', { dryRun: true, at: Date.UTC(2026, 10, 21, 0, 55) }],
    ['run_scheduled -c --', undefined],
  ])('%s', (line, flags) => {
    if (flags === undefined) {
      expect(() => parse(line)).toThrow('run_scheduled: expected flags only, got "--"');
    } else {
      expect(parse(line)).toEqual({ flags: { ...NO_FLAGS, ...flags }, globals: NO_GLOBALS });
    }
  });

  test('takes the flags of every command before and after its name', () => {
    expect(parse('--config /c.yaml --database=sqlite:x -v run_scheduled -c --json --no-color')).toEqual({
      flags: { ...NO_FLAGS, cron: true },
      globals: { config: '/c.yaml', database: 'sqlite:x', json: true, color: false, verbose: true },
    });
    expect(parse('run_scheduled --config /c.yaml -vc')).toEqual({
      flags: { ...NO_FLAGS, cron: true },
      globals: { ...NO_GLOBALS, config: '/c.yaml', verbose: true },
    });
  });

  test.each([
    '',
    'list',
    'list run_scheduled',
    'help run_scheduled',
    '--config run_scheduled',
    '--help run_scheduled',
    'run_scheduled --help',
    'run_scheduled -h',
    'run_scheduled --version',
    '--jsn run_scheduled',
    '-n a run_scheduled',
  ])('is not "%s"', (line) => {
    expect(parse(line)).toBeUndefined();
  });

  test.each([
    ['run_scheduled --dryrn', "run_scheduled: unknown option '--dryrn' (did you mean --dryrun?)"],
    ['run_scheduled --dry-run', "run_scheduled: unknown option '--dry-run' (did you mean --dryrun?)"],
    ['run_scheduled --quite-else', "run_scheduled: unknown option '--quite-else'"],
    ['run_scheduled -x', "run_scheduled: unknown option '-x'"],
    ['run_scheduled -cx', "run_scheduled: unknown option '-x'"],
    ['run_scheduled -c=1', "run_scheduled: unknown option '-='"],
    ['run_scheduled backup', 'run_scheduled: expected flags only, got "backup"'],
    ['run_scheduled -', 'run_scheduled: expected flags only, got "-"'],
    ['run_scheduled --cron=yes', 'run_scheduled: --cron takes no value, got "yes"'],
    ['run_scheduled --node', 'run_scheduled: --node needs a value'],
    ['run_scheduled -n -c', 'run_scheduled: -n needs a value, got "-c" (-n=-c if that is meant)'],
    [
      'run_scheduled --at 2026-11-21T00:55Z',
      'run_scheduled: --at needs --dryrun: only a dry run decides for another instant',
    ],
    [
      'run_scheduled -d --at tomorrow',
      'run_scheduled: --at: expected an instant such as 2026-11-21T00:55Z or 2026-11-21T01:55+01:00, got "tomorrow"',
    ],
    [
      'run_scheduled --parallel 0',
      'run_scheduled: --parallel: expected a whole number from 1 to 1000, got "0"',
    ],
    [
      'run_scheduled --parallel abc',
      'run_scheduled: --parallel: expected a whole number from 1 to 1000, got "abc"',
    ],
    ['run_scheduled --limit=-5m', 'run_scheduled: --limit: expected a duration of at least 0s, got "-5m"'],
    [
      'run_scheduled --limit 5x',
      'run_scheduled: --limit: expected a duration such as 90s, 15m, 1h30m or 2d (units s, m, h, d, w, each once), got "5x" (at character 1)',
    ],
  ])('%s is refused', (line, message) => {
    expect(() => parse(line)).toThrow(new UsageError(message));
  });
});

describe('an instant on the command line', () => {
  test.each([
    ['2026-11-21T00:55Z', '2026-11-21T00:55:00.000Z'],
    ['2026-11-21 00:55:30Z', '2026-11-21T00:55:30.000Z'],
    ['2026-11-21T00:55:30.5z', '2026-11-21T00:55:30.500Z'],
    ['2026-11-21T01:55+01:00', '2026-11-21T00:55:00.000Z'],
    ['2026-11-20T19:25-0530', '2026-11-21T00:55:00.000Z'],
    ['2028-02-29T00:00Z', '2028-02-29T00:00:00.000Z'],
  ])('%s is %s', (text, expected) => {
    expect(new Date(instantValue('--at', text)).toISOString()).toBe(expected);
  });

  test.each([
    '',
    '2026-11-21',
    '2026-11-21T00:55',
    '2026-02-29T00:00Z',
    '2026-13-01T00:00Z',
    '2026-11-21T24:00Z',
    '2026-11-21T00:60Z',
    '1763686500',
  ])('"%s" is refused', (text) => {
    expect(() => instantValue('--at', text)).toThrow(
      `--at: expected an instant such as 2026-11-21T00:55Z or 2026-11-21T01:55+01:00, got "${text}"`,
    );
  });
});

test.each([
  ['90s', 0, 90],
  ['0', 0, 0],
  ['1d', 60, 86_400],
])('the duration %s of at least %i s is %i s', (text, min, seconds) => {
  expect(durationValue('--timeout', text, min)).toBe(seconds);
});

test('a duration below its minimum is refused', () => {
  expect(() => durationValue('--every', '30s', 60)).toThrow(
    '--every: expected a duration of at least 60s, got "30s"',
  );
});

test.each(['', '1.5', '1e1', ' ', '11', '-1', '99999999999999999999'])(
  'the count "%s" from 0 to 10 is refused',
  (text) => {
    expect(() => countValue('--retry-limit', text, { min: 0, max: 10 })).toThrow(
      `--retry-limit: expected a whole number from 0 to 10, got "${text}"`,
    );
  },
);
