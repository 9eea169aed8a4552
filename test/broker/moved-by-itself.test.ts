/** What the broker moves by itself, gigabytes perhaps, waits for what is on its way to the disk, as those who publish do. */

import { describe, expect, it } from 'vitest'
import type { Broker } from '../../src/broker/broker.ts'
import { encodeContent } from '../../src/broker/content.ts'
import type { Exchange } from '../../src/broker/exchange/exchange.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import { type QueueKind, queueKind } from '../../src/broker/queue/kinds/kinds.ts'
import type { Queue } from '../../src/broker/queue/queue.ts'
import { PlainMessage } from '../../src/broker/router.ts'
import type { Vhost } from '../../src/broker/vhost.ts'
import { Channel } from '../../src/channel/channel.ts'
import type { Client } from '../../src/channel/client.ts'
import { ChannelConsumer } from '../../src/channel/consumer.ts'
import type { ConsumerTimeout } from '../../src/channel/consumer-timeout.ts'
import { Transaction } from '../../src/channel/transaction.ts'
import { DEAD_LETTER_RETRY_MS, JOB_WAIT_MS, REJECTED_PER_STEP, SETTLED_PER_STEP } from '../../src/limits.ts'
import { Redrive } from '../../src/operations/redrive.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { timedBroker } from '../support/timed-broker.ts'

type Plain = Parameters<typeof FieldTable.from>[0]

function start() {
  const { clock, broker, vhost, queue } = timedBroker()
  const dead = queue('dead')
  /** So many dead letters are on their way to the disk. */
  let behindAt = Number.POSITIVE_INFINITY
  broker.turn.isBehind = () => dead.counts.ready >= behindAt
  const written = (): void => {
    behindAt = Number.POSITIVE_INFINITY
    clock.pass(JOB_WAIT_MS)
  }
  const behind = (count: number): void => {
    behindAt = count
  }
  return { clock, broker, vhost, queue, dead, behind, written }
}

const toDead = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' }
const bodies = (q: Queue): string[] =>
  [...q.browse()].map(({ segment, index }) => String(segment.content(index).body))
const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i))

function fill(q: Queue, count: number, headers: Plain = {}): void {
  const m = new InboundMessage()
  for (let i = 0; i < count; i++) {
    encodeContent('', q.name, { headers: FieldTable.from(headers) }, Buffer.from(String(i)), m)
    q.publish(m)
  }
}

describe('messages that expire', () => {
  it('stay in their queue meanwhile where they are dead-lettered, and come in their order', () => {
    const { clock, queue, dead, behind, written } = start()
    const q = queue('q', { 'x-message-ttl': 1000, ...toDead })
    fill(q, 100)
    clock.runDeferred()
    behind(30)
    clock.pass(2000)
    expect([q.counts.ready, dead.counts.ready]).toEqual([70, 30])
    clock.pass(10 * JOB_WAIT_MS)
    expect([q.counts.ready, dead.counts.ready]).toEqual([70, 30])
    written()
    expect([q.counts.ready, bodies(dead)]).toEqual([0, numbers(100)])
  })

  it('go at once where they are not', () => {
    const { clock, queue, behind } = start()
    const q = queue('q', { 'x-message-ttl': 1000 })
    fill(q, 100)
    clock.runDeferred()
    behind(0)
    clock.pass(2000)
    expect(q.counts.ready).toBe(0)
  })
})

/** A channel that has got all messages of the queue. */
function channelWith(broker: Broker, vhost: Vhost, q: Queue, count: number): Channel {
  const pace = {
    work: (steps: never, done?: () => void) => broker.turn.jobs.begin(steps, { failed: () => {} }, done),
  }
  const client = { broker, clock: broker.clock, pace, output: {} } as unknown as Client
  const ch = new Channel(client, 1, { vhost } as unknown as Channel['caller'])
  for (let i = 0; i < count; i++) {
    const got = q.get()
    q.takeGot(false)
    ch.unsettled.add(q, got?.sequence ?? -1, undefined)
  }
  return ch
}

