import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type CommandWorld, NOW, openWorld } from './command-world.ts';

const TASK = ['--module', 'command', '-o', 'command=true'] as const;

/** A world with an address that is not here, which the task `backup` requires. */
async function worldWithAddress(): Promise<CommandWorld & { readonly path: string }> {
  const world = openWorld();
  const path = join(world.folder, 'address');
  await world.call('resource', 'add', 'ip#0', '--probe', 'file', '--path', path);
  await world.call('add', 'backup', ...TASK, '--every', '5m', '--requires', 'ip#0');
  return { ...world, path };
}

/** Each call starts at the same instant: what is to come after another one is called a little later. */
const LATER = { now: () => NOW + 20_000 };

describe('resource', () => {
  test('defines, looks at, changes and removes a resource', async () => {
    const world = openWorld();
    const path = join(world.folder, 'up');
    const added = await world.call(
      'resource',
      'add',
      'fs#1',
      '--probe',
      'file',
      '--path',
      path,
      '--ttl',
      '10s',
    );
    expect(added).toEqual({ exitCode: 0, out: `added resource "fs#1": file ${path}\n`, err: '' });
    expect((await world.call('resource', 'probe', '--all')).out).toBe(
      `"fs#1" is down: ${path} does not exist\n`,
    );
    writeFileSync(path, '');
    expect((await world.callAs(LATER, 'resource', 'probe', 'fs#1')).out).toBe(
      `"fs#1" is up: ${path} exists\n`,
    );
    expect(JSON.parse((await world.call('resource', 'list', '--json')).out)).toEqual({
      node: 'alpha',
      resources: [
        {
          name: 'fs#1',
          probe: 'file',
          target: { path },
          ttlSeconds: 10,
          timeoutSeconds: 5,
          state: expect.objectContaining({ node: 'alpha', state: 'up', why: `${path} exists` }),
        },
      ],
    });
    await world.call('resource', 'edit', 'fs#1', '--ttl', '1m');
    expect((await world.call('resource', 'show', 'fs#1')).out).toContain('nobody has looked yet');
    expect((await world.call('resource', 'remove', 'fs#1')).exitCode).toBe(0);
    expect((await world.call('resource', 'show', 'fs#1')).exitCode).toBe(5);
  });

  test.each([
    [['x'], '--probe: expected one of command, tcp, http, file, none, got none given'],
    [['x', '--probe', 'dice'], '--probe: expected one of command, tcp, http, file, none, got "dice"'],
    [['x y', '--probe', 'none'], 'expected a name such as ip#0'],
    [
      ['x', '--probe', 'tcp', '--host', 'a', '--port', '70000'],
      '--port: expected a whole number from 1 to 65535',
    ],
    [
      ['x', '--probe', 'file', '--url', 'http://a/'],
      '--url: expected it with another probe, got it with file',
    ],
    [['x', '--probe', 'command', '--command', 'a > b'], '(at character 3)'],
    [
      ['x', '--probe', 'command', '--command', 'a', '--retcodes', '{"1": "bad"}'],
      'expected one of the states',
    ],
    [
      ['x', '--probe', 'file', '--path', '/', '--timeout', '1h'],
      '--timeout: expected at most 300s, got "1h"',
    ],
    [['x', '--probe', 'none', '--ttl', '5m'], '--ttl: expected it with another probe, got it with none'],
    [
      ['none', '--probe', 'none'],
      'expected a name that --requires and --offline-resource can say, got "none"',
    ],
    [['default', '--probe', 'none'], 'got "default", which takes these policies back'],
  ])('add refuses %j', async (words, message) => {
    const { exitCode, err } = await openWorld().call('resource', 'add', ...words);
    expect([exitCode, err]).toEqual([2, expect.stringContaining(message)]);
  });

  test('is set by hand where it has no probe, and else only by force', async () => {
    const world = openWorld();
    await world.call('resource', 'add', 'gate', '--probe', 'none');
    const set = await world.call('resource', 'set', 'gate', 'stdby up', '-n', 'beta', '--why', 'new disks');
    expect(set.out).toBe('resource "gate" is stdby up on node "beta"\n');
    expect(world.sql('SELECT node, state, why FROM periodic_resource_state')).toEqual([
      { node: 'beta', state: 'stdby up', why: expect.stringMatching(/^set by .*: new disks$/) },
    ]);
    expect((await world.call('resource', 'set', 'gate', 'sideways')).exitCode).toBe(2);
    expect((await world.call('resource', 'probe', 'gate')).exitCode).toBe(2);
    await world.call('resource', 'edit', 'gate', '--probe', 'file', '--path', '/nowhere');
    expect((await world.call('resource', 'set', 'gate', 'up')).exitCode).toBe(2);
    expect((await world.call('resource', 'set', 'gate', 'up', '--force')).exitCode).toBe(0);
  });

  test('is not removed while a task asks for it, unless by force; doctor tells of that', async () => {
    const world = await worldWithAddress();
    const refused = await world.call('resource', 'remove', 'ip#0');
    expect([refused.exitCode, refused.err]).toEqual([2, expect.stringContaining('these do: backup')]);
    expect((await world.call('resource', 'remove', 'ip#0', '--force')).exitCode).toBe(0);
    expect((await world.call('doctor')).out).toContain(
      'task "backup" requires the resource "ip#0", which is not defined',
    );
    // What the task has asked for before keeps nobody from changing something else.
    expect((await world.call('set', 'backup', '--order', '3')).exitCode).toBe(0);
  });
});

