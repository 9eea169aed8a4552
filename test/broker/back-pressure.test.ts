import { describe, expect, it, onTestFinished } from 'vitest'
import { createBroker } from '../../src/index.ts'
import { COMMIT_BYTES_MAX, MESSAGE_MEMORY_BYTES, OUTPUT_BYTES_HIGH } from '../../src/limits.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import type { StorageWrite } from '../../src/storage/storage.ts'
import { servedBroker } from '../support/served-broker.ts'
import {
  bindQueue,
  CH,
  consume,
  declareQueue,
  deliveries,
  otherThingsHappen,
  session,
} from '../support/session.ts'
import { until } from '../support/until.ts'
import { publishFrames, Wire } from '../support/wire.ts'

/** A disk that takes nothing until it is told to. */
class StuckStorage extends MemoryStorage {
  stuck = false
  private release: (() => void) | undefined

  override async write(batch: readonly StorageWrite[]): Promise<void> {
    if (this.stuck)
      await new Promise<void>((resolve) => {
        this.release = resolve
      })
    await super.write(batch)
  }

  goOn(): void {
    this.stuck = false
    this.release?.()
  }
}

/** The broker of this process handles what has come, several times over. */
async function turns(): Promise<void> {
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
}

/**
 * A client that publishes nothing logs in, declares, and gets messages of `q`. Once it rejects one, which may be
 * dead-lettered, it waits as publishers do. Returns that client.
 */
async function othersAreServed(url: string): Promise<Wire> {
  const w = await session({ url })
  await declareQueue(w)
  const get = async (): Promise<number> => {
    w.send(CH, MethodId.BasicGet, { queue: 'q' })
    return (await w.expect(CH, MethodId.BasicGetOk)).deliveryTag
  }
  for (let i = 0; i < 5; i++) await get()
  w.send(CH, MethodId.BasicNack, { deliveryTag: await get(), requeue: true })
  await turns()
  w.send(CH, MethodId.BasicQos, {})
  await turns()
  expect(w.inbox).toEqual([])
  return w
}

describe('back-pressure', () => {
  it('a consumer that does not read gets no more than its socket takes, and all of it in order later', async () => {
    const broker = await createBroker({ port: 0 })
    onTestFinished(() => broker.close())
    const w = await session(broker)
    const slow = await session(broker)
    const queue = await declareQueue(w, { exclusive: false })
    await consume(slow, queue, { noAck: true })
    slow.socket.pause()
    const [count, bytes] = [400, 100_000]
    for (let i = 0; i < count; i++) w.publish(CH, { routingKey: queue, body: Buffer.alloc(bytes, i & 0xff) })
    await w.call(CH, MethodId.BasicQos, {}, MethodId.BasicQosOk)
    await otherThingsHappen(w)
    const waiting = broker.queues()[0]?.ready ?? 0
    // The kernel's buffers take some too: a few megabytes of forty.
    expect(waiting * bytes).toBeGreaterThan(20 * OUTPUT_BYTES_HIGH)
    slow.socket.resume()
    const list = await deliveries(slow, count)
    expect(list.every((d, i) => d.body?.[0] === (i & 0xff) && d.body.length === bytes)).toBe(true)
  })

  it('a publisher to very many queues lets others come in between', async () => {
    const broker = await createBroker({ port: 0 })
    onTestFinished(() => broker.close())
    const w = await session(broker)
    const other = await session(broker)
    const [queues, publishes] = [1000, 1000]
    const names: string[] = []
    for (let i = 0; i < queues; i++) {
      const queue = await declareQueue(w)
      await bindQueue(w, queue, 'amq.fanout')
      names.push(queue)
    }
    const all = Array.from({ length: publishes }, () => publishFrames(CH, { exchange: 'amq.fanout' }))
    w.write(Buffer.concat(all))
    const copies = (): number => broker.queues().reduce((sum, q) => sum + q.ready, 0)
    await until(() => copies() > 0, 'the first message')
    await other.call(CH, MethodId.BasicQos, {}, MethodId.BasicQosOk)
    expect(copies()).toBeLessThan((queues * publishes) / 2)
    // The rest of the input is not lost: more publishes and a request behind them.
    const more = publishes / 10
    w.write(Buffer.concat(all.slice(0, more)))
    w.send(CH, MethodId.QueueDeclare, { queue: names[0] as string, passive: true })
    expect((await w.expect(CH, MethodId.QueueDeclareOk)).messageCount).toBe(publishes + more)
    expect(copies()).toBe(queues * (publishes + more))
  })

  it('a publisher faster than the disk is not read until the disk has caught up', async () => {
    const storage = new StuckStorage({ keeps: true })
    const { broker, url } = await servedBroker(storage, MESSAGE_MEMORY_BYTES)
    const w = await Wire.open(url)
    onTestFinished(() => void w.socket.destroy())
    await w.channel(CH)
    await w.call(CH, MethodId.QueueDeclare, { queue: 'q', durable: true }, MethodId.QueueDeclareOk)
    storage.stuck = true
    const [count, bytes] = [1500, 100_000]
    const frames = publishFrames(CH, {
      routingKey: 'q',
      body: Buffer.alloc(bytes),
      properties: { deliveryMode: 2 },
    })
    for (let i = 0; i < count; i++) w.write(frames)
    const ready = (): number => broker.vhosts.get('/')?.queues.get('q')?.counts.ready ?? 0
    await until(() => broker.overloaded, 'the broker to be overloaded')
    // What has come is taken as far as it is: the socket is not read.
    const settled = async (): Promise<boolean> => {
      const before = ready()
      await turns()
      return ready() === before
    }
    await until(settled, 'the publisher to be held back')
    expect(ready() * bytes).toBeLessThan(3 * COMMIT_BYTES_MAX)
    const other = await othersAreServed(url)
    expect(broker.overloaded).toBe(true)
    storage.goOn()
    await other.expect(CH, MethodId.BasicQosOk)
    await other.close()
    await until(() => ready() === count, 'all messages')
  })
})

