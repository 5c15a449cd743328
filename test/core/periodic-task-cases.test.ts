import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { OSLO } from './cases/oslo.ts';
import { PROFTPD } from './cases/proftpd.ts';
import { SSSD } from './cases/sssd.ts';
import type { ApiCase, Taken } from './cases/world.ts';

/** A part of the cases that oslo.service, SSSD and ProFTPD hold about their periodic tasks. */
const CASES: readonly ApiCase[] = JSON.parse(
  readFileSync(new URL('cases/periodic_task_apis.json', import.meta.url), 'utf8'),
);

const TABLES: readonly (readonly [string, Readonly<Record<string, Taken>>])[] = [
  ['oslo', OSLO],
  ['sssd', SSSD],
  ['proftpd', PROFTPD],
];

function isOf(system: string): (one: ApiCase) => boolean {
  return ({ source }) => source.startsWith(system);
}

test('every case is asserted once, and the tables name only cases that exist', () => {
  expect(CASES).toHaveLength(82);
  const names = TABLES.flatMap(([, table]) => Object.keys(table));
  expect(names.toSorted()).toEqual(CASES.map(({ name }) => name).toSorted());
});

describe.each(TABLES)('the case of %s', (system, table) => {
  const rows = CASES.filter(isOf(system)).map((one) => ({ one, taken: table[one.name], name: one.name }));
  const literal = rows.filter(({ taken }) => taken?.why === undefined);
  const corrected = rows.flatMap(({ taken, ...row }) =>
    taken?.why === undefined ? [] : [{ ...row, taken, why: taken.why }],
  );

  test('is asserted by a check', () => {
    expect(rows.map(({ taken }) => typeof taken?.check)).toEqual(rows.map(() => 'function'));
  });

  test.each(literal)('$name holds', ({ one, taken }) => {
    expect.hasAssertions();
    taken?.check(one);
  });

  test.each(corrected)('$name is not taken over as it stands: $why', ({ one, taken }) => {
    expect.hasAssertions();
    taken.check(one);
  });
});
