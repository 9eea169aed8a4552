/** Publishes to a queue of some kind, or to several at once, and knows what must be in them afterwards. */
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { cameTrue } from '../support/until.ts'
import { type PublishOptions, Wire } from '../support/wire.ts'
import {
  type Arguments,
  bind,
  count,
  declare,
  declareExchange,
  look,
  Publisher,
  purge,
  take,
} from './client.ts'
import type { Random } from './random.ts'
import { disorder, type Found, Record } from './record.ts'

/** Does its work until the broker dies, and says after the restart what is wrong. */
export interface Actor {
  readonly name: string
  /** What the broker has confirmed to it so far. */
  readonly confirmed: number
  work(url: string): Promise<void>
  check(url: string): Promise<string[]>
}

export interface QueueActorOptions {
  readonly name: string
  readonly queues?: number
  readonly args?: Arguments
  /** Type and arguments of an exchange in front; without one it is the default exchange. */
  readonly exchange?: { type: string; args?: Arguments }
  readonly bytes?: number
  readonly window?: number
  /** Messages are also taken, queues purged, deleted and declared again. */
  readonly lively?: boolean
  /** Each message is published that many times. */
  readonly copies?: number
  /** What was not answered is published again after the restart. */
  readonly again?: boolean
  /** Connections that publish; each has the ids with one remainder. */
  readonly producers?: number
  properties?(id: number, random: Random): NonNullable<PublishOptions['properties']>
  /** Messages go on to that queue by themselves, and are looked for there. */
  readonly target?: string
  /** What is found in one of these groups is in order; undefined = nothing is said about the order. */
  readonly group?: ((id: number) => number) | undefined
  /** The queue keeps no more than so many. */
  readonly maxLength?: number
}

/** Messages in a queue above which it is emptied. */
const KEPT_MAX = 3000
const WAIT_MS = 15_000

export class QueueActor implements Actor {
  readonly name: string
  private readonly o: QueueActorOptions
  private readonly random: Random
  private readonly queues: string[]
  private readonly records: Record[]
  private readonly next: number[]
  /** Without an answer when the broker died. */
  private unanswered: number[] = []

  constructor(o: QueueActorOptions, random: Random) {
    this.o = o
    this.name = o.name
    this.random = random
    this.queues = Array.from({ length: o.queues ?? 1 }, (_, i) => `${o.name}-${i}`)
    this.records = this.queues.map(() => new Record())
    const { producers = 1 } = o
    this.next = Array.from({ length: producers }, (_, which) => producers + which)
  }

  get confirmed(): number {
    return this.records.reduce((n, r) => n + r.confirmed.size, 0)
  }

  private async prepare(w: Wire): Promise<void> {
    const { exchange, name, args, target } = this.o
    if (target !== undefined) await declare(w, target)
    if (exchange !== undefined) await declareExchange(w, name, exchange.type, exchange.args)
    for (const queue of this.queues) {
      await declare(w, queue, args)
      if (exchange !== undefined) await bind(w, queue, name)
    }
  }

  async work(url: string): Promise<void> {
    await Promise.all(this.next.map((_, producer) => this.produce(url, producer)))
  }

  private async produce(url: string, producer: number): Promise<void> {
    const w = await Wire.open(url)
    await w.channel(1)
    await w.channel(2)
    await this.prepare(w)
    const publisher = await Publisher.on(w, this.records)
    const window = this.o.window ?? 50
    for (const id of this.unanswered.splice(0)) this.publish(publisher, id)
    for (;;) {
      for (let n = this.random(window); n >= 0; n--) this.publish(publisher, this.newId(producer))
      await publisher.upTo(this.random(window))
      if (this.o.lively !== true) continue
      const which = this.random(this.queues.length)
      for (let n = this.random(20); n > 0; n--) await this.takeFrom(w, which)
      if (this.random(60) === 0) await this.empty(w, which, publisher)
    }
  }

  private newId(producer: number): number {
    const id = this.next[producer] as number
    this.next[producer] = id + this.next.length
    return id
  }

  private publish(publisher: Publisher, id: number): void {
    const { bytes = 60, copies = 1, exchange, name, properties } = this.o
    const m: PublishOptions = {
      exchange: exchange === undefined ? '' : name,
      routingKey: exchange === undefined ? (this.queues[0] as string) : '',
      properties: properties?.(id, this.random) ?? {},
    }
    for (let n = copies; n > 0; n--) publisher.publish(id, 8 + this.random(bytes) * (n === copies ? 1 : 0), m)
  }

  private takeFrom(w: Wire, which: number): Promise<void> {
    return take(w, this.queues[which] as string, this.records[which] as Record, this.random(4))
  }

  /** Purged, or deleted and declared again, when nothing is on its way. */
  private async empty(w: Wire, which: number, publisher: Publisher): Promise<void> {
    await publisher.upTo(0)
    const queue = this.queues[which] as string
    this.records[which]?.emptying()
    if (this.random(2) === 0) {
      await w.call(2, MethodId.QueuePurge, { queue }, MethodId.QueuePurgeOk)
      this.records[which]?.forgetAll()
      return
    }
    await w.call(2, MethodId.QueueDelete, { queue }, MethodId.QueueDeleteOk)
    this.records[which]?.forgetAll()
    await this.prepare(w)
  }

  async check(url: string): Promise<string[]> {
    const problems: string[] = []
    const w = await Wire.open(url)
    await w.channel(1)
    await this.prepare(w)
    for (const [i, record] of this.records.entries()) {
      const queue = this.o.target ?? (this.queues[i] as string)
      if (this.o.target !== undefined)
        await this.until(async () => (await count(w, this.queues[i] as string)) === 0)
      else if (this.o.exchange?.type === 'x-delayed-message')
        await this.until(async () => (await count(w, queue)) >= record.expected().length)
      const found = await look(url, queue)
      const about = [...record.check(found, this.keeping(found)), ...this.disorder(found)]
      problems.push(...about.map((text) => `${queue}: ${text}`))
      if (this.o.again === true) this.unanswered = record.unanswered()
      record.settle(found)
      for (const id of this.unanswered) record.gone.delete(id)
      if (found.length < KEPT_MAX && about.length === 0) continue
      await purge(w, queue)
      record.forgetAll()
      this.unanswered = []
    }
    await w.close()
    return problems
  }

  /** What comes only in time. A condition that does not come true shows in what is found. */
  private async until(condition: () => Promise<boolean>): Promise<void> {
    await cameTrue(condition, WAIT_MS, 20)
  }

  private keeping(found: readonly Found[]): ((id: number) => boolean) | undefined {
    const { maxLength } = this.o
    if (maxLength === undefined) return undefined
    const first = found.length < maxLength ? 0 : (found[0]?.id ?? 0)
    return (id) => id >= first
  }

  private disorder(found: readonly Found[]): string[] {
    const { group, maxLength } = this.o
    const problems =
      maxLength !== undefined && found.length > maxLength ? [`it has ${found.length} messages`] : []
    if (group === undefined) return problems
    const groups = new Map<number, Found[]>()
    for (const f of found) groups.set(group(f.id), [...(groups.get(group(f.id)) ?? []), f])
    for (const list of groups.values()) problems.push(...disorder(list))
    return problems
  }
}
