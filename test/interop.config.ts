import { defineConfig } from 'vitest/config'

/** Real clients in other languages; they need Debian's packages. */
export default defineConfig({
  test: {
    include: ['test/interop/**/*.test.ts'],
    testTimeout: 400_000,
    hookTimeout: 60_000,
    fileParallelism: false,
  },
})
