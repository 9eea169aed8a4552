/** A broker that is closed while the disk is slow: what the next start can do is left to it. */

import { expect, it } from 'vitest'
import { Broker } from '../../src/broker/broker.ts'
import { encodeContent } from '../../src/broker/content.ts'
import type { Exchange } from '../../src/broker/exchange/exchange.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import { classic, type QueueKind } from '../../src/broker/queue/kinds/kinds.ts'
import type { Queue } from '../../src/broker/queue/queue.ts'
import { PlainMessage } from '../../src/broker/router.ts'
import { type Vhost, vhostInfo } from '../../src/broker/vhost.ts'
import { Channel } from '../../src/channel/channel.ts'
import type { Client } from '../../src/channel/client.ts'
import { ENDING_MS_MAX, FORGOTTEN_PER_STEP, JOB_WAIT_MS, OBJECTS_PER_STEP } from '../../src/limits.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { GroupCommit } from '../../src/storage/batch.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { type Plain, timedBroker } from '../support/timed-broker.ts'
import { table } from '../support/wire.ts'

const COUNT = 200

function message(n: number, headers: Plain): InboundMessage {
  const m = new InboundMessage()
  encodeContent('', '', { deliveryMode: 2, headers: table(headers) }, Buffer.from(String(n)), m)
  return m
}

function fill(q: Queue, count: number, headers: (n: number) => Plain = () => ({})): void {
  for (let n = 0; n < count; n++) q.publish(message(n, headers(n)))
}

/** So many messages in the queue `dead`, and the disk is behind. */
function start(behindAt: number) {
  const t = timedBroker()
  const dead = t.queue('dead')
  t.broker.turn.isBehind = () => dead.counts.ready >= behindAt
  return { ...t, dead }
}

