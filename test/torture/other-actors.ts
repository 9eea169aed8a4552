/** Transactions, dead letters and streams. */
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { Wire } from '../support/wire.ts'
import { type Arguments, declare, look, Publisher, purge, readStream, take } from './client.ts'
import type { Actor } from './queue-actor.ts'
import type { Random } from './random.ts'
import { bodyOf, disorder, Record } from './record.ts'

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

export interface DeadLetterOptions {
  readonly name: string
  readonly args: Arguments
}

/** Messages that are rejected, or for which there is no room, are in the queue or behind it: in one of both, and once. */
export class DeadLetterActor implements Actor {
  readonly name: string
  private readonly o: DeadLetterOptions
  private readonly random: Random
  private readonly record = new Record()
  private next = 1

  constructor(o: DeadLetterOptions, random: Random) {
    this.o = o
    this.name = o.name
    this.random = random
  }

  get confirmed(): number {
    return this.record.confirmed.size
  }

  private get dead(): string {
    return `${this.name}-letters`
  }

  private async prepare(w: Wire): Promise<void> {
    const route = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': this.dead }
    await declare(w, this.dead)
    await declare(w, this.name, { ...this.o.args, ...route })
  }

  async work(url: string): Promise<void> {
    const w = await Wire.open(url)
    await w.channel(1)
    await w.channel(2)
    await this.prepare(w)
    const publisher = await Publisher.on(w, [this.record])
    for (;;) {
      for (let n = this.random(30); n >= 0; n--)
        publisher.publish(this.next++, 8 + this.random(100), { routingKey: this.name })
      await publisher.upTo(this.random(30))
      for (let n = this.random(20); n > 0; n--) {
        // A reject settles nothing: the message has to be in the other queue.
        const how = this.random(4)
        await take(w, this.name, how === 1 ? undefined : this.record, how)
      }
    }
  }

  async check(url: string): Promise<string[]> {
    const w = await Wire.open(url)
    await w.channel(1)
    await this.prepare(w)
    const found = [...(await look(url, this.name)), ...(await look(url, this.dead))]
    const problems = this.record.check(found)
    this.record.settle(found)
    if (found.length > 3000 || problems.length > 0) {
      for (const queue of [this.name, this.dead]) await purge(w, queue)
      this.record.forgetAll()
    }
    await w.close()
    return problems
  }
}

/** What is in a stream stays there, in its order; where its octets are limited, what goes is the oldest. */
export class StreamActor implements Actor {
  readonly name: string
  private readonly args: Arguments
  private readonly random: Random
  private readonly limited: boolean
  private readonly record = new Record()
  private next = 1

  /** @param limits arguments beside the type */
  constructor(name: string, random: Random, limits?: Arguments) {
    this.name = name
    this.random = random
    this.args = { 'x-queue-type': 'stream', ...limits }
    this.limited = limits !== undefined
  }

  async work(url: string): Promise<void> {
    const w = await Wire.open(url)
    await w.channel(1)
    await declare(w, this.name, this.args)
    const publisher = await Publisher.on(w, [this.record])
    for (;;) {
      for (let n = this.random(40); n >= 0; n--)
        publisher.publish(this.next++, 8 + this.random(200), { routingKey: this.name })
      await publisher.upTo(this.random(40))
    }
  }

  async check(url: string): Promise<string[]> {
    const w = await Wire.open(url)
    await w.channel(1)
    await declare(w, this.name, this.args)
    const found = await readStream(w, this.name)
    const first = this.limited ? (found[0]?.id ?? 0) : 0
    const problems = [...this.record.check(found, (id) => id >= first), ...disorder(found)]
    this.record.settle(found)
    if (found.length > 5000 || problems.length > 0) {
      await w.call(1, MethodId.QueueDelete, { queue: this.name }, MethodId.QueueDeleteOk)
      this.record.forgetAll()
    }
    await w.close()
    return problems
  }

  get confirmed(): number {
    return this.record.confirmed.size
  }
}
