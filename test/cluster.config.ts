import { defineConfig } from 'vitest/config'

/** Clusters on real nats-server processes; they need the program. */
export default defineConfig({
  test: {
    globalSetup: ['test/support/scratch.ts'],
    setupFiles: ['test/support/setup.ts'],
    include: ['test/cluster/engine/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 60_000,
    fileParallelism: false,
  },
})