describe('very many rejected messages', () => {
  const MANY = 10 * REJECTED_PER_STEP

  it('are held back in steps, in their order', () => {
    const { clock, broker, vhost, queue, dead, behind, written } = start()
    const q = queue('q', toDead)
    fill(q, MANY)
    const ch = channelWith(broker, vhost, q, MANY)
    behind(1)
    ch.settle(MANY, true, 'reject')
    clock.pass(10 * JOB_WAIT_MS)
    expect(dead.counts.ready).toBe(REJECTED_PER_STEP)
    written()
    expect([ch.unsettled.count, bodies(dead)]).toEqual([0, numbers(MANY)])
  })

  it('return at once, and so do those of queues without dead letters', () => {
    const { broker, vhost, queue, behind } = start()
    behind(0)
    for (const [name, how] of [
      ['a', 'reject'],
      ['b', 'return'],
    ] as const) {
      const q = queue(name, how === 'reject' ? {} : toDead)
      fill(q, MANY)
      const ch = channelWith(broker, vhost, q, MANY)
      ch.settle(MANY, true, how)
      expect([ch.unsettled.count, q.counts.ready]).toEqual([0, how === 'reject' ? 0 : MANY])
    }
  })

  it('of a transaction become dead letters later, since the disk waits for its end', () => {
    const { clock, broker, vhost, queue, dead, behind, written } = start()
    const q = queue('q', toDead)
    fill(q, 3)
    const ch = channelWith(broker, vhost, q, 3)
    broker.commit.hold()
    behind(1)
    for (const tag of [1, 2, 3]) ch.settle(tag, false, 'reject')
    expect([q.counts.ready, bodies(dead)]).toEqual([0, ['0']])
    broker.commit.letGo()
    clock.pass(DEAD_LETTER_RETRY_MS)
    expect(dead.counts.ready).toBe(1)
    written()
    clock.pass(DEAD_LETTER_RETRY_MS)
    expect(bodies(dead)).toEqual(numbers(3))
  })
})

it.each(['', ' of a transaction'])(
  'deliveries%s that are recovered, where they reach the delivery limit',
  (kind) => {
    const { clock, broker, vhost, queue, dead, behind, written } = start()
    const q = queue('q', { 'x-delivery-limit': 0, ...toDead })
    const count = 2 * SETTLED_PER_STEP
    fill(q, count)
    const ch = channelWith(broker, vhost, q, count)
    const acked = kind === '' ? 0 : 1
    if (acked > 0) {
      ch.transaction = new Transaction(broker.openTransactions)
      ch.transaction.addSettle(ch, 1, false, 'ack')
    }
    behind(1)
    let isDone = false
    ch.recover(() => {
      isDone = true
    })
    clock.pass(10 * JOB_WAIT_MS)
    expect([dead.counts.ready <= SETTLED_PER_STEP, isDone]).toEqual([true, false])
    written()
    expect([ch.unsettled.count, isDone, bodies(dead)]).toEqual([acked, true, numbers(count).slice(acked)])
  },
)

it('deliveries that time out, where they reach the delivery limit', () => {
  const { clock, broker, vhost, queue, dead, behind, written } = start()
  for (const [name, args] of [
    ['dies', { 'x-delivery-limit': 0, ...toDead }],
    ['returns', toDead],
  ] as const) {
    const q = queue(name, args)
    fill(q, 100)
    const ch = channelWith(broker, vhost, q, 0)
    const fields = { tag: 't', noAck: false, exclusive: false, priority: 0, prefetch: 0 }
    const c = new ChannelConsumer(ch, q, { ...fields, timeout: 1000 })
    const { timeout } = c as unknown as { timeout: ConsumerTimeout }
    for (let i = 0; i < 100; i++) {
      const got = q.get()
      q.takeGot(false)
      timeout.delivered(ch.unsettled.add(q, got?.sequence ?? -1, c))
    }
  }
  const [dies, returns] = ['dies', 'returns'].map((name) => vhost.queues.get(name) as Queue) as [Queue, Queue]
  behind(30)
  clock.pass(2000)
  clock.pass(10 * JOB_WAIT_MS)
  expect([dead.counts.ready, dies.counts.unacked, returns.counts.ready]).toEqual([30, 70, 100])
  written()
  expect([bodies(dead), dies.counts]).toMatchObject([numbers(100), { ready: 0, unacked: 0 }])
})

