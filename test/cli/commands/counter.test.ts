import { describe, expect, test } from 'vitest';
import { type CommandWorld, openWorld } from './command-world.ts';

async function openCounted(): Promise<CommandWorld> {
  const world = openWorld();
  await world.call('counter', 'increment', 'logins', '--by', '3');
  await world.call('counter', 'increment', 'logins', '-n', 'beta', '--by', '-5');
  await world.call('counter', 'increment', ' errors ');
  return world;
}

describe('counter increment', () => {
  test('adds 1 for this node unless told otherwise, and tells the sum', async () => {
    const { call } = openWorld();
    expect(await call('counter', 'increment', 'logins')).toEqual({
      exitCode: 0,
      out: 'added 1 to counter "logins" of node "alpha"; over all nodes it is 1\n',
      err: '',
    });
    const { out } = await call('counter', 'increment', 'logins', '--by', '4', '-n', 'beta', '--json');
    expect(JSON.parse(out)).toEqual({ name: 'logins', value: 5, nodes: 2, node: 'beta', by: 4 });
  });

  test.each([
    [['logins', '--by', '1.5'], 'counter increment: --by: expected a whole number from '],
    [['logins', '--by', '1000000000000000'], 'counter increment: --by: expected a whole number from '],
    [[' '], 'counter increment: expected 1 to 255 characters, got none'],
  ])('refuses %j', async (words, message) => {
    const { exitCode, err } = await openWorld().call('counter', 'increment', ...words);
    expect([exitCode, err]).toEqual([2, expect.stringContaining(message)]);
  });
});

describe('counter list', () => {
  test('tells the sums by name', async () => {
    const { call } = await openCounted();
    expect((await call('counter', 'list')).out.split('\n')).toEqual([
      'COUNTER  VALUE  NODES',
      'errors       1      1',
      'logins      -2      2',
      '',
    ]);
    expect(JSON.parse((await call('counter', 'list', '--json')).out)).toEqual({
      counters: [
        { name: 'errors', value: 1, nodes: 1 },
        { name: 'logins', value: -2, nodes: 2 },
      ],
    });
  });

  test('of one counter tells what each node has added', async () => {
    const { call } = await openCounted();
    expect((await call('counter', 'list', 'logins')).out.split('\n')).toEqual([
      'NODE   VALUE',
      'alpha      3',
      'beta      -5',
      '"logins" is -2 over all nodes',
      '',
    ]);
  });

  test('tells large sums exactly', async () => {
    const world = await openCounted();
    world.sql('UPDATE periodic_counter SET value = 9007199254740993');
    expect((await world.call('counter', 'list', 'logins')).out).toContain('is 18014398509481986 over');
    const { out } = await world.call('counter', 'list', 'logins', '--json');
    expect(JSON.parse(out)).toEqual({
      name: 'logins',
      value: '18014398509481986',
      nodes: [
        { node: 'alpha', value: '9007199254740993' },
        { node: 'beta', value: '9007199254740993' },
      ],
    });
  });

  test('says that nothing has been counted, or not under that name', async () => {
    const world = openWorld();
    await world.call('migrate');
    expect(await world.call('counter', 'list')).toEqual({
      exitCode: 0,
      out: 'nothing has been counted yet\n',
      err: '',
    });
    await world.call('counter', 'increment', 'logins');
    expect(await world.call('counter', 'list', 'login')).toEqual({
      exitCode: 5,
      out: '',
      err: 'periodic-cron: there is no counter "login" (did you mean logins?)\n',
    });
  });
});

describe('counter reset', () => {
  test('sets a counter to 0, tells what it was, and stands in the audit', async () => {
    const world = await openCounted();
    expect(await world.call('counter', 'reset', 'logins')).toEqual({
      exitCode: 0,
      out: 'set counter "logins" to 0; it was -2 ("alpha" 3, "beta" -5)\n',
      err: '',
    });
    expect((await world.call('counter', 'list', 'logins')).out).toContain('"logins" is 0 over all nodes');
    expect(world.sql("SELECT changed_at FROM periodic_audit WHERE action = 'counter reset'")).toHaveLength(1);
  });
});

describe('counter remove', () => {
  test('leaves nothing of a counter but the audit', async () => {
    const world = await openCounted();
    expect(await world.call('counter', 'remove', 'logins')).toEqual({
      exitCode: 0,
      out: 'removed counter "logins"; it was -2 ("alpha" 3, "beta" -5)\n',
      err: '',
    });
    expect(JSON.parse((await world.call('counter', 'list', '--json')).out)).toMatchObject({
      counters: [{ name: 'errors' }],
    });
    expect(
      world.sql('SELECT "before", "after" FROM periodic_audit WHERE action = \'counter removed\''),
    ).toEqual([{ before: '{"counter":"logins","nodes":{"alpha":"3","beta":"-5"}}', after: null }]);
  });
});

describe.each([
  ['reset', { reset: true }],
  ['remove', { removed: true }],
])('counter %s', (command, done) => {
  test('of one node leaves the others', async () => {
    const { call } = await openCounted();
    expect(JSON.parse((await call('counter', command, 'logins', '-n', 'beta', '--json')).out)).toEqual({
      name: 'logins',
      value: -5,
      nodes: [{ node: 'beta', value: -5 }],
      ...done,
    });
    expect((await call('counter', 'list', 'logins')).out).toContain('"logins" is 3 over all nodes');
  });

  test.each([
    [['login'], 'there is no counter "login" (did you mean logins?)'],
    [
      ['logins', '-n', 'bet'],
      'node "bet" has added nothing to counter "logins" (did you mean beta?); there are: alpha, beta',
    ],
  ])('finds nothing for %j', async (words, message) => {
    const { call } = await openCounted();
    expect(await call('counter', command, ...words)).toEqual({
      exitCode: 5,
      out: '',
      err: `periodic-cron: ${message}\n`,
    });
  });
});
