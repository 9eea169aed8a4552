/** Transactions, streams and topology. */
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { table, Wire } from '../support/wire.ts'
import { count, declare, look, Publisher, purge } from './client.ts'
import type { Actor } from './queue-actor.ts'
import type { Random } from './random.ts'
import { bodyOf, disorder, type Found, Record } from './record.ts'

const IN = 'tx-in'
const OUT = 'tx-out'

/** Messages go from one queue to the other, each in a transaction: they are in one of them, and in one only. */
export class TxActor implements Actor {
  readonly name = 'tx'
  confirmed = 0
  private readonly random: Random
  /** Ids of one transaction each, and whether its commit was answered. */
  private batches: { ids: number[]; committed: boolean }[] = []
  private next = 1

  constructor(random: Random) {
    this.random = random
  }

  async work(url: string): Promise<void> {
    const w = await Wire.open(url)
    await w.channel(1)
    await declare(w, IN)
    await declare(w, OUT)
    await w.call(1, MethodId.TxSelect, {}, MethodId.TxSelectOk)
    for (;;) {
      if (this.random(4) === 0) await this.seed(w)
      else await this.move(w)
    }
  }

  private async seed(w: Wire): Promise<void> {
    const batch = { ids: Array.from({ length: 1 + this.random(10) }, () => this.next++), committed: false }
    for (const id of batch.ids) this.publish(w, IN, id)
    if (this.random(8) === 0) {
      await w.call(1, MethodId.TxRollback, {}, MethodId.TxRollbackOk)
      return
    }
    this.batches.push(batch)
    await w.call(1, MethodId.TxCommit, {}, MethodId.TxCommitOk)
    this.confirmed++
    batch.committed = true
  }

  private async move(w: Wire): Promise<void> {
    for (let n = 1 + this.random(3); n > 0; n--) {
      w.send(1, MethodId.BasicGet, { queue: IN })
      const { method, body } = await w.next(1)
      if (method.id !== MethodId.BasicGetOk || body === undefined) break
      this.publish(w, OUT, body.readDoubleBE(0))
      w.send(1, MethodId.BasicAck, { deliveryTag: method.deliveryTag })
    }
    await w.call(1, MethodId.TxCommit, {}, MethodId.TxCommitOk)
    this.confirmed++
  }

  private publish(w: Wire, routingKey: string, id: number): void {
    w.publish(1, { routingKey, body: bodyOf(id, 40), properties: { deliveryMode: 2 } })
  }

  async check(url: string): Promise<string[]> {
    const w = await Wire.open(url)
    await w.channel(1)
    await declare(w, IN)
    await declare(w, OUT)
    const found = [...(await look(url, IN)), ...(await look(url, OUT))].map((f) => f.id)
    const there = new Set(found)
    const problems =
      found.length === there.size ? [] : [`${found.length - there.size} messages are there twice`]
    const known = new Set(this.batches.flatMap((b) => b.ids))
    for (const id of there) if (!known.has(id)) problems.push(`message ${id} was never committed`)
    for (const { ids, committed } of this.batches) {
      const some = ids.filter((id) => there.has(id)).length
      if (some !== ids.length && (committed || some > 0))
        problems.push(
          `${some} of the ${ids.length} messages of a transaction are there (committed: ${committed})`,
        )
    }
    this.batches = this.batches.filter((b) => b.ids.some((id) => there.has(id)))
    if (there.size > 2000 || problems.length > 0) {
      for (const queue of [IN, OUT]) await purge(w, queue)
      this.batches = []
    }
    await w.close()
    return problems
  }
}

const STREAM = 'stream'

/** What is in a stream stays there, in its order. */
export class StreamActor implements Actor {
  readonly name = STREAM
  private readonly random: Random
  private readonly record = new Record()
  private next = 1

  constructor(random: Random) {
    this.random = random
  }

  async work(url: string): Promise<void> {
    const w = await Wire.open(url)
    await w.channel(1)
    await declare(w, STREAM, { 'x-queue-type': 'stream' })
    const publisher = await Publisher.on(w, [this.record])
    for (;;) {
      for (let n = this.random(40); n >= 0; n--)
        publisher.publish(this.next++, 8 + this.random(200), { routingKey: STREAM })
      await publisher.upTo(this.random(40))
    }
  }

  async check(url: string): Promise<string[]> {
    const w = await Wire.open(url)
    await w.channel(1)
    await declare(w, STREAM, { 'x-queue-type': 'stream' })
    const found = await this.read(w, await count(w, STREAM))
    const problems = [...this.record.check(found), ...disorder(found)]
    this.record.settle(found)
    if (found.length > 5000 || problems.length > 0) {
      await w.call(1, MethodId.QueueDelete, { queue: STREAM }, MethodId.QueueDeleteOk)
      this.record.forgetAll()
    }
    await w.close()
    return problems
  }

  get confirmed(): number {
    return this.record.confirmed.size
  }

  private async read(w: Wire, ready: number): Promise<Found[]> {
    await w.call(1, MethodId.BasicQos, { prefetchCount: 500 }, MethodId.BasicQosOk)
    const from = { queue: STREAM, consumerTag: 'c', arguments: table({ 'x-stream-offset': 'first' }) }
    await w.call(1, MethodId.BasicConsume, from, MethodId.BasicConsumeOk)
    const found: Found[] = []
    while (found.length < ready) {
      const { body = Buffer.alloc(0), method } = await w.receive(1, MethodId.BasicDeliver)
      found.push({ id: body.readDoubleBE(0), body })
      if (found.length % 200 === 0)
        w.send(1, MethodId.BasicAck, { deliveryTag: method.deliveryTag, multiple: true })
    }
    await w.call(1, MethodId.BasicCancel, { consumerTag: 'c' }, MethodId.BasicCancelOk)
    return found
  }
}

/** Queues that are declared and deleted are there, or not, as it was answered. */
export class TopologyActor implements Actor {
  readonly name = 'topology'
  confirmed = 0
  private readonly random: Random
  /** undefined: the broker died before it answered. */
  private readonly there = new Map<string, boolean | undefined>()

  constructor(random: Random) {
    this.random = random
  }

  async work(url: string): Promise<void> {
    const w = await Wire.open(url)
    await w.channel(1)
    for (;;) {
      const queue = `topology-${this.random(30)}`
      const declares = this.random(2) === 0
      this.there.set(queue, undefined)
      if (declares) await declare(w, queue)
      else await w.call(1, MethodId.QueueDelete, { queue }, MethodId.QueueDeleteOk)
      this.there.set(queue, declares)
      this.confirmed++
    }
  }

  async check(url: string): Promise<string[]> {
    const problems: string[] = []
    const w = await Wire.open(url)
    let channel = 1
    await w.channel(channel)
    for (const [queue, wanted] of this.there) {
      w.send(channel, MethodId.QueueDeclare, { queue, passive: true })
      const { method } = await w.next(channel)
      const isThere = method.id === MethodId.QueueDeclareOk
      if (wanted !== undefined && wanted !== isThere)
        problems.push(`${queue} is ${isThere ? '' : 'not '}there`)
      if (isThere) continue
      w.send(channel, MethodId.ChannelCloseOk)
      await w.channel(++channel)
    }
    await w.close()
    return problems
  }
}
