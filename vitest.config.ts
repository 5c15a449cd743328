import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    globalSetup: 'test/support/build-program.ts',
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
      {
        extends: true,
        test: {
          name: 'processes',
          include: ['test/processes/**/*.test.ts'],
          testTimeout: 120_000,
          // After the units, so that whole processes have the machine for themselves.
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
