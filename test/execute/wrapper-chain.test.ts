import { expect, test } from 'vitest';
import type { RunnerRights } from '../../src/execute/rights.ts';
import type { Identity } from '../../src/execute/users.ts';
import { type Wrapping, wrapProgram } from '../../src/execute/wrapper-chain.ts';

const ROOT: RunnerRights = {
  uid: 0,
  gid: 0,
  maySetUid: true,
  maySetGid: true,
  niceness: 0,
  lowestNiceness: -20,
  mayRaiseLimits: true,
  hardLimits: {},
};

const PLAIN: RunnerRights = {
  ...ROOT,
  uid: 1000,
  gid: 1000,
  maySetUid: false,
  maySetGid: false,
  niceness: 5,
  lowestNiceness: 5,
  mayRaiseLimits: false,
  hardLimits: { nofile: 1024, cpu: 60, as: Number.POSITIVE_INFINITY },
};

const DAEMON: Identity = {
  user: { name: 'daemon', uid: 1, gid: 2, home: '/', shell: '/bin/sh' },
  group: undefined,
  switches: true,
};

/** The words of the chain, each tool by its name alone. */
function wordsOf(wrapping: Wrapping, rights = ROOT): readonly string[] {
  const wrapped = wrapProgram({ file: '/bin/job', args: ['a b'] }, wrapping, rights);
  if (wrapped.kind === 'fault') {
    throw new Error(wrapped.message);
  }
  const { file, args } = wrapped.program;
  const tools: readonly string[] = wrapped.tools;
  return [file, ...args].map((word) => {
    const name = word.slice(word.lastIndexOf('/') + 1);
    return tools.includes(name) ? name : word;
  });
}

test('a program that is given nothing stays as it is', () => {
  expect(wordsOf({})).toEqual(['/bin/job', 'a b']);
  expect(wordsOf({ identity: { user: undefined, group: undefined, switches: true }, limits: {} })).toEqual([
    '/bin/job',
    'a b',
  ]);
});

test('the tools stand in the order in which each can still do its work', () => {
  const wrapping = { identity: DAEMON, umask: '027', niceness: 10, limits: { nofile: 64 } };
  expect(wordsOf(wrapping)).toEqual([
    ...['nice', '-n', '10'],
    ...['prlimit', '--nofile=64'],
    ...['setpriv', '--reuid=1', '--regid=2', '--init-groups'],
    ...['sh', '-c', 'umask 027\nexec "$@"', 'sh'],
    ...['/bin/job', 'a b'],
  ]);
});

test.each<[string, Identity, readonly string[]]>([
  [
    'a group beside the user',
    { ...DAEMON, group: { name: 'adm', gid: 4 } },
    ['--reuid=1', '--regid=4', '--init-groups'],
  ],
  [
    'a group alone',
    { user: undefined, group: { name: 'adm', gid: 4 }, switches: true },
    ['--regid=4', '--clear-groups'],
  ],
  [
    'a number without an entry',
    { ...DAEMON, user: { name: undefined, uid: 9, gid: 9, home: '/', shell: '/bin/sh' } },
    ['--reuid=9', '--regid=9', '--clear-groups'],
  ],
])('%s is what setpriv is told', (_, identity, words) => {
  expect(wordsOf({ identity })).toEqual(['setpriv', ...words, '/bin/job', 'a b']);
});

test('a runner that has the ids already, and may change none, keeps them', () => {
  expect(wordsOf({ identity: { ...DAEMON, switches: false } }, PLAIN)).toEqual(['/bin/job', 'a b']);
});

test('niceness is absolute, whatever the runner has', () => {
  expect(wordsOf({ niceness: 12 }, PLAIN).slice(0, 3)).toEqual(['nice', '-n', '7']);
  expect(wordsOf({ niceness: 5 }, PLAIN)).toEqual(['/bin/job', 'a b']);
  expect(wordsOf({ niceness: -3 }, ROOT).slice(0, 3)).toEqual(['nice', '-n', '-3']);
});

test('a program may notice the end of its CPU time, unless the hard limit comes first', () => {
  expect(wordsOf({ limits: { cpu: 10 } })).toContain('--cpu=10:15');
  expect(wordsOf({ limits: { cpu: 58 } }, PLAIN)).toContain('--cpu=58:60');
});

test('what has no limit is written so', () => {
  expect(wordsOf({ limits: { as: Number.POSITIVE_INFINITY } }, PLAIN)).toContain('--as=unlimited');
});

test.each<[Wrapping, string]>([
  [{ niceness: 4 }, 'nice: expected a niceness that this runner may give, at least 5, got 4'],
  [
    { limits: { nofile: 4096 } },
    'limits.nofile: expected at most 1024, which this runner may not raise, got 4096',
  ],
  [
    { limits: { cpu: Number.POSITIVE_INFINITY } },
    'limits.cpu: expected at most 60, which this runner may not raise, got unlimited',
  ],
])('%j is refused to a runner that may not give it', (wrapping, message) => {
  expect(wrapProgram({ file: '/bin/job', args: [] }, wrapping, PLAIN)).toEqual({ kind: 'fault', message });
});
