/** Duplicates that are published in transactions: whether they are any is known for certain only when these are committed. */

import { expect, it, onTestFinished, vi } from 'vitest'
import { Channel } from '../../src/channel/channel.ts'
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
import { table, type Wire } from '../support/wire.ts'

const deduplicates = table({ 'x-message-deduplication': true })
const properties = { deliveryMode: 2, headers: table({ 'x-deduplication-header': 'once' }) }

const select = (w: Wire): Promise<unknown> => w.call(CH, MethodId.TxSelect, {}, MethodId.TxSelectOk)
const commit = (w: Wire): Promise<unknown> => w.call(CH, MethodId.TxCommit, {}, MethodId.TxCommitOk)

it.each(['exchange', 'queue'] as const)('only one passes, if the %s deduplicates', async (where) => {
  const t = await servedBroker()
  const [w, other] = [await session(t), await session(t)]
  const args = (of: typeof where) => (of === where ? { arguments: deduplicates } : {})
  const exchange = await declareExchange(w, 'fanout', args('exchange'))
  const queue = await declareQueue(w, { exclusive: false, ...args('queue') })
  await bindQueue(w, queue, exchange)
  await select(w)
  await select(other)
  w.publish(CH, { exchange, properties })
  w.publish(CH, { exchange, properties })
  other.publish(CH, { exchange, properties })
  await commit(w)
  expect((await counts(w, queue)).messages).toBe(1)
  await commit(other)
  expect((await counts(w, queue)).messages).toBe(1)
})

it('only one passes an exchange behind another one, of which each queue gets both', async () => {
  const t = await servedBroker()
  const w = await session(t)
  const [exchange, behind] = [
    await declareExchange(w, 'fanout'),
    await declareExchange(w, 'fanout', { arguments: deduplicates }),
  ]
  const other = await session(t)
  const queue = await declareQueue(w)
  const last = await declareQueue(w)
  await bindQueue(w, queue, exchange)
  await bindQueue(w, last, behind)
  const bound = { destination: behind, source: exchange, routingKey: '' }
  await w.call(CH, MethodId.ExchangeBind, bound, MethodId.ExchangeBindOk)
  await select(w)
  await select(other)
  w.publish(CH, { exchange, properties })
  w.publish(CH, { exchange, properties })
  other.publish(CH, { exchange, properties })
  await commit(w)
  expect([(await counts(w, queue)).messages, (await counts(w, last)).messages]).toEqual([2, 1])
  await commit(other)
  expect([(await counts(w, queue)).messages, (await counts(w, last)).messages]).toEqual([3, 1])
  // Queues get what was published to an exchange before that was deleted.
  w.publish(CH, { exchange, properties: { headers: table({ 'x-deduplication-header': 'twice' }) } })
  w.publish(CH, { exchange, properties: { headers: table({ 'x-deduplication-header': 'twice' }) } })
  await w.call(CH, MethodId.ExchangeDelete, { exchange }, MethodId.ExchangeDeleteOk)
  await commit(w)
  expect((await counts(w, queue)).messages).toBe(5)
})

it('reach a queue that was declared again, although the exchange they were published to is gone', async () => {
  const w = await session(await servedBroker())
  const [exchange, behind] = [
    await declareExchange(w, 'fanout'),
    await declareExchange(w, 'fanout', { arguments: deduplicates }),
  ]
  const bound = { destination: behind, source: exchange, routingKey: '' }
  await w.call(CH, MethodId.ExchangeBind, bound, MethodId.ExchangeBindOk)
  const queue = await declareQueue(w, { exclusive: false })
  await bindQueue(w, queue, exchange)
  await select(w)
  w.publish(CH, { exchange, properties })
  w.publish(CH, { exchange, properties })
  await w.call(CH, MethodId.ExchangeDelete, { exchange }, MethodId.ExchangeDeleteOk)
  await w.call(CH, MethodId.QueueDelete, { queue }, MethodId.QueueDeleteOk)
  await declareQueue(w, { queue, exclusive: false })
  await commit(w)
  expect((await counts(w, queue)).messages).toBe(2)
})

it('are not answered before the message that came first is on disk', async () => {
  const storage = new ShutStorage()
  const t = await servedBroker(storage)
  const [w, other] = [await session(t), await session(t)]
  const exchange = await declareExchange(w, 'fanout', { durable: true, arguments: deduplicates })
  const queue = await declareQueue(w, { durable: true, exclusive: false })
  await bindQueue(w, queue, exchange)
  await confirmSelect(w)
  await select(other)
  await until(() => !t.broker.commit.busy, 'all is written')
  storage.shut()
  w.publish(CH, { exchange, properties })
  await until(() => storage.isAsked && !t.broker.commit.dirty, 'the first is on its way')
  const sent = vi.spyOn(Channel.prototype, 'send')
  onTestFinished(() => sent.mockRestore())
  other.publish(CH, { exchange, properties })
  other.send(CH, MethodId.TxCommit, {})
  await otherThingsHappen(w)
  expect(sent.mock.calls.filter(([m]) => m.id === MethodId.TxCommitOk)).toEqual([])
  storage.open()
  await other.expect(CH, MethodId.TxCommitOk)
  await confirmed(w, 1)
  expect((await counts(w, queue)).messages).toBe(1)
})
