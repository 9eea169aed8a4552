/** A publish in steps whose broker or connection ends during an alarm, before all queues have the message. */

import type { FastifyReply } from 'fastify'
import { expect, it, onTestFinished, vi } from 'vitest'
import type { Vhost } from '../../src/broker/vhost.ts'
import { Channel } from '../../src/channel/channel.ts'
import { FAN_OUT_BYTES } from '../../src/limits.ts'
import { errorReply } from '../../src/management/http.ts'
import { trusted } from '../../src/operations/caller.ts'
import { PublishGivenUp, publishMessage } from '../../src/operations/publish.ts'
import { ReplyCode } from '../../src/protocol/errors.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { systemClock } from '../../src/util/clock.ts'
import { servedBroker } from '../support/served-broker.ts'
import { bindQueue, CH, confirmSelect, declareExchange, declareQueue, session } from '../support/session.ts'
import { until } from '../support/until.ts'
import { table } from '../support/wire.ts'

const QUEUES = 4
const body = Buffer.alloc(FAN_OUT_BYTES / QUEUES + 1)

async function start() {
  const { broker, server, url } = await servedBroker()
  const w = await session({ url })
  const args = table({ 'x-message-deduplication': true })
  const exchange = await declareExchange(w, 'fanout', { autoDelete: false, arguments: args })
  const names: string[] = []
  for (let i = 0; i < QUEUES; i++) names.push(await declareQueue(w, { exclusive: false }))
  for (const name of names) await bindQueue(w, name, exchange)
  const vhost = broker.vhosts.get('/') as Vhost
  const queues = names.flatMap((name) => vhost.queues.get(name) ?? [])
  const ready = (): number => queues.reduce((sum, q) => sum + q.counts.ready, 0)
  // Low on memory once two of the queues have the message.
  broker.inAlarm = () => ready() >= QUEUES / 2
  const headers = table({ 'x-deduplication-header': 'once' })
  const isKnown = () => vhost.exchanges.get(exchange)?.deduplication?.isDuplicate(headers, systemClock.now())
  const waits = () => until(() => broker.turn.jobs.size === 1 && ready() === QUEUES / 2, 'it waits')
  return { broker, server, vhost, w, exchange, headers, isKnown, waits }
}

it('is nacked, not confirmed, and no exchange remembers it', async () => {
  const { broker, w, exchange, headers, isKnown, waits } = await start()
  await confirmSelect(w)
  w.publish(CH, { exchange, body, properties: { headers, deliveryMode: 2 } })
  await waits()
  broker.turn.ending.begin()
  const { method } = await w.next(CH)
  expect([method.id, isKnown()]).toEqual([MethodId.BasicNack, false])
})

it('is answered on no channel that is closed', async () => {
  const { broker, server, w, exchange, headers, isKnown, waits } = await start()
  await confirmSelect(w)
  w.publish(CH, { exchange, body, properties: { headers } })
  await waits()
  const send = vi.spyOn(Channel.prototype, 'send')
  onTestFinished(() => send.mockRestore())
  for (const c of server.connections) c.close(ReplyCode.ConnectionForced, 'enough')
  await w.expect(0, MethodId.ConnectionClose)
  await until(() => broker.turn.jobs.size === 0, 'it is given up')
  expect([send.mock.calls, isKnown()]).toEqual([[], false])
})

const reply = {
  header: () => reply,
  status: () => reply,
  code: () => reply,
  send: () => reply,
} as unknown as FastifyReply

it('over HTTP is not said to be routed, and can be sent again', async () => {
  const { broker, vhost, exchange, headers, isKnown, waits } = await start()
  const m = { exchange, routingKey: '', properties: { headers }, body }
  const sent = publishMessage(broker, trusted('test', vhost, broker), m)
  await Promise.all([
    expect(sent).rejects.toSatisfy((e) => e instanceof PublishGivenUp && errorReply(e, reply) === 503),
    waits().then(() => broker.turn.ending.begin()),
  ])
  expect(isKnown()).toBe(false)
})
