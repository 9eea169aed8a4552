/** Connections, channels, queues, exchanges, bindings and consumers that come and go. */
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { table, Wire } from '../support/wire.ts'
import type { Part, Place } from './churn.ts'
import { type Arguments, bind, declare, declareExchange } from './client.ts'
import { bodyOf } from './record.ts'

/** A connection with channel 1, and its end in order. */
export async function connected(place: Place, work: (w: Wire) => Promise<void>): Promise<void> {
  const w = await Wire.open(place.url, { capabilities: { 'connection.blocked': true } })
  try {
    await w.channel(1)
    await work(w)
    await w.close()
  } finally {
    w.socket.destroy()
  }
}

export async function remove(w: Wire, queue: string): Promise<void> {
  await w.call(1, MethodId.QueueDelete, { queue }, MethodId.QueueDeleteOk)
}

export async function removeExchange(w: Wire, exchange: string): Promise<void> {
  await w.call(1, MethodId.ExchangeDelete, { exchange }, MethodId.ExchangeDeleteOk)
}

/** On channel 1, which confirms from now on. */
export async function confirmed(
  w: Wire,
  count: number,
  message: (n: number) => Parameters<Wire['publish']>[1],
): Promise<void> {
  await w.call(1, MethodId.ConfirmSelect, {}, MethodId.ConfirmSelectOk)
  for (let n = 0; n < count; n++) w.publish(1, { body: bodyOf(n, 100), ...message(n) })
  for (let last = 0; last < count; ) {
    const { method } = await w.next(1)
    if (method.id === MethodId.BasicAck || method.id === MethodId.BasicNack)
      last = method.multiple ? method.deliveryTag : last + 1
    else if (method.id !== MethodId.BasicReturn) throw new Error(`method ${method.id} in place of a confirm`)
  }
}

/** Takes so many on channel 2, and acknowledges them. */
export async function consumed(w: Wire, queue: string, count: number, args: Arguments = {}): Promise<void> {
  await w.channel(2)
  await w.call(2, MethodId.BasicQos, { prefetchCount: 50 }, MethodId.BasicQosOk)
  const consume = { queue, consumerTag: 'c', arguments: table(args) }
  await w.call(2, MethodId.BasicConsume, consume, MethodId.BasicConsumeOk)
  for (let n = 0; n < count; n++) {
    const { deliveryTag } = (await w.receive(2, MethodId.BasicDeliver)).method
    w.send(2, MethodId.BasicAck, { deliveryTag })
  }
}

const connections: Part = {
  name: 'connections',
  everyMs: 100,
  async piece(place, random) {
    const w = await Wire.open(place.url, { heartbeat: random(3) * 10 })
    for (let n = 1 + random(4); n > 0; n--) await w.channel(n)
    w.publish(1, { routingKey: 'nowhere', body: 'x' })
    if (random(3) === 0) w.socket.destroy()
    else await w.close()
  },
}

const channels: Part = {
  name: 'channels',
  everyMs: 150,
  piece: (place, random) =>
    connected(place, async (w) => {
      for (let n = 2; n < 12; n++) {
        await w.channel(n)
        if (random(2) === 0) {
          w.send(n, MethodId.QueueDeclare, { queue: 'missing', passive: true })
          await w.channelError(n)
        } else await w.call(n, MethodId.ChannelClose, {}, MethodId.ChannelCloseOk)
      }
    }),
}

const kinds: readonly Arguments[] = [
  {},
  { 'x-queue-type': 'quorum' },
  { 'x-max-priority': 5 },
  { 'x-expires': 60_000 },
  { 'x-queue-mode': 'lazy' },
  { 'x-single-active-consumer': true },
]

