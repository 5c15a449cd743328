import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { type RunnerRights, readRights } from '../../src/execute/rights.ts';
import { findIdentity, lookupGroup, lookupUser } from '../../src/execute/users.ts';

const ROOT: RunnerRights = { ...readRights(), uid: 0, gid: 0, maySetUid: true, maySetGid: true };
const PLAIN: RunnerRights = { ...ROOT, uid: 1, gid: 1, maySetUid: false, maySetGid: false };

afterEach(() => {
  vi.unstubAllEnvs();
});

/** Puts a program of that name before all others. */
function standIn(name: string, script: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'users-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, name), 0o755);
  vi.stubEnv('PATH', `${folder}:${process.env['PATH']}`);
}

test('a user is found by name and by number', async () => {
  const daemon = { name: 'daemon', uid: 1, gid: 1 };
  expect(await lookupUser('daemon')).toMatchObject({ kind: 'user', user: daemon });
  expect(await lookupUser('1')).toMatchObject({ kind: 'user', user: daemon });
});

test('a group is found by name and by number', async () => {
  expect(await lookupGroup('root')).toEqual({ kind: 'group', group: { name: 'root', gid: 0 } });
  expect(await lookupGroup('0')).toEqual({ kind: 'group', group: { name: 'root', gid: 0 } });
});

test('a number without an entry stands for itself', async () => {
  const user = { name: undefined, uid: 61234, gid: 61234, home: '/', shell: '/bin/sh' };
  expect(await lookupUser('61234')).toEqual({ kind: 'user', user });
  expect(await lookupGroup('61234')).toEqual({ kind: 'group', group: { name: undefined, gid: 61234 } });
});

test.each([
  ['no-such-user', 'expected a user of this machine, got "no-such-user", which it does not know'],
  ['-s', 'user: expected a name or a number, got "-s"'],
  ['a:b', 'user: expected a name or a number, got "a:b"'],
  ['', 'user: expected a name or a number, got ""'],
  ['4294967295', 'user: expected a number up to 4294967294, got 4294967295'],
])('the user %j is refused', async (name, message) => {
  expect(await lookupUser(name)).toEqual({ kind: 'fault', message });
});

test('a directory that does not answer is no unknown user', async () => {
  standIn('getent', 'exit 3');
  expect(await lookupUser('61234')).toEqual({
    kind: 'fault',
    message: 'user "61234": getent passwd failed with status 3',
  });
});

test('an entry without numbers is a fault', async () => {
  standIn('getent', 'echo "odd:x:one:two::/home/odd:"');
  expect(await lookupUser('odd')).toEqual({
    kind: 'fault',
    message: 'user "odd": expected an entry with numbers, got another',
  });
});

test('root may take any identity', async () => {
  expect(await findIdentity({ user: 'daemon', group: '0' }, ROOT)).toMatchObject({
    kind: 'identity',
    identity: { user: { uid: 1 }, group: { gid: 0 }, switches: true },
  });
});

test('a runner that is not root keeps to its own, and says who it is', async () => {
  expect(await findIdentity({ user: 'daemon' }, PLAIN)).toMatchObject({
    kind: 'identity',
    identity: { switches: false },
  });
  expect(await findIdentity({}, PLAIN)).toMatchObject({ kind: 'identity', identity: { switches: false } });
  for (const wanted of [{ user: 'root' }, { group: 'root' }, { user: 'daemon', group: 'root' }]) {
    const found = await findIdentity(wanted, PLAIN);
    expect(found).toMatchObject({ kind: 'fault' });
    expect(found.kind === 'fault' && found.message).toMatch(
      /^this runner may not run anything .*"root": it is user \w+ \(\d+\) with group \d+, and only root may do that$/,
    );
  }
});

test('root without the capabilities is refused', async () => {
  expect(await findIdentity({ user: 'daemon' }, { ...ROOT, maySetGid: false })).toEqual({
    kind: 'fault',
    message:
      'this runner may not run anything as user "daemon": it is root without the capabilities CAP_SETUID and CAP_SETGID',
  });
});
