import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { ApiCase } from '../core/cases/world.ts';
import { OFFLINE } from './cases/offline.ts';
import { ONE_SHOTS } from './cases/one-shots.ts';
import type { PlayedCases } from './cases/read-case.ts';
import { REGISTRATION } from './cases/registration.ts';
import { RUNNING } from './cases/running.ts';
import { SWITCHING } from './cases/switching.ts';

/** A part of the cases that oslo.service, SSSD and ProFTPD hold about their periodic tasks. */
const CASES: readonly ApiCase[] = JSON.parse(
  readFileSync(new URL('../core/cases/periodic_task_apis.json', import.meta.url), 'utf8'),
);

/** Cases of SSSD that say by what they set up, and not by their name, that they are about a run that goes on or acts. */
const RUNNING_ONES = ['stop_return_code', 'full_done_postpones_smart'];

function isOf(system: string, { source }: ApiCase): boolean {
  return source.startsWith(system);
}

const FAMILIES: ReadonlyArray<readonly [string, PlayedCases, (one: ApiCase) => boolean]> = [
  ['registration', REGISTRATION, (one) => isOf('oslo.service', one) && !one.name.startsWith('parallel')],
  ['offline', OFFLINE, (one) => isOf('sssd', one) && /^(offline|no_periodic)/.test(one.name)],
  [
    'enable, disable and postpone',
    SWITCHING,
    (one) =>
      isOf('sssd', one) && /^(enable|disable|postpone|null_handles)/.test(one.name) && !isAboutRuns(one),
  ],
  ['running', RUNNING, (one) => isOf('sssd', one) && isAboutRuns(one)],
  ['one-shots', ONE_SHOTS, (one) => isOf('proftpd', one) && !one.source.includes('timers')],
];

function isAboutRuns({ name, setup }: ApiCase): boolean {
  const { duration, handler } = setup as { readonly duration?: number; readonly handler?: string };
  return duration !== undefined || handler === 'never finishes' || RUNNING_ONES.includes(name);
}

test('no case is of two families', () => {
  const names = FAMILIES.flatMap(([, table]) => Object.keys(table));
  expect(new Set(names).size).toBe(names.length);
});

describe.each(FAMILIES)('the cases about %s', (_title, table, isMember) => {
  const rows = CASES.filter(isMember).map((one) => ({ one, played: table[one.name], name: one.name }));

  test('are all asserted once, and none else', () => {
    expect(Object.keys(table).toSorted()).toEqual(rows.map(({ name }) => name).toSorted());
  });

  test.each(rows.filter(({ played }) => played?.why === undefined))(
    '$name holds',
    async ({ one, played }) => {
      expect.hasAssertions();
      await played?.check(one);
    },
  );

  test.each(
    rows.flatMap(({ played, ...row }) =>
      played?.why === undefined ? [] : [{ ...row, played, why: played.why }],
    ),
  )('$name is not taken over as it stands: $why', async ({ one, played }) => {
    expect.hasAssertions();
    await played.check(one);
  });
});
