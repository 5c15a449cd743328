import { describe, expect, test } from 'vitest';
import { NotFoundError, UsageError } from '../../src/core/errors.ts';
import { findHold } from '../../src/store/hold.ts';
import {
  drainNode,
  findNode,
  forgetNode,
  listNodeRecords,
  liveRunsOf,
  resumeNode,
} from '../../src/store/node-admin.ts';
import { beginTick, tickNumbers } from '../../src/store/ticks.ts';
import { at } from '../support/builders.ts';
import { openDriver } from '../support/stored-state.ts';
import { openVirtualDatabase } from '../support/virtual-database.ts';

const FACTS = {
  hostName: 'one.example',
  machineId: 'machine',
  bootId: 'boot',
  version: '0.1.0',
  timezone: 'UTC',
  tzVersion: '2026a',
};
const BY = { at: at('12:30'), actor: 'ann' };

/** A world in which the nodes have ticked so many times, once a minute from 12:00 on. */
async function openWorld(ticks: Readonly<Record<string, number>> = { alpha: 1 }) {
  const database = await openVirtualDatabase();
  const driver = await openDriver(database);
  const tick = (name: string, minute: number) => {
    const tickAt = at('12:00') + minute * 60_000;
    return beginTick(driver, { ...FACTS, name }, { tickAt, startedAt: tickAt, clockOffsetMs: 5 });
  };
  for (const [name, count] of Object.entries(ticks)) {
    for (let minute = 0; minute < count; minute += 1) {
      await tick(name, minute);
    }
  }
  const audit = () =>
    database.sql
      .prepare('SELECT actor, action, "after" FROM periodic_audit WHERE task_id IS NULL ORDER BY id')
      .all();
  return { database, driver, tick, audit };
}

function forget(driver: Parameters<typeof forgetNode>[0], name: string) {
  return forgetNode(driver, name, { ...BY, refuse: () => Promise.resolve() });
}

describe('nodes', () => {
  test('are known with what they told last, by name', async () => {
    const { driver } = await openWorld({ beta: 1, alpha: 2 });
    const nodes = await listNodeRecords(driver);
    expect(nodes.map(({ name }) => name)).toEqual(['alpha', 'beta']);
    expect(nodes[0]).toEqual({
      ...FACTS,
      name: 'alpha',
      tickNo: 2,
      firstTickAt: at('12:00'),
      lastTickAt: at('12:01'),
      rhythmSeconds: null,
      clockOffsetMs: 5,
      drained: null,
    });
  });

  test('are found by name, without the spaces around it', async () => {
    const { driver } = await openWorld();
    expect((await findNode(driver, ' alpha ')).name).toBe('alpha');
  });

  test('that are unknown are told with the nearest one', async () => {
    const { driver } = await openWorld({ alpha: 1, beta: 1 });
    await expect(findNode(driver, 'alpah')).rejects.toThrow(
      new NotFoundError('no node named "alpah" (did you mean alpha?); known: "alpha", "beta"'),
    );
  });

  test('are told to be none before the first tick', async () => {
    const { driver } = await openWorld({});
    await expect(drainNode(driver, 'alpha', { ...BY, reason: undefined })).rejects.toThrow(
      new NotFoundError('no node named "alpha"; none has ticked yet'),
    );
  });
});

