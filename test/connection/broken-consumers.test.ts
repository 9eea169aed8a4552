/** A connection that broke, with more consumers than are cancelled in a turn: no publisher waits for it. */

import amqp from 'amqplib'
import { expect, it, onTestFinished } from 'vitest'
import { encodeContent } from '../../src/broker/content.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import type { Connection } from '../../src/connection/connection.ts'
import { CANCELLED_PER_STEP, JOB_STEPS_PER_TURN } from '../../src/limits.ts'
import { nextTurn } from '../../src/util/timers.ts'
import { servedBroker } from '../support/served-broker.ts'
import { until } from '../support/until.ts'

const MANY = 3 * CANCELLED_PER_STEP * JOB_STEPS_PER_TURN

it('nor is it kept in memory', async () => {
  const { broker, server, url } = await servedBroker()
  const client = await amqp.connect(url)
  client.on('error', () => {})
  onTestFinished(() => client.close().catch(() => {}))
  const ch = await client.createChannel()
  ch.on('error', () => {})
  await ch.assertQueue('q')
  const consumed = Array.from({ length: MANY }, () => ch.consume('q', () => {}, { noAck: true }))
  await Promise.all(consumed)
  const [connection] = server.connections as unknown as [Connection]
  const queue = broker.vhosts.get('/')?.queues.get('q')
  connection.output.breakOff()
  connection.socket.destroy()
  // In each turn: a few later, all are cancelled.
  while (connection.state !== 'closed') await nextTurn()
  expect(queue?.counts.consumers).toBeGreaterThan(0)
  const m = new InboundMessage()
  encodeContent('', 'q', {}, Buffer.from('m'), m)
  queue?.publish(m)
  // As a request of another client does.
  broker.turn.pumpNow()
  await until(() => queue?.counts.consumers === 0, 'all to be cancelled')
  expect(server.backpressure['full'].size).toBe(0)
})