it('rejected messages that would become dead letters stay in their queue', () => {
  const { clock, broker, vhost, queue, dead } = start(1)
  const q = queue('q', { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' })
  fill(q, COUNT)
  const pace = { work: (steps: never) => broker.turn.jobs.begin(steps, { failed: expect.unreachable }) }
  const client = { broker, clock, pace, output: {} } as unknown as Client
  const ch = new Channel(client, 1, { vhost } as unknown as Channel['caller'])
  for (let i = 0; i < COUNT; i++) {
    const got = q.get()
    q.takeGot(false)
    ch.unsettled.add(q, got?.sequence ?? -1, undefined)
  }
  ch.settle(COUNT, true, 'reject')
  broker.turn.ending.begin()
  clock.pass(ENDING_MS_MAX - 1)
  expect(broker.turn.jobs.size).toBe(1)
  clock.pass(JOB_WAIT_MS)
  expect(broker.turn.jobs.size).toBe(0)
  expect([dead.counts.ready > 0, q.counts.unacked]).toEqual([true, COUNT - dead.counts.ready])
})

it('delayed messages that are due keep waiting', () => {
  const { clock, broker, vhost, dead } = start(30)
  const info = { name: 'x', durable: false, autoDelete: false, internal: false }
  const args = table({ 'x-delayed-type': 'fanout' })
  const x: Exchange = broker.createExchange(vhost, { ...info, type: 'x-delayed-message', arguments: args })
  vhost.bind(x, dead, '', FieldTable.empty)
  const headers = { 'x-delay': 1000 }
  const route = () => vhost.route(x, [new PlainMessage('', { headers: table(headers) })])
  for (let n = 0; n < COUNT; n++) for (const e of route().effects) e.published(message(n, headers))
  clock.pass(5000)
  broker.turn.ending.begin()
  clock.pass(ENDING_MS_MAX - 1)
  expect(broker.turn.jobs.size).toBe(1)
  clock.pass(JOB_WAIT_MS)
  expect([broker.turn.jobs.size, dead.counts.ready]).toEqual([0, 30])
})

/** A broker on that store. */
function brokerOn(storage: MemoryStorage) {
  const clock = new ManualClock()
  const commit = new GroupCommit(storage, clock)
  const broker = new Broker(storage, commit, clock, { messageMemoryBytes: 2 ** 20 })
  broker.load()
  const kind: QueueKind = classic
  const info = { durable: true, exclusive: false, autoDelete: false, kind }
  const queue = (vhost: Vhost, name: string, args: Plain = {}): Queue =>
    broker.createQueue(vhost, { ...info, name, arguments: FieldTable.from(args) }, undefined)
  return { clock, commit, broker, queue, vhost: broker.vhosts.get('/') as Vhost }
}

/** What the store has under these keys after the first broker has ended in the middle, and after the next one. */
async function leftBy(
  begin: (t: ReturnType<typeof brokerOn>) => void,
  keys: string,
): Promise<{ before: number; left: number; after: number }> {
  const storage = new MemoryStorage({ keeps: true })
  const stored = (): number => [...storage.scan(keys)].length
  const first = brokerOn(storage)
  begin(first)
  await first.commit.flush()
  const before = stored()
  first.broker.turn.run()
  first.broker.turn.ending.begin()
  first.clock.pass(ENDING_MS_MAX)
  expect(first.broker.turn.jobs.size).toBe(0)
  await first.commit.flush()
  const left = stored()
  const second = brokerOn(storage)
  for (let i = 0; i < 100; i++) second.clock.pass(100)
  await second.commit.flush()
  return { before, left, after: stored() }
}

it('a vhost that is being removed is removed by the next start', async () => {
  const { before, left, after } = await leftBy(({ broker, queue }) => {
    const vhost = broker.setVhost(vhostInfo({ name: 'v' }))
    for (let n = 0; n < 200 * OBJECTS_PER_STEP; n++) queue(vhost, `q${n}`)
    broker.turn.jobs.begin(broker.removingVhost('v'), { failed: expect.unreachable })
  }, 'queue:')
  expect([left > 0, left < before, after]).toEqual([true, true, 0])
})

it('values of a deleted queue with deduplication are removed by the next start', async () => {
  const { before, left, after } = await leftBy(({ queue, vhost }) => {
    const q = queue(vhost, 'q', { 'x-message-deduplication': true })
    fill(q, 100 * FORGOTTEN_PER_STEP, (n) => ({ 'x-deduplication-header': n }))
    vhost.removeQueue(q)
  }, 'dedup:')
  expect([left > 0, left < before, after]).toEqual([true, true, 0])
})

it('exchanges that are deleted with their last binding go with the bindings of a deleted queue', async () => {
  const { before, left, after } = await leftBy(({ broker, queue, vhost }) => {
    const q = queue(vhost, 'q')
    const info = { type: 'fanout', durable: true, autoDelete: true, internal: false }
    for (let n = 0; n < 100 * OBJECTS_PER_STEP; n++) {
      const x = broker.createExchange(vhost, { ...info, name: `x${n}`, arguments: FieldTable.empty })
      vhost.bind(x, q, '', FieldTable.empty)
    }
    vhost.removeQueue(q)
  }, 'exchange:')
  expect([left > 0, left < before, after]).toEqual([true, true, 0])
})

it('queues of a vhost that is left to the next start do not expire after the end', async () => {
  const { broker, clock, commit, queue } = brokerOn(new MemoryStorage({ keeps: true }))
  const vhost = broker.setVhost(vhostInfo({ name: 'v' }))
  for (let n = 0; n < 200 * OBJECTS_PER_STEP; n++) queue(vhost, `q${n}`, { 'x-expires': 2 * ENDING_MS_MAX })
  await commit.flush()
  broker.turn.jobs.begin(broker.removingVhost('v'), { failed: expect.unreachable })
  broker.turn.ending.begin()
  clock.pass(ENDING_MS_MAX)
  broker.stop()
  const { queuesDeleted } = broker.counters
  expect(queuesDeleted).toBeLessThan(200 * OBJECTS_PER_STEP)
  clock.pass(2 * ENDING_MS_MAX)
  expect(broker.counters.queuesDeleted).toBe(queuesDeleted)
})
