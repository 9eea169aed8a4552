import { defineConfig } from 'vitest/config'

/** The conformance tests against Debian's rabbitmq-server. */
export default defineConfig({
  test: {
    include: [
      'test/conformance/**/*.test.ts',
      'test/oracle/**/*.test.ts',
      'test/management/{http,definitions,parity,tools}.test.ts',
    ],
    globalSetup: ['test/support/oracle.ts'],
    // RabbitMQ's queues run beside its channels: a count can be asked for before a publish has arrived there. What a test
    // expects too early of RabbitMQ gets another try; the same tests against Leveret get none.
    retry: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
})