describe('a node that is drained', () => {
  test('is held, and that is recorded', async () => {
    const { driver, audit } = await openWorld({ alpha: 1, beta: 1 });
    const drained = { kind: 'drained', since: at('12:30'), until: null, actor: 'ann', reason: 'new disks' };
    const { changed, node } = await drainNode(driver, 'alpha', { ...BY, reason: 'new disks' });
    expect({ changed, drained: node.drained }).toEqual({ changed: true, drained });
    expect((await findNode(driver, 'alpha')).drained).toEqual(drained);
    expect(await findHold(driver, 'alpha', at('12:31'))).toEqual(drained);
    expect(await findHold(driver, 'beta', at('12:31'))).toBeUndefined();
    expect(audit()).toEqual([
      {
        actor: 'ann',
        action: 'node drained',
        after: '{"node":"alpha","since":"2026-03-10T12:30:00.000Z","reason":"new disks"}',
      },
    ]);
  });

  test('goes on to tick', async () => {
    const { driver, tick } = await openWorld();
    await drainNode(driver, 'alpha', { ...BY, reason: undefined });
    await tick('alpha', 40);
    expect((await findNode(driver, 'alpha')).drained).not.toBeNull();
  });

  test('again stays as it is, unless there is another reason', async () => {
    const { driver, audit } = await openWorld();
    await drainNode(driver, 'alpha', { ...BY, reason: 'new disks' });
    const later = { at: at('13:00'), actor: 'bob' };
    expect((await drainNode(driver, 'alpha', { ...later, reason: undefined })).changed).toBe(false);
    expect((await drainNode(driver, 'alpha', { ...later, reason: 'new disks' })).changed).toBe(false);
    const { node } = await drainNode(driver, 'alpha', { ...later, reason: 'no disks' });
    expect(node.drained).toMatchObject({ since: at('12:30'), actor: 'bob', reason: 'no disks' });
    expect(audit()).toHaveLength(2);
  });

  test('starts again when it is resumed, once', async () => {
    const { driver, audit } = await openWorld();
    await drainNode(driver, 'alpha', { ...BY, reason: undefined });
    expect((await resumeNode(driver, 'alpha', BY)).changed).toBe(true);
    expect((await resumeNode(driver, 'alpha', BY)).changed).toBe(false);
    expect((await findNode(driver, 'alpha')).drained).toBeNull();
    expect(await findHold(driver, 'alpha', at('12:31'))).toBeUndefined();
    expect(audit().slice(1)).toEqual([{ actor: 'ann', action: 'node resumed', after: '{"node":"alpha"}' }]);
  });
});

