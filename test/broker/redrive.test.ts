import { describe, expect, it, onTestFinished } from 'vitest'
import { Broker } from '../../src/broker/broker.ts'
import { encodeContent } from '../../src/broker/content.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import { classic } from '../../src/broker/queue/kinds/kinds.ts'
import type { Queue } from '../../src/broker/queue/queue.ts'
import { createBroker } from '../../src/index.ts'
import { Redrive } from '../../src/operations/redrive.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { GroupCommit } from '../../src/storage/batch.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import type { StorageWrite } from '../../src/storage/storage.ts'
import { systemClock } from '../../src/util/clock.ts'
import { CH, counts, declareQueue, get, session } from '../support/session.ts'
import { until } from '../support/until.ts'
import { table } from '../support/wire.ts'

async function running() {
  const broker = await createBroker({ port: 0 })
  onTestFinished(() => broker.close())
  return broker
}

describe('redrive', () => {
  it('moves messages back to where they came from, as they were', async () => {
    const broker = await running()
    const w = await session(broker)
    const dead = await declareQueue(w)
    const args = table({ 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead })
    const [a, b] = [await declareQueue(w, { arguments: args }), await declareQueue(w, { arguments: args })]
    for (const [q, body] of [
      [a, 'one'],
      [b, 'two'],
      [a, 'three'],
    ] as const) {
      w.publish(CH, { routingKey: q, body, properties: { messageId: body } })
      const d = await get(w, q, false)
      w.send(CH, MethodId.BasicReject, { deliveryTag: d?.method.deliveryTag ?? 0, requeue: false })
    }
    w.publish(CH, { routingKey: dead, body: 'never was anywhere else' })
    expect((await counts(w, dead)).messages).toBe(4)
    expect(await broker.redrive(dead, { from: a, limit: 1 })).toMatchObject({ moved: 1 })
    const back = await get(w, a)
    expect([
      String(back?.body),
      back?.properties?.messageId,
      back?.method.exchange,
      back?.method.routingKey,
    ]).toEqual(['one', 'one', '', a])
    expect(await broker.redrive(dead, { reason: 'expired' })).toEqual({ moved: 0, skipped: 3 })
    await w.call(CH, MethodId.QueueDelete, { queue: b }, MethodId.QueueDeleteOk)
    expect(await broker.redrive(dead)).toEqual({ moved: 1, skipped: 2 })
    expect(String((await get(w, a))?.body)).toBe('three')
    expect((await counts(w, dead)).messages).toBe(2)
    await expect(broker.redrive('no such queue')).rejects.toThrow(
      "queue 'no such queue' in vhost '/' does not exist",
    )
  })

  it('keeps to the rate that it is given', async () => {
    const broker = await running()
    const w = await session(broker)
    const dead = await declareQueue(w)
    const q = await declareQueue(w, {
      arguments: table({
        'x-max-length': 0,
        'x-dead-letter-exchange': '',
        'x-dead-letter-routing-key': dead,
      }),
    })
    for (let i = 0; i < 8; i++) w.publish(CH, { routingKey: q })
    await until(async () => (await counts(w, dead)).messages === 8, 'the dead letters')
    await w.call(CH, MethodId.QueueDelete, { queue: q }, MethodId.QueueDeleteOk)
    await declareQueue(w, { queue: q })
    const began = Date.now()
    expect(await broker.redrive(dead, { rate: 20 })).toEqual({ moved: 8, skipped: 0 })
    expect(Date.now() - began).toBeGreaterThanOrEqual(340)
  })

  it('ends with the broker: nothing is moved that is not written any more', async () => {
    const broker = await createBroker({ port: 0 })
    const w = await session(broker)
    const dead = await declareQueue(w, { exclusive: false })
    const args = table({ 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead })
    const q = await declareQueue(w, { exclusive: false, arguments: args })
    for (let i = 0; i < 3; i++) {
      w.publish(CH, { routingKey: q })
      const d = await get(w, q, false)
      w.send(CH, MethodId.BasicReject, { deliveryTag: d?.method.deliveryTag ?? 0, requeue: false })
    }
    await broker.waitForQueue(dead, { ready: 3 })
    const moving = broker.redrive(dead, { rate: 0.001 })
    moving.catch(() => {})
    await w.close()
    await broker.close()
    await expect(moving).rejects.toMatchObject({
      code: 'CLOSED',
      message: 'the broker was closed; until then, 1 messages were moved',
    })
  })

  it('has every message in exactly one queue, whenever the broker dies', async () => {
    // Many steps, of which a slow machine may write several together.
    const MESSAGES = 3000
    const history = new Recording()
    const { broker, queue } = load(history)
    const [dead, back] = [queue('dead'), queue('back')]
    const death = { queue: 'back', reason: 'rejected', count: 1n, exchange: '', 'routing-keys': ['back'] }
    const headers = FieldTable.from({ 'x-death': [death] })
    const m = new InboundMessage()
    for (let i = 0; i < MESSAGES; i++) {
      encodeContent('dlx', 'key', { headers, deliveryMode: 2 }, Buffer.from(String(i)), m)
      dead.publish(m)
    }
    await broker.commit.flush()
    history.snapshots.length = 0
    const vhost = broker.vhosts.get('/')
    if (vhost === undefined) throw new Error('no vhost')
    const result = await new Redrive(vhost, dead, broker, {}).done
    await broker.commit.flush()
    expect(result).toEqual({ moved: MESSAGES, skipped: 0 })
    expect([dead.counts.ready, back.counts.ready]).toEqual([0, MESSAGES])
    broker.stop()
    expect(history.snapshots.length).toBeGreaterThan(2)
    for (const snapshot of history.snapshots) {
      const after = load(snapshot)
      const bodies = ['dead', 'back'].flatMap((name) =>
        Array.from(after.queue(name).browse(), ({ segment, index }) => Number(segment.content(index).body)),
      )
      expect(bodies.sort((x, y) => x - y)).toEqual(Array.from({ length: MESSAGES }, (_, i) => i))
      after.broker.stop()
    }
  })
})

/** A store that remembers what a restart after each of its writes would find. */
class Recording extends MemoryStorage {
  readonly snapshots: MemoryStorage[] = []
  private readonly writes: StorageWrite[] = []

  constructor() {
    super({ keeps: true })
  }

  override async write(batch: readonly StorageWrite[]): Promise<void> {
    for (const w of batch) {
      if (w.op === 'record') this.writes.push({ ...w, bytes: w.bytes.slice() })
      else this.writes.push(w)
    }
    await super.write(batch)
    const copy = new MemoryStorage({ keeps: true })
    await copy.write(this.writes)
    this.snapshots.push(copy)
  }
}

function load(storage: MemoryStorage): { broker: Broker; queue(name: string): Queue } {
  const commit = new GroupCommit(storage, systemClock)
  const broker = new Broker(storage, commit, systemClock, { messageMemoryBytes: 1e9 })
  broker.load()
  const vhost = broker.vhosts.get('/')
  if (vhost === undefined) throw new Error('no vhost')
  const info = {
    durable: true,
    exclusive: false,
    autoDelete: false,
    kind: classic,
    arguments: FieldTable.empty,
  }
  return {
    broker,
    queue: (name) => vhost.queues.get(name) ?? broker.createQueue(vhost, { name, ...info }, undefined),
  }
}
