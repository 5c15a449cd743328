import { userInfo } from 'node:os';
import { describe, expect, test } from 'vitest';
import { NOW, openWorld } from './command-world.ts';

const ME = userInfo().username;
const HOUR = 3_600_000;

describe('maintenance', () => {
  test('is off unless somebody switched it on', async () => {
    const { call } = openWorld();
    await call('migrate');
    expect(await call('maintenance')).toEqual({ exitCode: 0, out: 'maintenance is off\n', err: '' });
    expect(await call('maintenance', 'off')).toEqual({
      exitCode: 0,
      out: 'maintenance is off already\n',
      err: '',
    });
  });

  test('that is switched on says so, why, and until when', async () => {
    const { call } = openWorld();
    const text = `new disks; since 2026-11-21 00:55:10Z by ${ME}, ends 2026-11-21 02:55:10Z (in 2 h)`;
    const on = ['maintenance', 'on', '--reason', ' new disks ', '--until', '2026-11-21T02:55:10Z'];
    expect((await call(...on)).out).toBe(`maintenance is on: ${text}\n`);
    expect((await call(...on)).out).toBe(`maintenance is on already: ${text}\n`);
    expect((await call('maintenance')).out).toBe(`maintenance is on: ${text}\n`);
    expect((await call('maintenance', 'off')).out).toBe('maintenance is off\n');
  });

  test('lasts as long as asked for', async () => {
    const { call, callAs } = openWorld();
    await call('maintenance', 'on', '--reason', 'new disks', '--for', '1h30m');
    const { out } = await callAs({ now: () => NOW + HOUR }, 'maintenance', '--json');
    expect(JSON.parse(out)).toEqual({
      maintenance: {
        since: '2026-11-21T00:55:10Z',
        until: '2026-11-21T02:25:10Z',
        actor: ME,
        reason: 'new disks',
      },
    });
    expect((await callAs({ now: () => NOW + 2 * HOUR }, 'maintenance')).out).toBe('maintenance is off\n');
  });

  test('says in JSON whether anything changed', async () => {
    const { call } = openWorld();
    const on = ['maintenance', 'on', '--reason', 'new disks', '--json'];
    const told = { since: '2026-11-21T00:55:10Z', until: null, actor: ME, reason: 'new disks' };
    expect(JSON.parse((await call(...on)).out)).toEqual({ maintenance: told, changed: true });
    expect(JSON.parse((await call(...on)).out)).toEqual({ maintenance: told, changed: false });
    const off = JSON.parse((await call('maintenance', 'off', '--json')).out);
    expect(off).toEqual({ maintenance: null, changed: true });
  });

  test('lets a tick start nothing, which says why', async () => {
    const { call, count, sql } = openWorld();
    await call('add', 'backup', '--module', 'command', '-o', 'command=true', '--every', '5m');
    await call('remove', 'prune_history');
    count('backup', '2026-11-21T00:00:00.000Z');
    await call('maintenance', 'on', '--reason', 'new disks');
    const { exitCode, out } = await call('run_scheduled');
    expect(exitCode).toBe(0);
    expect(out).toContain(`not run  "backup"  maintenance is on since 2026-11-21T00:55:10Z`);
    expect(sql('SELECT count(*) AS runs FROM periodic_run')).toEqual([{ runs: 0 }]);
    expect((await call('run_scheduled', '-c')).out).toBe('');
  });

  test.each([
    [['on'], 'maintenance on: --reason: expected why, such as --reason "new disks", got nothing'],
    [['on', '--reason', ' '], 'maintenance on: --reason: expected why'],
    [
      ['on', '--reason', 'x', '--for', '1h', '--until', '2026-11-21T06:00Z'],
      'maintenance on: expected --for or --until, got both',
    ],
    [
      ['on', '--reason', 'x', '--until', '2026-11-21T00:55Z'],
      'maintenance on: --until: expected an instant after now, 2026-11-21T00:55:10Z, got 2026-11-21T00:55:00Z',
    ],
    [['on', '--reason', 'x', '--until', 'tomorrow'], 'maintenance on: --until: expected an instant such as'],
    [['on', '--reason', 'x', '--for', '0'], 'maintenance on: --for: expected a duration of at least 1s'],
    [['onn'], 'maintenance: expected "on", "off" or nothing, got "onn" (did you mean on?)'],
  ])('refuses %j', async (words, message) => {
    const { call } = openWorld();
    await call('migrate');
    const { exitCode, out, err } = await call('maintenance', ...words);
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
    expect(err).toContain(message);
    expect((await call('maintenance')).out).toBe('maintenance is off\n');
  });
});
