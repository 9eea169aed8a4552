import { defineConfig } from 'vitest/config'

/** The operators' page in a real browser: Debian's chromium. */
export default defineConfig({
  test: {
    globalSetup: ['test/support/scratch.ts'],
    setupFiles: ['test/support/setup.ts'],
    include: ['test/web/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // One browser at a time: what is looked at are pages, not how many fit on a machine.
    fileParallelism: false,
  },
})
