/** Delayed messages after a restart: nobody gets those of an exchange that was not durable, or of another one. */

import { expect, it, onTestFinished } from 'vitest'
import { Broker } from '../../src/broker/broker.ts'
import { encodeContent } from '../../src/broker/content.ts'
import type { Exchange } from '../../src/broker/exchange/exchange.ts'
import { publishToAll } from '../../src/broker/fan-out.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import { classic } from '../../src/broker/queue/kinds/kinds.ts'
import { PlainMessage } from '../../src/broker/router.ts'
import type { Vhost } from '../../src/broker/vhost.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { GroupCommit } from '../../src/storage/batch.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import { ManualClock } from '../support/manual-clock.ts'

function start(storage: MemoryStorage, clock: ManualClock) {
  const broker = new Broker(storage, new GroupCommit(storage, clock), clock, { messageMemoryBytes: 2 ** 24 })
  broker.load()
  onTestFinished(() => broker.stop())
  const vhost = broker.vhosts.get('/') as Vhost
  const exchange = (name: string, durable = false): Exchange =>
    broker.createExchange(vhost, {
      name,
      type: 'x-delayed-message',
      durable,
      autoDelete: false,
      internal: false,
      arguments: FieldTable.from({ 'x-delayed-type': 'fanout' }),
    })
  const publish = (x: Exchange, body: string): void => {
    const properties = { deliveryMode: 2, headers: FieldTable.from({ 'x-delay': 5000 }) }
    const m = new InboundMessage()
    encodeContent(x.name, '', properties, Buffer.from(body), m)
    publishToAll(vhost.route(x, [new PlainMessage('', properties)]), m)
  }
  return { broker, vhost, exchange, publish }
}

it('least of all an exchange that is declared then', async () => {
  const clock = new ManualClock()
  const storage = new MemoryStorage({ keeps: true })
  const before = start(storage, clock)
  before.publish(before.exchange('one'), 'of one')
  await before.broker.commit.flush()
  before.broker.stop()

  const { broker, vhost, exchange, publish } = start(storage, clock)
  const other = exchange('other')
  const info = { name: 'q', durable: false, exclusive: false, autoDelete: false, kind: classic }
  const q = broker.createQueue(vhost, { ...info, arguments: FieldTable.empty }, undefined)
  vhost.bind(other, q, '', FieldTable.empty)
  publish(other, 'of the other')
  for (let i = 0; i < 4; i++) clock.pass(3000)
  const bodies = [...q.browse()].map(({ segment, index }) => String(segment.content(index).body))
  expect([bodies, broker.delays.size]).toEqual([['of the other'], 0])
})

it('nor does one get those of another, if the highest number so far cannot be read', async () => {
  const clock = new ManualClock()
  const storage = new MemoryStorage({ keeps: true })
  const before = start(storage, clock)
  before.exchange('one', true)
  await before.broker.commit.flush()
  before.broker.stop()
  await storage.write([{ op: 'put', key: 'last-log', value: Buffer.from('?') }])
  const { vhost, exchange } = start(storage, clock)
  exchange('other')
  const [one, other] = ['one', 'other'].map((name) => vhost.exchanges.get(name)?.log ?? 0) as [number, number]
  expect(other).toBeGreaterThan(one)
})
