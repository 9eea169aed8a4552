/** Delayed messages that are due at a full queue: they were confirmed, and their publisher cannot be told. */

import { expect, it } from 'vitest'
import { Broker } from '../../src/broker/broker.ts'
import { encodeContent } from '../../src/broker/content.ts'
import type { Exchange } from '../../src/broker/exchange/exchange.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import { deathsOf } from '../../src/broker/queue/dead-letter.ts'
import { classic, type QueueKind, queueKind } from '../../src/broker/queue/kinds/kinds.ts'
import type { Queue } from '../../src/broker/queue/queue.ts'
import { PlainMessage } from '../../src/broker/router.ts'
import type { Vhost } from '../../src/broker/vhost.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { GroupCommit } from '../../src/storage/batch.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { type Plain, timedBroker, transient } from '../support/timed-broker.ts'

const bodies = (q: Queue): string[] =>
  [...q.browse()].map(({ segment, index }) => String(segment.content(index).body))

it.each([
  ['classic', 'reject-publish', true],
  ['quorum', 'reject-publish', true],
  ['classic', 'reject-publish-dlx', true],
  ['classic', 'reject-publish', false],
])('%s, %s, with a dead-letter exchange: %s', (name, overflow, hasExchange) => {
  const { clock, broker, vhost, queue } = timedBroker()
  const toDead = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' }
  const dead = queue('dead')
  const args = { 'x-max-length': 1, 'x-overflow': overflow, ...(hasExchange ? toDead : {}) }
  const full = queue('full', args, queueKind(name) as QueueKind)
  const free = queue('free')
  const x = broker.createExchange(vhost, {
    ...transient,
    name: 'x',
    type: 'x-delayed-message',
    internal: false,
    arguments: FieldTable.from({ 'x-delayed-type': 'fanout' }),
  })
  for (const q of [full, free]) vhost.bind(x, q, '', FieldTable.empty)
  const headers = FieldTable.from({ 'x-delay': 1000 })
  for (const body of ['a', 'b', 'c']) {
    const m = new InboundMessage()
    encodeContent('x', '', { headers }, Buffer.from(body), m)
    for (const e of vhost.route(x, [new PlainMessage('', { headers })]).effects) e.published(m)
  }
  clock.pass(2000)
  expect([full, free, dead].map(bodies)).toEqual([['a'], ['a', 'b', 'c'], hasExchange ? ['b', 'c'] : []])
  for (const { segment, index } of dead.browse()) {
    const [death] = deathsOf(segment.content(index).properties.headers)
    expect(['queue', 'reason', 'exchange'].map((f) => death?.text(f))).toEqual(['full', 'maxlen', 'x'])
  }
})

it('are in the same batch on disk as their end in the exchange, also during an alarm', async () => {
  const storage = new MemoryStorage({ keeps: true })
  const start = () => {
    const clock = new ManualClock()
    const commit = new GroupCommit(storage, clock)
    const broker = new Broker(storage, commit, clock, { messageMemoryBytes: 2 ** 24 })
    broker.load()
    return { clock, commit, broker, vhost: broker.vhosts.get('/') as Vhost }
  }
  const { clock, commit, broker, vhost } = start()
  const durable = { ...transient, durable: true }
  const exchange = (name: string, type: string, args: Plain = {}): Exchange =>
    broker.createExchange(vhost, {
      ...durable,
      name,
      type,
      internal: false,
      arguments: FieldTable.from(args),
    })
  const queue = (name: string, to: Exchange, args: Plain = {}): void => {
    const info = { ...durable, name, kind: classic, arguments: FieldTable.from(args) }
    vhost.bind(to, broker.createQueue(vhost, info, undefined), '', FieldTable.empty)
  }
  const [x, dlx] = [
    exchange('x', 'x-delayed-message', { 'x-delayed-type': 'fanout' }),
    exchange('dlx', 'fanout'),
  ]
  queue('full', x, { 'x-max-length': 1, 'x-overflow': 'reject-publish', 'x-dead-letter-exchange': 'dlx' })
  for (const name of ['dead1', 'dead2']) queue(name, dlx)
  const headers = FieldTable.from({ 'x-delay': 1000 })
  for (const body of ['a', 'b', 'c']) {
    const m = new InboundMessage()
    encodeContent('x', '', { headers, deliveryMode: 2 }, Buffer.from(body), m)
    m.persistent = true
    for (const e of vhost.route(x, [new PlainMessage('', { headers })]).effects) e.published(m)
  }
  broker.turn.inAlarm = () => true
  clock.pass(2000)
  await commit.flush()
  // The process ends here.
  const again = start()
  again.clock.pass(5000)
  const there = ['full', 'dead1', 'dead2'].map((name) => bodies(again.vhost.queues.get(name) as Queue))
  expect(there).toEqual([['a'], ['b', 'c'], ['b', 'c']])
})
