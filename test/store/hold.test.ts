import { describe, expect, test } from 'vitest';
import { findHold, findMaintenance } from '../../src/store/hold.ts';
import { endMaintenance, startMaintenance } from '../../src/store/hold-changes.ts';
import { at } from '../support/builders.ts';
import { openDriver } from '../support/stored-state.ts';
import { openVirtualDatabase } from '../support/virtual-database.ts';

async function openWorld() {
  const database = await openVirtualDatabase();
  const driver = await openDriver(database);
  const start = (instant: string, until: string | null = null, reason = 'new disks', actor = 'ann') =>
    startMaintenance(driver, { at: at(instant), until: until === null ? null : at(until), actor, reason });
  const audit = () =>
    database.sql.prepare('SELECT changed_at, actor, action, "after" FROM periodic_audit ORDER BY id').all();
  return { database, driver, start, audit };
}

describe('maintenance', () => {
  test('is on from its start, and recorded', async () => {
    const { driver, start, audit } = await openWorld();
    const hold = {
      kind: 'maintenance',
      since: at('12:00'),
      until: null,
      actor: 'ann',
      reason: 'new disks',
    };
    expect(await start('12:00')).toEqual({ changed: true, hold });
    expect(await findMaintenance(driver, at('18:00'))).toEqual(hold);
    expect(audit()).toEqual([
      {
        changed_at: '2026-03-10T12:00:00.000Z',
        actor: 'ann',
        action: 'maintenance on',
        after: '{"since":"2026-03-10T12:00:00.000Z","until":null,"reason":"new disks"}',
      },
    ]);
  });

  test('holds every node, known or not', async () => {
    const { driver, start } = await openWorld();
    await start('12:00');
    expect(await findHold(driver, 'whoever', at('12:01'))).toMatchObject({ kind: 'maintenance' });
  });

  test('that is on already stays as it is', async () => {
    const { start, audit } = await openWorld();
    const { hold } = await start('12:00', '14:00');
    expect(await start('12:30', '14:00', 'new disks', 'bob')).toEqual({ changed: false, hold });
    expect(audit()).toHaveLength(1);
  });

  test('gets another reason and end, and has been on since it began', async () => {
    const { driver, start, audit } = await openWorld();
    await start('12:00', '14:00');
    await start('12:30', '15:00', 'more disks', 'bob');
    expect(await findMaintenance(driver, at('14:30'))).toEqual({
      kind: 'maintenance',
      since: at('12:00'),
      until: at('15:00'),
      actor: 'bob',
      reason: 'more disks',
    });
    expect(audit()).toHaveLength(2);
  });

  test('ends by itself at its end, and the next one is a new one', async () => {
    const { driver, start } = await openWorld();
    await start('12:00', '14:00');
    expect(await findMaintenance(driver, at('13:59'))).toBeDefined();
    expect(await findMaintenance(driver, at('14:00'))).toBeUndefined();
    expect((await start('14:00', null)).hold.since).toBe(at('14:00'));
  });

  test('that two switch on at the same time is on once', async () => {
    const { database, driver, start } = await openWorld();
    const other = await openDriver(database);
    const wish = { at: at('12:00'), until: null, actor: 'bob', reason: 'fire' };
    await Promise.all([start('12:00'), startMaintenance(other, wish)]);
    expect(database.sql.prepare('SELECT id FROM periodic_maintenance').pluck().all()).toEqual([1]);
    expect(await findMaintenance(driver, at('12:00'))).toBeDefined();
  });

  test('is switched off once, and that is recorded', async () => {
    const { driver, start, audit } = await openWorld();
    await start('12:00');
    const by = { at: at('12:10'), actor: 'bob' };
    expect(await endMaintenance(driver, by)).toBe(true);
    expect(await endMaintenance(driver, by)).toBe(false);
    expect(await findMaintenance(driver, at('12:10'))).toBeUndefined();
    expect(audit()).toHaveLength(2);
    expect(audit()[1]).toEqual({
      changed_at: '2026-03-10T12:10:00.000Z',
      actor: 'bob',
      action: 'maintenance off',
      after: null,
    });
  });

  test('whose end has passed is off already', async () => {
    const { database, driver, start, audit } = await openWorld();
    await start('12:00', '13:00');
    expect(await endMaintenance(driver, { at: at('13:00'), actor: 'bob' })).toBe(false);
    expect(audit()).toHaveLength(1);
    expect(database.sql.prepare('SELECT id FROM periodic_maintenance').all()).toEqual([]);
  });
});
