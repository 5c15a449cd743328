import { expect, test } from 'vitest';
import { COMMAND_FIELDS, readCommandOptions } from '../../src/modules/shipped/command.ts';

test('a command as text is split without a shell', () => {
  expect(
    readCommandOptions({ command: "rsync -a 'my files' /mnt", cwd: '/srv', env: { LANG: 'C' } }),
  ).toEqual({
    kind: 'command',
    command: { argv: ['rsync', '-a', 'my files', '/mnt'], cwd: '/srv', env: { LANG: 'C' } },
  });
});

test('an argument list is taken as it is', () => {
  expect(readCommandOptions({ argv: ['sh', '-c', 'a | b'] })).toEqual({
    kind: 'command',
    command: { argv: ['sh', '-c', 'a | b'], env: {} },
  });
});

test.each([
  [null, 'options', 'expected an object, got null'],
  [{}, 'options', 'expected command or argv, got neither'],
  [{ command: 'a', argv: ['a'] }, 'options', 'expected either command or argv, got both'],
  [{ command: '  ' }, 'options.command', 'expected a command, got none'],
  [{ command: 5 }, 'options.command', 'expected a string, got 5'],
  [{ command: "a 'b" }, 'options.command', "expected a closing ', got the end of the text (at character 3)"],
  [{ argv: [] }, 'options.argv', 'expected a command, got none'],
  [{ argv: 'ls' }, 'options.argv', 'expected a list of strings, got "ls"'],
  [{ argv: ['ls', 1] }, 'options.argv[1]', 'expected a string, got 1'],
  [{ argv: ['ls', 'a\0b'] }, 'options.argv', 'expected no NUL character, got "a\\u0000b"'],
  [{ argv: ['ls'], cwd: 'here' }, 'options.cwd', 'expected an absolute path, got "here"'],
  [{ argv: ['ls'], env: [] }, 'options.env', 'expected an object, got []'],
  [{ argv: ['ls'], env: { A: 1 } }, 'options.env.A', 'expected a string without NUL, got 1'],
  [{ argv: ['ls'], env: { 'A=B': '' } }, 'options.env.A=B', 'expected a name of a variable, got "A=B"'],
  [
    { argv: ['ls'], env: { PERIODIC_CRON_RUN_ID: 'x' } },
    'options.env.PERIODIC_CRON_RUN_ID',
    'expected a name outside PERIODIC_CRON_, which is set for every run',
  ],
  [
    { comand: 'ls', argv: ['ls'] },
    'options.comand',
    `expected one of ${COMMAND_FIELDS.map(({ name }) => name).join(', ')}, got "comand" (did you mean command?)`,
  ],
])('%j is refused', (options, field, message) => {
  expect(readCommandOptions(options)).toEqual({ kind: 'invalid', faults: [{ field, message }] });
});

test('all faults are named at once', () => {
  expect(readCommandOptions({ cwd: 'x', env: 5 })).toMatchObject({
    faults: [{ field: 'options' }, { field: 'options.cwd' }, { field: 'options.env' }],
  });
});

test('every option is read', () => {
  expect(
    readCommandOptions({
      command: 'a | b',
      shell: true,
      before: ['x', 'y'],
      after: 'c; d',
      environment: { A: 'a' },
      environment_file: ['/etc/one', '-/etc/two'],
      secrets: { B: 'env:B', C: 'file:/etc/c' },
      stdin: 'text',
      user: 1000,
      group: 'adm',
      umask: '027',
      nice: -5,
      limits: { nofile: 64, nproc: '50', as: '1MiB', core: 0, fsize: 'unlimited', cpu: '1m30s' },
      retcodes: { '24': 'warning', '1-3': 'succeeded', other: 'failed' },
    }),
  ).toEqual({
    kind: 'command',
    command: {
      argv: ['/bin/sh', '-c', 'a | b'],
      hooks: { before: ['x', 'y'], after: ['/bin/sh', '-c', 'c; d'] },
      env: { A: 'a' },
      environmentFiles: [
        { path: '/etc/one', mayBeMissing: false },
        { path: '/etc/two', mayBeMissing: true },
      ],
      secrets: { B: 'env:B', C: 'file:/etc/c' },
      stdin: 'text',
      place: {
        user: '1000',
        group: 'adm',
        umask: '027',
        nice: -5,
        limits: { nofile: 64, nproc: 50, as: 1_048_576, core: 0, fsize: Number.POSITIVE_INFINITY, cpu: 90 },
      },
      retcodes: {
        ranges: [
          { first: 24, last: 24, meaning: 'warning' },
          { first: 1, last: 3, meaning: 'succeeded' },
        ],
        other: 'failed',
      },
    },
  });
});

