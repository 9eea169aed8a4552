import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/interop/**', 'test/oracle/**', 'test/web/**'],
    benchmark: { include: ['src/**/*.bench.ts'] },
    testTimeout: 20_000,
    hookTimeout: 30_000,
  },
})