describe('queue.purge', () => {
  /** Found by npm run torture: messages of a queue that was purged before the broker was killed had come back. */
  it('is answered when it is on disk', async () => {
    const storage = new StuckStorage({ keeps: true })
    const { broker, url } = await servedBroker(storage, MESSAGE_MEMORY_BYTES)
    const w = await session({ url })
    await w.call(CH, MethodId.QueueDeclare, { queue: 'q', durable: true }, MethodId.QueueDeclareOk)
    await w.call(CH, MethodId.ConfirmSelect, {}, MethodId.ConfirmSelectOk)
    w.publish(CH, { routingKey: 'q', body: 'x', properties: { deliveryMode: 2 } })
    await w.expect(CH, MethodId.BasicAck)
    storage.stuck = true
    w.send(CH, MethodId.QueuePurge, { queue: 'q' })
    await until(() => broker.vhosts.get('/')?.queues.get('q')?.counts.ready === 0, 'the purge')
    await turns()
    expect(w.inbox).toEqual([])
    storage.goOn()
    expect((await w.expect(CH, MethodId.QueuePurgeOk)).messageCount).toBe(1)
  })
})

describe('paging', () => {
  it('keeps a long transient queue out of memory, in order, and leaves nothing behind', async () => {
    const storage = new MemoryStorage({ keeps: true })
    const { broker, commit, url } = await servedBroker(storage, 1024 * 1024)
    const w = await session({ url })
    const queue = await declareQueue(w)
    const count = 20_000
    for (let i = 0; i < count; i++) w.publish(CH, { routingKey: queue, body: String(i).padEnd(1000) })
    await w.call(CH, MethodId.BasicQos, {}, MethodId.BasicQosOk)
    const chainBytes = (): number => broker.residentBytes
    await until(() => chainBytes() < 6 * 1024 * 1024, 'most of it on disk')
    const consumerTag = await consume(w, queue, { noAck: true })
    const list = await deliveries(w, count)
    expect(list.every((d, i) => Number(d.body) === i)).toBe(true)
    await w.call(CH, MethodId.BasicCancel, { consumerTag }, MethodId.BasicCancelOk)
    await w.call(CH, MethodId.QueueDelete, { queue }, MethodId.QueueDeleteOk)
    await commit.flush()
    expect(broker.residentBytes).toBe(0)
  })
})
