import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/interop/**', 'test/oracle/**', 'test/web/**', 'test/cluster/engine/**'],
    benchmark: { include: ['src/**/*.bench.ts'] },
    // All invariants, the dear ones too.
    env: { LEVERET_CHECKS: 'all' },
    testTimeout: 20_000,
    hookTimeout: 30_000,
  },
})
