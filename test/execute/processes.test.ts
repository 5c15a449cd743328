import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { expect, onTestFinished, test, vi } from 'vitest';
import {
  carriersOf,
  isSameProcess,
  membersOfGroup,
  ownGroupId,
  parseStat,
  processIdentity,
  processStartTime,
} from '../../src/execute/processes.ts';
import { eventually } from '../support/execution.ts';

const FIELDS = 'S 1 4242 4242 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987654 2 3';

test.each([
  ['a plain name', `77 (sh) ${FIELDS}`],
  ['a name with spaces', `77 (a b c) ${FIELDS}`],
  ['a name that imitates the fields', `77 (x) Z 9 9 9) ${FIELDS}`],
])('the state of a process with %s is read', (_, line) => {
  expect(parseStat(line)).toEqual({ groupId: 4242, isZombie: false, startTime: '987654' });
});

test('a process that waits to be collected is told apart', () => {
  expect(parseStat(`77 (sh) ${FIELDS.replace('S', 'Z')}`)?.isZombie).toBe(true);
});

test('text that is no state of a process is none', () => {
  expect(parseStat('')).toBeUndefined();
});

test('this process is itself, and no other start time is its', () => {
  const startTime = processStartTime(process.pid) ?? '';
  expect(startTime).toMatch(/^\d+$/);
  expect(isSameProcess(process.pid, startTime)).toBe(true);
  expect(isSameProcess(process.pid, `${startTime}1`)).toBe(false);
});

test('a process that has ended has no start time', async () => {
  const child = spawn('true');
  const pid = child.pid ?? 0;
  await once(child, 'exit');
  expect(processStartTime(pid)).toBeUndefined();
  expect(isSameProcess(pid, '1')).toBe(false);
});

// Larger than any pid that Linux gives.
const NO_PID = 4_194_305;

test.each([
  ['may not be signalled, since the system hides those of other users', 'EPERM', true],
  ['does not exist', 'ESRCH', false],
])('a process without an entry in /proc that %s is told apart', (_, code, isAlive) => {
  const kill = vi.spyOn(process, 'kill').mockImplementation(() => {
    throw Object.assign(new Error(`kill ${code}`), { code });
  });
  onTestFinished(() => kill.mockRestore());
  expect(isSameProcess(NO_PID, '1')).toBe(isAlive);
  expect(kill).toHaveBeenCalledWith(NO_PID, 0);
});

test('a process is found by its environment, however large that is', async () => {
  const id = randomUUID();
  const padding = Object.fromEntries(
    Array.from({ length: 50 }, (_, index) => [`P${index}`, 'x'.repeat(2_000)]),
  );
  const env = { PATH: process.env['PATH'], ...padding, PERIODIC_CRON_RUN_ID: id, ...{ Z: 'last' } };
  const child = spawn('sh', ['-c', 'echo ready; read line'], {
    env,
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
  });
  await once(child.stdout, 'data');
  expect(carriersOf('PERIODIC_CRON_RUN_ID', id)).toEqual([child.pid]);
  expect(carriersOf('PERIODIC_CRON_RUN_ID', id.slice(0, -1))).toEqual([]);
  expect(carriersOf('CRON_RUN_ID', id)).toEqual([]);
  expect(membersOfGroup(child.pid ?? 0)).toEqual([child.pid]);
  child.stdin.end();
  await once(child, 'exit');
  expect(carriersOf('PERIODIC_CRON_RUN_ID', id)).toEqual([]);
});

test('a member of a group that has ended and was not collected does not count', async () => {
  const script = 'true & echo $!; exec sleep 60';
  const leader = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'], detached: true });
  const [line]: unknown[] = await once(leader.stdout, 'data');
  const ended = Number(String(line));
  await eventually('the member has ended', () => processStartTime(ended) === undefined);
  expect(existsSync(`/proc/${ended}`)).toBe(true);
  expect(membersOfGroup(leader.pid ?? 0)).toEqual([leader.pid]);
  leader.kill('SIGKILL');
  await once(leader, 'exit');
});

test('this process belongs to its own group', () => {
  expect(membersOfGroup(ownGroupId())).toContain(process.pid);
});

test('the surroundings are those that the system tells', () => {
  const identity = processIdentity();
  expect(identity.bootId).toBe(readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
  expect(identity.pidNamespace).toMatch(/^pid:\[\d+\]$/);
  expect(identity.machineId).not.toBe('');
});
