import { defineConfig } from 'vitest/config';
import { findUnreachable, SERVER_ENGINES } from './test/support/servers.ts';

const unreachable = await findUnreachable();

/** The tests of what differs from engine to engine, once more for each server that can be reached. */
const onServers = SERVER_ENGINES.filter((engine) => unreachable[engine] === undefined).map((engine) => ({
  extends: true as const,
  test: {
    name: engine,
    include: ['test/store/**/*.test.ts', 'test/runner/**/*.test.ts'],
    // These are about files of SQLite.
    exclude: ['test/store/sqlite*.test.ts'],
    env: { TEST_PERIODIC_CRON_ENGINE: engine },
    testTimeout: 30_000,
  },
}));

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    globalSetup: ['test/support/build-program.ts', 'test/support/check-engines.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'units',
          include: ['test/**/*.test.ts'],
          exclude: ['test/processes/**'],
          testTimeout: 30_000,
        },
      },
      ...onServers,
      {
        extends: true,
        test: {
          name: 'processes',
          include: ['test/processes/**/*.test.ts'],
          testTimeout: 240_000,
          // They wait for servers and time limits more than they compute.
          maxWorkers: 4,
          // After the units, so that whole processes have the machine for themselves.
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