describe('a node that is forgotten', () => {
  test('goes with its states of the tasks that do not list it by name', async () => {
    const { database, driver, audit } = await openWorld({ alpha: 3, beta: 1 });
    database.addTask({ name: 'everywhere', nodes: ['*'] });
    database.addTask({ name: 'named', nodes: ['alpha', 'beta'] });
    database.addTask({ name: 'shared', nodes: ['*'], columns: { scope: 'one' } });
    const { states, listedBy } = await forget(driver, 'alpha');
    expect({ states, listedBy }).toEqual({ states: 1, listedBy: ['named'] });
    expect((await listNodeRecords(driver)).map(({ name }) => name)).toEqual(['beta']);
    const kept = database.sql
      .prepare(
        `SELECT t.name || ' ' || s.scope_key FROM periodic_task_state s JOIN periodic_task t ON t.id = s.task_id
         WHERE s.scope_key <> '' ORDER BY t.name, s.scope_key`,
      )
      .pluck()
      .all();
    expect(kept).toEqual(['everywhere beta', 'named alpha', 'named beta', 'shared *']);
    expect(audit()).toEqual([
      {
        actor: 'ann',
        action: 'node forgotten',
        after: '{"node":"alpha","tickNo":3,"states":1,"listedBy":["named"]}',
      },
    ]);
  });

  test('leaves its ticks', async () => {
    const { database, driver } = await openWorld({ alpha: 3 });
    await forget(driver, 'alpha');
    expect(database.sql.prepare('SELECT count(*) FROM periodic_tick').pluck().get()).toBe(3);
  });

  test('lets shared tasks wait for as many ticks as before', async () => {
    const { database, driver } = await openWorld({ alpha: 4, beta: 2 });
    const counting = { schedule_kind: 'ticks', schedule: '9 repeat', scope: 'one' };
    database.addTask({ name: 'shared', nodes: ['*'], columns: counting });
    database.sql.exec("UPDATE periodic_task_state SET due_tick = 16 WHERE scope_key = '*'");
    const { epoch } = database.stateRow('shared');
    expect(await tickNumbers(driver, 'beta')).toMatchObject({ all: 6 });
    await forget(driver, 'alpha');
    expect(await tickNumbers(driver, 'beta')).toMatchObject({ all: 2 });
    expect(database.stateRow('shared')).toMatchObject({
      counted_tick: 2,
      due_tick: 12,
      epoch: Number(epoch) + 1,
    });
  });

  test('lets no task wait longer that counted before its ticks', async () => {
    const { database, driver, tick } = await openWorld({ beta: 2 });
    const counting = { schedule_kind: 'ticks', schedule: '2 repeat', scope: 'one' };
    database.addTask({ name: 'shared', nodes: ['*'], columns: counting });
    for (let minute = 0; minute < 9; minute += 1) {
      await tick('alpha', minute);
    }
    await forget(driver, 'alpha');
    expect(database.stateRow('shared')).toMatchObject({ counted_tick: 0, due_tick: null });
  });

  test('goes on with the numbers of its recorded ticks when it comes back, and so does what counts them', async () => {
    const { database, driver, tick } = await openWorld({ alpha: 7, beta: 2 });
    const counting = { schedule_kind: 'ticks', schedule: '2 repeat' };
    database.addTask({ name: 'named', columns: counting });
    database.addTask({ name: 'shared', nodes: ['*'], columns: { ...counting, scope: 'one' } });
    await forget(driver, 'alpha');
    expect(database.stateRow('named', 'alpha')).toMatchObject({ counted_tick: 0 });
    expect(database.stateRow('shared')).toMatchObject({ counted_tick: 2 });
    expect((await tick('alpha', 20)).ticks).toEqual({ own: 8, all: 10 });
    expect(database.stateRow('named', 'alpha')).toMatchObject({ counted_tick: 7 });
    expect(database.stateRow('shared')).toMatchObject({ counted_tick: 9 });
  });

  test('begins with the first number when it comes back and its ticks were pruned', async () => {
    const { database, driver, tick } = await openWorld({ alpha: 7 });
    database.addTask({ name: 'named', columns: { schedule_kind: 'ticks', schedule: '2 repeat' } });
    expect(database.stateRow('named', 'alpha')).toMatchObject({ counted_tick: 7 });
    await forget(driver, 'alpha');
    database.sql.exec('DELETE FROM periodic_tick');
    expect((await tick('alpha', 20)).ticks.own).toBe(1);
    expect(database.stateRow('named', 'alpha')).toMatchObject({ counted_tick: 0 });
  });

  test('changes nothing of tasks that count time', async () => {
    const { database, driver } = await openWorld({ alpha: 1, beta: 1 });
    database.addTask({ name: 'shared', nodes: ['*'], columns: { scope: 'one' } });
    const before = database.stateRow('shared');
    await forget(driver, 'alpha');
    expect(database.stateRow('shared')).toEqual(before);
  });

  test('stays if that is refused, by what is known of it and of its live runs', async () => {
    const { database, driver, audit } = await openWorld({ alpha: 2 });
    const id = database.addTask({ name: 'backup' });
    database.sql
      .prepare(
        `INSERT INTO periodic_run (token, task_id, task_name, module, scope_key, node, live_node, trigger_kind, status, created_at)
         VALUES ('t', ?, 'backup', 'succeed', 'alpha', 'alpha', 'alpha', 'manual', 'running', '2026-03-10T12:00:00.000Z')`,
      )
      .run(id);
    const refusal = forgetNode(driver, 'alpha', {
      ...BY,
      refuse: (_statements, { name, tickNo }, liveRuns) =>
        Promise.reject(new UsageError(`${name} ${tickNo} ${liveRuns.map(({ taskName }) => taskName)}`)),
    });
    await expect(refusal).rejects.toThrow(new UsageError('alpha 2 backup'));
    expect(await liveRunsOf(driver, 'alpha')).toHaveLength(1);
    expect((await findNode(driver, 'alpha')).tickNo).toBe(2);
    expect(audit()).toEqual([]);
  });
});
