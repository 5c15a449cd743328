import { expect, test } from 'vitest';
import { readCommandOptions } from '../../src/modules/shipped/command.ts';

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
    'expected one of command, argv, cwd, env, got "comand" (did you mean command?)',
  ],
])('%j is refused', (options, field, message) => {
  expect(readCommandOptions(options)).toEqual({ kind: 'invalid', faults: [{ field, message }] });
});

test('all faults are named at once', () => {
  expect(readCommandOptions({ cwd: 'x', env: 5 })).toMatchObject({
    faults: [{ field: 'options' }, { field: 'options.cwd' }, { field: 'options.env' }],
  });
});
