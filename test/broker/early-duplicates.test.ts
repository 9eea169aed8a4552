/** A duplicate stands for the message that came first, and is not confirmed before that one is on disk. */

import { expect, it, onTestFinished, vi } from 'vitest'
import { Channel } from '../../src/channel/channel.ts'
import { COMMIT_BYTES_MAX } from '../../src/limits.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { servedBroker } from '../support/served-broker.ts'
import {
  bindQueue,
  CH,
  confirmed,
  confirmSelect,
  counts,
  declareExchange,
  declareQueue,
  otherThingsHappen,
  session,
} from '../support/session.ts'
import { ShutStorage } from '../support/shut-storage.ts'
import { until } from '../support/until.ts'
import { table } from '../support/wire.ts'

async function start() {
  const storage = new ShutStorage()
  return { storage, ...(await servedBroker(storage)) }
}

it.each(['exchange', 'queue'] as const)('%s with deduplication', async (where) => {
  const t = await start()
  const [w, other] = [await session(t), await session(t)]
  const args = (of: typeof where) => ({
    durable: true,
    arguments: table(of === where ? { 'x-message-deduplication': true } : {}),
  })
  const exchange = await declareExchange(w, 'fanout', args('exchange'))
  const queue = await declareQueue(w, { ...args('queue'), exclusive: false })
  await bindQueue(w, queue, exchange)
  await confirmSelect(w)
  await confirmSelect(other)
  await until(() => !t.broker.commit.dirty, 'all is written')
  t.storage.shut()
  const properties = { deliveryMode: 2, headers: table({ 'x-deduplication-header': 'once' }) }
  const acks = vi.spyOn(Channel.prototype, 'send')
  onTestFinished(() => acks.mockRestore())
  w.publish(CH, { exchange, properties })
  await until(async () => (await counts(other, queue)).messages === 1, 'the first is there')
  other.publish(CH, { exchange, properties })
  await otherThingsHappen(other)
  expect(acks.mock.calls.filter(([m]) => m.id === MethodId.BasicAck)).toEqual([])
  t.storage.open()
  await Promise.all([confirmed(w, 1), confirmed(other, 1)])
  expect((await counts(other, queue)).messages).toBe(1)
})

it('does not hold publishers up for a batch that nothing else begins', async () => {
  const t = await start()
  const w = await session(t)
  const queue = await declareQueue(w, { arguments: table({ 'x-message-deduplication': true }) })
  const properties = { headers: table({ 'x-deduplication-header': 'once' }) }
  const body = Buffer.alloc(COMMIT_BYTES_MAX / 4)
  for (let i = 0; i < 12; i++) w.publish(CH, { routingKey: queue, properties, body })
  expect((await counts(w, queue)).messages).toBe(1)
  await until(() => t.broker.commit.pendingBytes === 0, 'nothing is pending')
})
