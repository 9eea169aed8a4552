/**
 * Messages that are delayed, or expire, in front of two full queues of which each dead-letters what it refuses: they
 * come to two queues behind them, each once, also where an alarm keeps them from going on until the broker is killed.
 */
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { cameTrue } from '../support/until.ts'
import { table, Wire } from '../support/wire.ts'
import { bind, count, declare, declareExchange, look, Publisher, purge } from './client.ts'
import type { Actor } from './queue-actor.ts'
import type { Random } from './random.ts'
import { Record } from './record.ts'

const DELAYED = 'chain'
const EXPIRING = 'chain-expiring'
const LAST = ['chain-last-1', 'chain-last-2']
const KEPT_MAX = 3000
const WAIT_MS = 15_000

export class ChainActor implements Actor {
  readonly name = 'chain'
  private readonly random: Random
  private readonly records = LAST.map(() => new Record())
  private next = 1

  constructor(random: Random) {
    this.random = random
  }

  get confirmed(): number {
    return this.records[0]?.confirmed.size ?? 0
  }

  private async prepare(w: Wire): Promise<void> {
    await declareExchange(w, DELAYED, 'x-delayed-message', { 'x-delayed-type': 'fanout' })
    for (const x of ['chain-behind-1', 'chain-behind-2']) await declareExchange(w, x, 'fanout')
    const full = { 'x-max-length': 0, 'x-overflow': 'reject-publish-dlx' }
    await declare(w, 'chain-full-1', { ...full, 'x-dead-letter-exchange': 'chain-behind-1' })
    await bind(w, 'chain-full-1', DELAYED)
    await declare(w, 'chain-full-2', { ...full, 'x-dead-letter-exchange': 'chain-behind-2' })
    await bind(w, 'chain-full-2', 'chain-behind-1')
    await declare(w, EXPIRING, { 'x-message-ttl': 100, 'x-dead-letter-exchange': 'chain-behind-1' })
    for (const queue of LAST) {
      await declare(w, queue)
      await bind(w, queue, 'chain-behind-2')
    }
  }

  async work(url: string): Promise<void> {
    const w = await Wire.open(url)
    await w.channel(1)
    await this.prepare(w)
    const publisher = await Publisher.on(w, this.records)
    for (;;) {
      for (let n = this.random(20); n >= 0; n--) {
        const headers = table({ 'x-delay': 1 + this.random(400) })
        const way = this.random(2) === 0 ? { routingKey: EXPIRING } : { exchange: DELAYED, routingKey: '' }
        publisher.publish(this.next++, 8 + this.random(100), { ...way, properties: { headers } })
      }
      await publisher.upTo(this.random(20))
    }
  }

  async check(url: string): Promise<string[]> {
    const w = await Wire.open(url)
    await w.channel(1)
    await this.prepare(w)
    await cameTrue(async () => (await count(w, EXPIRING)) === 0, WAIT_MS, 20)
    const problems: string[] = []
    for (const [i, record] of this.records.entries()) {
      const queue = LAST[i] as string
      await cameTrue(async () => (await count(w, queue)) >= record.expected().length, WAIT_MS, 20)
      const found = await look(url, queue)
      const about = record.check(found)
      problems.push(...about.map((text) => `${queue}: ${text}`))
      record.settle(found)
      if (found.length < KEPT_MAX && about.length === 0) continue
      await purge(w, queue)
      record.forgetAll()
    }
    await w.close()
    return problems
  }
}

/** Consumes messages of which it settles some, and knows which it has had before. */
export class AgainActor implements Actor {
  readonly name = 'again'
  confirmed = 0
  private readonly random: Random
  private readonly had = new Set<number>()
  private next = 1

  constructor(random: Random) {
    this.random = random
  }

  async work(url: string): Promise<void> {
    const w = await Wire.open(url)
    await w.channel(1)
    await w.channel(2)
    await declare(w, this.name)
    const publisher = await Publisher.on(w, [])
    await w.call(2, MethodId.BasicQos, { prefetchCount: 30 }, MethodId.BasicQosOk)
    await w.call(2, MethodId.BasicConsume, { queue: this.name, consumerTag: 'c' }, MethodId.BasicConsumeOk)
    const publishing = this.publish(publisher)
    publishing.catch(() => {})
    for (;;) {
      const { body = Buffer.alloc(8), method } = await w.receive(2, MethodId.BasicDeliver)
      const { deliveryTag, redelivered } = method
      const id = body.readDoubleBE(0)
      if (this.had.has(id) && !redelivered) throw new Error(`message ${id} comes again unmarked`)
      this.had.add(id)
      const how = this.random(4)
      if (how === 0) w.send(2, MethodId.BasicNack, { deliveryTag, requeue: true })
      else w.send(2, MethodId.BasicAck, { deliveryTag })
    }
  }

  private async publish(publisher: Publisher): Promise<void> {
    for (;;) {
      for (let n = this.random(20); n >= 0; n--) publisher.publish(this.next++, 40, { routingKey: this.name })
      await publisher.upTo(0)
      this.confirmed++
    }
  }

  /** What is wrong shows in its work. */
  async check(): Promise<string[]> {
    return []
  }
}