test('a hook as text is split like the command when there is no shell', () => {
  expect(readCommandOptions({ command: 'a', on_error: 'mail "the team"' })).toEqual({
    kind: 'command',
    command: { argv: ['a'], env: {}, hooks: { onError: ['mail', 'the team'] } },
  });
});

test.each<[Readonly<Record<string, unknown>>, string, string]>([
  [{ shell: 'yes' }, 'shell', 'expected true or false, got "yes"'],
  [{ on_error: 5 }, 'on_error', 'expected a string or a list of strings, got 5'],
  [{ after: [] }, 'after', 'expected a command, got none'],
  [
    { environment_file: 'here' },
    'environment_file',
    'expected an absolute path, or one after "-", got "here"',
  ],
  [
    { environment_file: ['/a', 5] },
    'environment_file[1]',
    'expected an absolute path, or one after "-", got 5',
  ],
  [{ stdin: 5 }, 'stdin', 'expected a string, got 5'],
  [{ user: true }, 'user', 'expected a name or a number, got true'],
  [{ user: '-x' }, 'user', 'expected a name or a number, got "-x"'],
  [{ group: 2 ** 32 - 1 }, 'group', 'expected a number up to 4294967294, got 4294967295'],
  [{ umask: 27 }, 'umask', 'expected text of one to three octal digits, such as "027", got 27'],
  [{ umask: '089' }, 'umask', 'expected text of one to three octal digits, such as "027", got "089"'],
  [{ nice: 42 }, 'nice', 'expected a whole number from -20 to 19, got 42'],
  [{ limits: 5 }, 'limits', 'expected an object, got 5'],
  [{ limits: { nofile: 0 } }, 'limits.nofile', 'expected a whole number from 1, or "unlimited", got 0'],
  [
    { limits: { as: '1 GB' } },
    'limits.as',
    'expected a size (bytes, or such as 512MiB), or "unlimited", got "1 GB"',
  ],
  [
    { limits: { cpu: 'soon' } },
    'limits.cpu',
    'expected a duration such as 90s or 15m, a whole number of seconds, or "unlimited", got "soon"',
  ],
  [
    { limits: { nofiles: 5 } },
    'limits.nofiles',
    'expected one of nofile, nproc, as, core, fsize, cpu, got "nofiles" (did you mean nofile?)',
  ],
  [{ retcodes: [] }, 'retcodes', 'expected an object, got []'],
  [{ retcodes: { '3': 'fine' } }, 'retcodes.3', 'expected succeeded, warning, failed, got "fine"'],
  [
    { retcodes: { '256': 'failed' } },
    'retcodes.256',
    'expected a status from 0 to 255, a range such as 1-3, or other, got "256"',
  ],
  [
    { retcodes: { '3-1': 'failed' } },
    'retcodes.3-1',
    'expected a status from 0 to 255, a range such as 1-3, or other, got "3-1"',
  ],
  [
    { retcodes: { '1-5': 'failed', '5-9': 'warning' } },
    'retcodes.5-9',
    'expected ranges that do not overlap, got "5-9" beside 1-5',
  ],
])('beside a command, %j is refused', (options, name, message) => {
  expect(readCommandOptions({ argv: ['ls'], ...options })).toEqual({
    kind: 'invalid',
    faults: [{ field: `options.${name}`, message }],
  });
});

test('a shell takes text alone', () => {
  expect(readCommandOptions({ argv: ['ls'], shell: true })).toMatchObject({
    faults: [{ field: 'options.shell', message: 'expected the text command for a shell, got argv' }],
  });
  expect(readCommandOptions({ command: ' ', shell: true })).toMatchObject({
    faults: [{ field: 'options.command', message: 'expected a command, got none' }],
  });
});

test('the older name of environment still counts, and not beside the newer one', () => {
  expect(readCommandOptions({ argv: ['ls'], env: { A: '1' }, environment: {} })).toMatchObject({
    faults: [{ message: 'expected either environment or env, its older name, got both' }],
  });
});

test.each([['hunter2'], [{ TOKEN: 'hunter2' }], [['hunter2']], [{ TOKEN: 5 }]])(
  'what stands in the place of secrets is in no message: %j',
  (secrets) => {
    const read = readCommandOptions({ argv: ['ls'], secrets });
    expect(read.kind).toBe('invalid');
    expect(JSON.stringify(read)).not.toMatch(/hunter2|got 5/);
  },
);
