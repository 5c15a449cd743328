import { describe, expect, test } from 'vitest';
import { checkClocks, judgeHosts } from '../../../src/cli/doctor/check-clocks.ts';
import { fakeIo } from '../fake-io.ts';
import { LOCATION, problems } from './doctor-world.ts';

describe('the clock', () => {
  test.each([
    [0, []],
    [2_000, []],
    [
      3_600_000,
      [
        "warn clock: the clock of this machine is 1h ahead of the database's, by which tasks run; cron goes by the machine's",
      ],
    ],
    [
      -2_500,
      [
        "warn clock: the clock of this machine is 3s behind the database's, by which tasks run; cron goes by the machine's",
      ],
    ],
  ])('of a machine that is off by %d ms', async (offsetMs, expected) => {
    expect(problems(await checkClocks(LOCATION, { io: fakeIo() }, offsetMs))).toEqual(expected);
  });

  test('of several servers must be the same within 2 s', () => {
    const clocks = [
      { server: 'one:3306', offsetMs: 100 },
      { server: 'two:3306', offsetMs: 2_100 },
    ];
    expect(judgeHosts(clocks)).toEqual([]);
    expect(problems(judgeHosts([...clocks, { server: 'three:3306', offsetMs: -5_900 }]))).toEqual([
      'fail clock: the clocks of the servers one:3306, two:3306, three:3306 differ by 8s: slots and leases go by them',
    ]);
  });

  test('of a server that cannot be asked is not judged, but the server is', () => {
    const clocks = [
      { server: 'one:3306', offsetMs: 100 },
      { server: 'two:3306', fault: 'connection refused' },
    ];
    expect(problems(judgeHosts(clocks))).toEqual([
      'warn database: server two:3306 of the URL cannot be used: connection refused',
    ]);
  });
});
