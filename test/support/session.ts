/** Connections of a conformance test that close by themselves, and the few steps that most tests begin with. */
import { onTestFinished } from 'vitest'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import type { Target } from './target.ts'
import { fresh } from './target.ts'
import { until } from './until.ts'
import { type HandshakeOptions, type MethodOf, type Partially, type Received, table, Wire } from './wire.ts'

export const CH = 1

/** A connection with channel 1 open; it ends with the test. */
export async function session(t: Target, o: HandshakeOptions = {}): Promise<Wire> {
  const w = await Wire.open(t.url, o)
  onTestFinished(async () => {
    await w.close().catch(() => w.socket.destroy())
  })
  await w.channel(CH)
  return w
}

type Declare = Partially<0x0032000a>

/** Declares a queue of a fresh name; it goes with the connection unless `exclusive` is given as false. */
export async function declareQueue(w: Wire, o: Declare = {}): Promise<string> {
  const queue = o.queue ?? fresh('q')
  await w.call(CH, MethodId.QueueDeclare, { exclusive: true, ...o, queue }, MethodId.QueueDeclareOk)
  return queue
}

export async function declareExchange(w: Wire, type: string, o: Partially<0x0028000a> = {}): Promise<string> {
  const exchange = o.exchange ?? fresh('x')
  await w.call(
    CH,
    MethodId.ExchangeDeclare,
    { autoDelete: true, ...o, exchange, type },
    MethodId.ExchangeDeclareOk,
  )
  return exchange
}

export async function bindQueue(
  w: Wire,
  queue: string,
  exchange: string,
  routingKey = '',
  args: Parameters<typeof table>[0] = {},
): Promise<void> {
  await w.call(
    CH,
    MethodId.QueueBind,
    { queue, exchange, routingKey, arguments: table(args) },
    MethodId.QueueBindOk,
  )
}

export async function consume(w: Wire, queue: string, o: Partially<0x003c0014> = {}): Promise<string> {
  return (await w.call(CH, MethodId.BasicConsume, { ...o, queue }, MethodId.BasicConsumeOk)).consumerTag
}

/** Of a channel that no test uses. */
const PROBE = 2000

/**
 * For what must not happen: a message goes all the way that the others would take, through a queue to a consumer of this
 * connection, after the broker has had everything that was sent before.
 */
export async function otherThingsHappen(w: Wire): Promise<void> {
  await w.channel(PROBE)
  const queue = fresh('probe')
  await w.call(PROBE, MethodId.QueueDeclare, { queue, exclusive: true }, MethodId.QueueDeclareOk)
  const consumer = { queue, noAck: true, consumerTag: 'probe' }
  await w.call(PROBE, MethodId.BasicConsume, consumer, MethodId.BasicConsumeOk)
  // There and back more than once: what takes several turns of the broker has had them.
  for (let i = 0; i < 3; i++) {
    w.publish(PROBE, { routingKey: queue })
    await w.receive(PROBE, MethodId.BasicDeliver)
  }
  await w.call(PROBE, MethodId.BasicCancel, { consumerTag: 'probe' }, MethodId.BasicCancelOk)
  await w.call(PROBE, MethodId.QueueDelete, { queue }, MethodId.QueueDeleteOk)
  await w.call(PROBE, MethodId.ChannelClose, {}, MethodId.ChannelCloseOk)
}

/** A message that was published now with so long to live is gone. */
export async function outlived(w: Wire, ttlMs: number): Promise<void> {
  const queue = await declareQueue(w)
  w.publish(CH, { routingKey: queue, properties: { expiration: String(ttlMs) } })
  await holds(w, queue, 0)
}

export type Delivered = Received & { method: MethodOf<0x003c003c> }

export async function deliveries(w: Wire, count: number): Promise<Delivered[]> {
  const out: Delivered[] = []
  for (let i = 0; i < count; i++) out.push(await w.receive(CH, MethodId.BasicDeliver))
  return out
}

/** The same, passing over whatever else comes on the channel. */
export async function deliveriesAmong(w: Wire, count: number): Promise<Delivered[]> {
  const out: Delivered[] = []
  while (out.length < count) {
    const r = await w.next(CH)
    if (r.method.id === MethodId.BasicDeliver) out.push(r as Delivered)
  }
  return out
}

export async function bodies(w: Wire, count: number): Promise<string[]> {
  return (await deliveries(w, count)).map((d) => String(d.body))
}

/** basic.get; undefined where the queue is empty. */
export async function get(
  w: Wire,
  queue: string,
  noAck = true,
): Promise<(Received & { method: MethodOf<0x003c0047> }) | undefined> {
  w.send(CH, MethodId.BasicGet, { queue, noAck })
  const r = await w.next(CH)
  if (r.method.id === MethodId.BasicGetEmpty) return undefined
  if (r.method.id !== MethodId.BasicGetOk) throw new Error(`unexpected ${JSON.stringify(r.method)}`)
  return r as Received & { method: MethodOf<0x003c0047> }
}

/** Ready messages and consumers, by a passive declare. */
export async function counts(w: Wire, queue: string): Promise<{ messages: number; consumers: number }> {
  const m = await w.call(CH, MethodId.QueueDeclare, { queue, passive: true }, MethodId.QueueDeclareOk)
  return { messages: m.messageCount, consumers: m.consumerCount }
}

/** Resolves once so many messages are ready. */
export async function holds(w: Wire, queue: string, messages: number): Promise<void> {
  await until(async () => (await counts(w, queue)).messages === messages, `${messages} messages in ${queue}`)
}

/** Publishes and waits until all are in the queue, which nobody consumes from. */
export async function fill(w: Wire, queue: string, ...list: string[]): Promise<void> {
  const before = (await counts(w, queue)).messages
  for (const body of list) w.publish(CH, { routingKey: queue, body })
  await holds(w, queue, before + list.length)
}

/** Puts the channel in confirm mode. */
export async function confirmSelect(w: Wire): Promise<void> {
  await w.call(CH, MethodId.ConfirmSelect, {}, MethodId.ConfirmSelectOk)
}

/** Resolves once the publishes `from` to `to` of the channel are acknowledged, in whatever order. */
export async function confirmed(w: Wire, from: number, to?: number): Promise<void> {
  const [first, last] = to === undefined ? [1, from] : [from, to]
  const open = new Set(Array.from({ length: last - first + 1 }, (_, i) => first + i))
  while (open.size > 0) {
    const m = await w.expect(CH, MethodId.BasicAck)
    for (const tag of [...open])
      if (tag === m.deliveryTag || (m.multiple && tag < m.deliveryTag)) open.delete(tag)
  }
}

/** The channel is closed with an error: its code and text. Channel 1 is open again afterwards. */
export async function refused(w: Wire): Promise<[number, string]> {
  const e = await w.channelError(CH)
  await w.channel(CH)
  return [e.code, e.text]
}