const queues: Part = {
  name: 'queues and bindings',
  everyMs: 100,
  piece: (place, random, number) =>
    connected(place, async (w) => {
      const exchange = `churn-${['topic', 'headers', 'fanout', 'direct'][number % 4]}`
      await declareExchange(w, exchange, ['topic', 'headers', 'fanout', 'direct'][number % 4] as string)
      const names = Array.from({ length: 1 + random(5) }, (_, i) => `churn.${number}.${i}`)
      for (const queue of names) {
        await declare(w, queue, kinds[random(kinds.length)])
        await bind(w, queue, exchange)
        for (const routingKey of [`a.${number}.*`, '#', `b.${random(50)}.#`]) {
          const binding = { queue, exchange, routingKey, arguments: table({ n: random(50) }) }
          await w.call(1, MethodId.QueueBind, binding, MethodId.QueueBindOk)
          if (random(2) === 0) await w.call(1, MethodId.QueueUnbind, binding, MethodId.QueueUnbindOk)
        }
      }
      await confirmed(w, 20, () => ({
        exchange,
        routingKey: `a.${number}.x`,
        properties: { deliveryMode: 1 + random(2) },
      }))
      for (const queue of names) await remove(w, queue)
      if (random(4) === 0) await removeExchange(w, exchange)
    }),
}

/** They end with their connection, with their last consumer, or by themselves. */
const passing: Part = {
  name: 'exclusive, auto-delete and expiring queues',
  everyMs: 150,
  async piece(place, random, number) {
    const w = await Wire.open(place.url)
    await w.channel(1)
    const own = { queue: '', exclusive: true }
    const { queue } = await w.call(1, MethodId.QueueDeclare, own, MethodId.QueueDeclareOk)
    const auto = `auto.${number}`
    const fields = { queue: auto, autoDelete: true, durable: true }
    await w.call(1, MethodId.QueueDeclare, fields, MethodId.QueueDeclareOk)
    await declare(w, `brief.${number}`, { 'x-expires': 1 + random(500) })
    const to = { exchange: 'amq.topic', routingKey: `p.${number}` }
    for (const q of [queue, auto])
      await w.call(1, MethodId.QueueBind, { queue: q, ...to }, MethodId.QueueBindOk)
    await confirmed(w, 10, () => to)
    await consumed(w, auto, 10)
    if (random(2) === 0) await w.close()
    w.socket.destroy()
  },
}

const exchanges: Part = {
  name: 'exchanges bound to exchanges',
  everyMs: 200,
  piece: (place, _, number) =>
    connected(place, async (w) => {
      const [first, last, queue] = [`x.${number}.a`, `x.${number}.b`, `x.${number}`]
      await declareExchange(w, first, 'topic', { 'alternate-exchange': last })
      await declareExchange(w, last, 'fanout')
      await declare(w, queue)
      await bind(w, queue, last)
      const fields = { destination: last, source: first, routingKey: 'a.#' }
      await w.call(1, MethodId.ExchangeBind, fields, MethodId.ExchangeBindOk)
      await confirmed(w, 10, (n) => ({
        exchange: first,
        routingKey: n % 2 === 0 ? 'a.b' : 'c',
        mandatory: true,
      }))
      await consumed(w, queue, 10)
      await removeExchange(w, first)
      await removeExchange(w, last)
      await remove(w, queue)
    }),
}

/** Consumers come and go on a queue that stays, with messages that some of them return. */
const consumers: Part = {
  name: 'consumers',
  everyMs: 50,
  piece: (place, random) =>
    connected(place, async (w) => {
      const queue = 'consumed'
      await declare(w, queue, { 'x-max-length': 500 })
      await confirmed(w, 50, () => ({ routingKey: queue, properties: { deliveryMode: 2 } }))
      for (let n = 2; n < 6; n++) {
        await w.channel(n)
        await w.call(n, MethodId.BasicQos, { prefetchCount: 1 + random(10) }, MethodId.BasicQosOk)
        const consume = { queue, consumerTag: `c${n}` }
        await w.call(n, MethodId.BasicConsume, consume, MethodId.BasicConsumeOk)
      }
      for (let n = 2; n < 6; n++) {
        const { deliveryTag } = (await w.receive(n, MethodId.BasicDeliver)).method
        if (random(3) === 0) w.send(n, MethodId.BasicNack, { deliveryTag, requeue: true })
        else w.send(n, MethodId.BasicAck, { deliveryTag })
        if (random(2) === 0) w.send(n, MethodId.BasicCancel, { consumerTag: `c${n}`, nowait: true })
      }
      for (let n = 0; n < 40; n++) {
        w.send(1, MethodId.BasicGet, { queue, noAck: true })
        await w.next(1)
      }
    }),
}

export const topologyParts: readonly Part[] = [connections, channels, queues, passing, exchanges, consumers]
