import { defineConfig } from 'vitest/config'

/** Real clients in other languages; they need Debian's packages. */
export default defineConfig({
  test: {
    globalSetup: ['test/support/scratch.ts'],
    setupFiles: ['test/support/setup.ts'],
    include: ['test/interop/**/*.test.ts'],
    testTimeout: 400_000,
    hookTimeout: 60_000,
    fileParallelism: false,
  },
})
