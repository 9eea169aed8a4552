import { expect, it, onTestFinished } from 'vitest'
import { defaultSettings } from '../../src/config/default-settings.ts'
import { TestCluster } from '../../src/embedding/test-cluster.ts'
import { FAILURES_LOGGED_PER_MINUTE } from '../../src/limits.ts'
import type { BrokerNode } from '../../src/node/node.ts'
import { oneForAll, silent } from '../../src/util/logger.ts'

it('a standby logs so many failures a minute, like the active node: whoever causes one can cause it again and again', async () => {
  let lines = 0
  const logger = {
    ...silent,
    error: () => {
      lines++
    },
  }
  const parts = {
    settings: {
      ...defaultSettings,
      listeners: [{ port: 0, bind: '127.0.0.1' }],
      management: [],
      metrics: [],
    },
    loggers: oneForAll(logger),
    failoverAfterMs: 1000,
  }
  const cluster = await TestCluster.start(['a', 'b'], parts, (port) => `amqp://127.0.0.1:${port}`)
  onTestFinished(() => cluster.close())
  const standby = cluster.nodes.find((n) => !n.active) as unknown as { node: BrokerNode }
  for (let i = 0; i < 5 * FAILURES_LOGGED_PER_MINUTE; i++) standby.node.owner.failed(new Error('a failure'))
  expect(lines).toBeGreaterThanOrEqual(FAILURES_LOGGED_PER_MINUTE)
  // The minute may end meanwhile, and the number of those that were not logged is.
  expect(lines).toBeLessThanOrEqual(2 * FAILURES_LOGGED_PER_MINUTE + 1)
})
