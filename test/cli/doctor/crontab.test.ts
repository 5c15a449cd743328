import { describe, expect, test } from 'vitest';
import { type Crontab, findTickLines, type TickLine } from '../../../src/cli/doctor/crontab.ts';

function linesOf(text: string, changes: Partial<Crontab> = {}): readonly TickLine[] {
  return findTickLines({ source: '/etc/crontab', user: undefined, text, ...changes });
}

function lineOf(text: string): TickLine {
  const [line] = linesOf(`${text}\n`, { user: 'ann' });
  if (line === undefined) {
    throw new Error(`no call of run_scheduled was found in ${text}`);
  }
  return line;
}

describe('a crontab', () => {
  test('of the system names the user of each line', () => {
    const [line] = linesOf(
      '# m h dom mon dow user command\n*/5  *  * * *  ann  /opt/periodic-cron run_scheduled -c\n',
    );
    expect(line).toMatchObject({
      source: '/etc/crontab',
      lineNumber: 2,
      user: 'ann',
      schedule: '*/5 * * * *',
      program: '/opt/periodic-cron',
      interpreter: undefined,
      call: { flags: { cron: true } },
    });
  });

  test('of a user has no column for one', () => {
    const [line] = linesOf('@hourly periodic-cron run_scheduled\n', { user: 'ben' });
    expect(line).toMatchObject({ user: 'ben', schedule: '@hourly', program: 'periodic-cron' });
  });

  test('sets variables for the lines below', () => {
    const text = [
      'PATH = "/opt/node/bin:/bin"',
      '* * * * * periodic-cron run_scheduled -n one',
      "PERIODIC_CRON_NODE='two'",
      '* * * * * periodic-cron run_scheduled',
      '',
    ].join('\n');
    expect(linesOf(text, { user: 'ann' }).map(({ env }) => env)).toEqual([
      { PATH: '/opt/node/bin:/bin' },
      { PATH: '/opt/node/bin:/bin', PERIODIC_CRON_NODE: 'two' },
    ]);
  });

  test.each([
    ['a comment', '#* * * * * periodic-cron run_scheduled'],
    ['another program', '* * * * * /usr/bin/backup --all'],
    ['another command of the program', '* * * * * periodic-cron prune'],
    ['a dry run', '* * * * * periodic-cron run_scheduled -d'],
    ['a line with too few fields', '* * * periodic-cron run_scheduled'],
    ['what stands behind a percent sign', '* * * * * cat > /tmp/x %periodic-cron run_scheduled'],
  ])('does not tick by %s', (_what, text) => {
    expect(linesOf(`${text}\n`, { user: 'ann' })).toEqual([]);
  });
});

describe('a call of run_scheduled', () => {
  test('is found among what else the shell does in the line', () => {
    expect(
      lineOf('* * * * * cd /srv/jobs && TZ=UTC nice -n 5 periodic-cron run_scheduled -c >>log 2>&1'),
    ).toMatchObject({
      cwd: '/srv/jobs',
      env: { TZ: 'UTC' },
      program: 'periodic-cron',
      call: { flags: { cron: true, node: undefined } },
    });
  });

  test('carries the flags that decide where it looks', () => {
    const line = lineOf('* * * * * pc --config /etc/pc.yaml --database=sqlite:/x run_scheduled -n beta');
    expect(line).toMatchObject({
      program: 'pc',
      call: { globals: { config: '/etc/pc.yaml', database: 'sqlite:/x' }, flags: { node: 'beta' } },
    });
  });

  test('may name the interpreter', () => {
    expect(lineOf('* * * * * /opt/node/bin/node /opt/pc/bin/periodic-cron.js run_scheduled')).toMatchObject({
      interpreter: '/opt/node/bin/node',
      program: '/opt/pc/bin/periodic-cron.js',
    });
  });

  test('with a wrong flag tells the fault', () => {
    expect(lineOf('* * * * * periodic-cron run_scheduled --paralel 4').call).toEqual({
      fault: "run_scheduled: unknown option '--paralel' (did you mean --parallel?)",
    });
  });
});
