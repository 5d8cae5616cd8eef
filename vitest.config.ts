import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // What takes minutes by itself has a command of its own: `npm test -- --slow`.
    include: [process.env['TESTYARD_SLOW'] === '1' ? 'test/**/*.slow.ts' : 'test/**/*.test.ts'],
    globalSetup: ['test/global-setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 2,
    // Real processes on a shared machine: there one hiccup may be had again, and is shown in the report.
    retry: process.env['CI'] ? 1 : 0,
  },
});
