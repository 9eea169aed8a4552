import { defineConfig } from 'vitest/config'

/** The conformance tests against Debian's rabbitmq-server. */
export default defineConfig({
  test: {
    include: ['test/conformance/**/*.test.ts', 'test/management/{http,definitions}.test.ts'],
    globalSetup: ['test/support/oracle.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
})
