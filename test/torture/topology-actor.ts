/** Queues, exchanges and bindings that come and go are there, or not, as it was answered. */
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { Wire } from '../support/wire.ts'
import { declare, declareExchange } from './client.ts'
import type { Actor } from './queue-actor.ts'
import type { Random } from './random.ts'

/** Of each kind. */
const NAMES = 30
const EXCHANGE = 'topology'
const QUEUE = 'topology'

interface Kind {
  readonly name: string
  make(w: Wire, name: string): Promise<unknown>
  remove(w: Wire, name: string): Promise<unknown>
  /** @param channel open, and closed by the broker where there is no such thing */
  isThere(w: Wire, channel: number, name: string): Promise<boolean>
}

const binding = (routingKey: string) => ({ queue: QUEUE, exchange: EXCHANGE, routingKey })

const kinds: readonly Kind[] = [
  {
    name: 'queue',
    make: (w, queue) => declare(w, queue),
    remove: (w, queue) => w.call(1, MethodId.QueueDelete, { queue }, MethodId.QueueDeleteOk),
    isThere: async (w, channel, queue) => {
      w.send(channel, MethodId.QueueDeclare, { queue, passive: true })
      return (await w.next(channel)).method.id === MethodId.QueueDeclareOk
    },
  },
  {
    name: 'exchange',
    make: (w, exchange) => declareExchange(w, exchange, 'topic'),
    remove: (w, exchange) => w.call(1, MethodId.ExchangeDelete, { exchange }, MethodId.ExchangeDeleteOk),
    isThere: async (w, channel, exchange) => {
      w.send(channel, MethodId.ExchangeDeclare, { exchange, type: 'topic', passive: true })
      return (await w.next(channel)).method.id === MethodId.ExchangeDeclareOk
    },
  },
  {
    name: 'binding',
    make: (w, key) => w.call(1, MethodId.QueueBind, binding(key), MethodId.QueueBindOk),
    remove: (w, key) => w.call(1, MethodId.QueueUnbind, binding(key), MethodId.QueueUnbindOk),
    isThere: async (w, channel, key) => {
      // What is routed to nobody comes back.
      await w.call(channel, MethodId.ConfirmSelect, {}, MethodId.ConfirmSelectOk)
      w.publish(channel, { exchange: EXCHANGE, routingKey: key, mandatory: true, body: key })
      const { method } = await w.next(channel)
      if (method.id === MethodId.BasicReturn) await w.next(channel)
      return method.id !== MethodId.BasicReturn
    },
  },
]

export class TopologyActor implements Actor {
  readonly name = 'topology'
  confirmed = 0
  private readonly random: Random
  /** By the kind's and the object's name; undefined: the broker died before it answered. */
  private readonly there = new Map<string, boolean | undefined>()

  constructor(random: Random) {
    this.random = random
  }

  private async prepare(w: Wire): Promise<void> {
    await w.channel(1)
    await declareExchange(w, EXCHANGE, 'direct')
    await declare(w, QUEUE)
  }

  async work(url: string): Promise<void> {
    const w = await Wire.open(url)
    await this.prepare(w)
    for (;;) {
      const kind = kinds[this.random(kinds.length)] as Kind
      const name = `${kind.name}-${this.random(NAMES)}`
      const makes = this.random(2) === 0
      this.there.set(name, undefined)
      await (makes ? kind.make(w, name) : kind.remove(w, name))
      this.there.set(name, makes)
      this.confirmed++
    }
  }

  async check(url: string): Promise<string[]> {
    const problems: string[] = []
    const w = await Wire.open(url)
    await this.prepare(w)
    let channel = 1
    for (const [name, wanted] of this.there) {
      const kind = kinds.find((k) => name.startsWith(k.name)) as Kind
      await w.channel(++channel)
      const isThere = await kind.isThere(w, channel, name)
      if (wanted !== undefined && wanted !== isThere)
        problems.push(`${name} is ${isThere ? '' : 'not '}there`)
    }
    await w.close()
    return problems
  }
}
