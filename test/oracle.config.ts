import { defineConfig } from 'vitest/config'

/** The conformance tests against Debian's rabbitmq-server. */
export default defineConfig({
  test: {
    include: [
      'test/conformance/**/*.test.ts',
      'test/oracle/**/*.test.ts',
      'test/management/{http,default-exchange,forms,definitions,parity,tools,tool-requests,tool-suites}.test.ts',
    ],
    exclude: ['test/conformance/coverage.test.ts'],
    globalSetup: ['test/support/scratch.ts', 'test/support/oracle.ts'],
    setupFiles: ['test/support/setup.ts'],
    // RabbitMQ takes its time on a busy machine.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