describe('a task that requires a resource', () => {
  test('is refused where there is no such resource, with the position of a fault', async () => {
    const world = await worldWithAddress();
    const add = (...flags: readonly string[]) => world.call('add', 'other', ...TASK, '--manual', ...flags);
    expect((await add('--requires', 'ip#1')).err).toContain('got "ip#1" (did you mean ip#0?)');
    expect((await add('--requires', 'ip#0(upp)')).err).toContain('got "upp" (at character 6)');
    expect((await add('--offline', 'skip')).err).toContain('offline: expected it with an offline_resource');
    expect((await world.call('set', 'backup', '--requires', 'none')).out).toContain('requires: ip#0 → none');
  });

  test('is shown as blocked by list, show and explain, and refused by hand', async () => {
    const world = await worldWithAddress();
    world.count('backup', '2026-11-21T00:45:00.000Z');
    expect((await world.call('run_scheduled', '--dryrun')).out).toContain(
      'nobody has looked yet on this node',
    );
    expect(world.sql('SELECT * FROM periodic_resource_state')).toEqual([]);
    const quiet = await world.call('run_scheduled', '-c');
    expect(quiet).toEqual({ exitCode: 0, out: '', err: '' });
    const blocked = 'requires ip#0 up or stdby up, which is down since 2026-11-21T00:55:10Z';
    expect((await world.call('list')).out).toContain(`blocked: ${blocked}`);
    expect((await world.call('show', 'backup')).out).toContain(`blocked: ${blocked}`);
    expect((await world.call('explain', 'backup')).out).toContain(`it is blocked, ${blocked}`);
    expect((await world.call('next', 'backup')).out).toContain('as if its conditions hold: ip#0');
    const byHand = await world.call('run_manually', '-t', 'backup');
    expect([byHand.exitCode, byHand.err]).toEqual([
      1,
      expect.stringContaining('may not run here now: it requires ip#0'),
    ]);
    writeFileSync(world.path, '');
    await world.call('resource', 'probe', 'ip#0');
    expect((await world.call('run_manually', '-t', 'backup')).exitCode).toBe(0);
  });
});

test('a task that is offline rests, and runs by hand with a note', async () => {
  const world = openWorld();
  await world.call('resource', 'add', 'db', '--probe', 'none');
  await world.call('resource', 'set', 'db', 'down');
  const policy = ['--offline-resource', 'db', '--offline', 'disable'];
  await world.call('add', 'sync', ...TASK, '--every', '5m', ...policy);
  world.count('sync', '2026-11-21T00:45:00.000Z');
  await world.call('run_scheduled', '-c');
  expect((await world.call('list')).out).toContain('offline');
  expect((await world.callAs(LATER, 'explain', 'sync')).out).toContain('It rests since 2026-11-21 00:55:10Z');
  expect((await world.call('run_manually', '-t', 'sync')).err).toContain('offline: its resource db is down');
});