it('dead letters that have waited for their target', () => {
  const { clock, broker, vhost, queue, dead, behind, written } = start()
  const to = { ...toDead, 'x-dead-letter-exchange': 'amq.fanout', 'x-dead-letter-strategy': 'at-least-once' }
  const q = queue('q', { ...to, 'x-overflow': 'reject-publish' }, queueKind('quorum') as QueueKind)
  const count = 10 * REJECTED_PER_STEP
  fill(q, count)
  const ch = channelWith(broker, vhost, q, count)
  ch.settle(count, true, 'reject')
  clock.runDeferred()
  vhost.bind(vhost.exchanges.get('amq.fanout') as Exchange, dead, '', FieldTable.empty)
  behind(20)
  clock.pass(DEAD_LETTER_RETRY_MS)
  clock.pass(DEAD_LETTER_RETRY_MS)
  expect(dead.counts.ready).toBe(20)
  written()
  clock.pass(DEAD_LETTER_RETRY_MS)
  expect(bodies(dead)).toEqual(numbers(count))
})

it('delayed messages that are due', () => {
  const { clock, broker, vhost, dead, behind, written } = start()
  const info = { name: 'x', durable: false, autoDelete: false, internal: false }
  const args = FieldTable.from({ 'x-delayed-type': 'fanout' })
  const x: Exchange = broker.createExchange(vhost, { ...info, type: 'x-delayed-message', arguments: args })
  vhost.bind(x, dead, '', FieldTable.empty)
  const headers = FieldTable.from({ 'x-delay': 1000 })
  const m = new InboundMessage()
  for (const n of numbers(100)) {
    encodeContent('x', '', { headers }, Buffer.from(n), m)
    for (const e of vhost.route(x, [new PlainMessage('', { headers })]).effects) e.published(m)
  }
  behind(30)
  clock.pass(5000)
  clock.pass(10 * JOB_WAIT_MS)
  expect(dead.counts.ready).toBe(30)
  written()
  expect(bodies(dead)).toEqual(numbers(100))
})

it('what is redriven', async () => {
  const { clock, broker, vhost, queue, dead, behind, written } = start()
  const q = queue('q')
  fill(q, 100, { 'x-death': [{ queue: 'dead', reason: 'rejected', exchange: '', 'routing-keys': ['dead'] }] })
  behind(0)
  const { done } = new Redrive(vhost, q, broker, {})
  clock.pass(10 * JOB_WAIT_MS)
  expect(dead.counts.ready).toBe(0)
  written()
  clock.pass(JOB_WAIT_MS)
  expect(await done).toEqual({ moved: 100, skipped: 0 })
})

describe('queues that wait for the disk', () => {
  it('are looked at once per wait, however often others have them pumped meanwhile', () => {
    const { clock, broker, queue, behind, written } = start()
    const q = queue('q', { ...toDead, 'x-max-length': 1 })
    behind(0)
    let pumps = 0
    const { turn } = broker
    const wait = turn.pumpWhenWritten.bind(turn)
    turn.pumpWhenWritten = (waiting) => {
      pumps++
      wait(waiting)
    }
    for (let i = 0; i < 10; i++) {
      fill(q, 1)
      clock.pass(1)
    }
    const published = pumps
    expect(published).toBeGreaterThanOrEqual(5)
    for (let i = 0; i < 10 * JOB_WAIT_MS; i++) clock.pass(1)
    expect(pumps - published).toBeLessThanOrEqual(11)
    written()
    expect(q.counts.ready).toBe(1)
  })
})
