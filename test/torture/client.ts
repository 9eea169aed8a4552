/** What actors say to the broker. Everything fails when the broker dies, and that is how their work ends. */
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { type PublishOptions, table, Wire } from '../support/wire.ts'
import { bodyOf, type Found, type Record } from './record.ts'

export type Arguments = Parameters<typeof table>[0]

export async function declare(w: Wire, queue: string, args: Arguments = {}): Promise<void> {
  const fields = { queue, durable: true, arguments: table(args) }
  await w.call(1, MethodId.QueueDeclare, fields, MethodId.QueueDeclareOk)
}

export async function declareExchange(
  w: Wire,
  exchange: string,
  type: string,
  args: Arguments = {},
): Promise<void> {
  const fields = { exchange, type, durable: true, arguments: table(args) }
  await w.call(1, MethodId.ExchangeDeclare, fields, MethodId.ExchangeDeclareOk)
}

export async function bind(w: Wire, queue: string, exchange: string): Promise<void> {
  await w.call(1, MethodId.QueueBind, { queue, exchange }, MethodId.QueueBindOk)
}

export async function count(w: Wire, queue: string, channel = 1): Promise<number> {
  const ok = await w.call(channel, MethodId.QueueDeclare, { queue, passive: true }, MethodId.QueueDeclareOk)
  return ok.messageCount
}

export async function purge(w: Wire, queue: string): Promise<void> {
  await w.call(1, MethodId.QueuePurge, { queue }, MethodId.QueuePurgeOk)
}

/** All that is in a queue, which stays there. */
export async function look(url: string, queue: string): Promise<Found[]> {
  const w = await Wire.open(url)
  try {
    await w.channel(1)
    const ready = await count(w, queue)
    await w.call(1, MethodId.BasicConsume, { queue, consumerTag: 'look' }, MethodId.BasicConsumeOk)
    const found: Found[] = []
    while (found.length < ready) {
      const { body = Buffer.alloc(0) } = await w.receive(1, MethodId.BasicDeliver)
      found.push({ id: body.readDoubleBE(0), body })
    }
    await w.close()
    return found
  } finally {
    w.socket.destroy()
  }
}

/** All that is in a stream; on channels 1, which is open, and 2. */
export async function readStream(w: Wire, queue: string): Promise<Found[]> {
  await w.call(1, MethodId.BasicQos, { prefetchCount: 500 }, MethodId.BasicQosOk)
  const from = { queue, consumerTag: 'c', arguments: table({ 'x-stream-offset': 'first' }) }
  await w.call(1, MethodId.BasicConsume, from, MethodId.BasicConsumeOk)
  // Not before: what is too much goes when somebody begins to read.
  await w.channel(2)
  const ready = await count(w, queue, 2)
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

/** Publishes on channel 1 in confirm mode and keeps records. */
export class Publisher {
  private readonly w: Wire
  private tag = 0
  private readonly open = new Map<number, number>()
  private readonly records: readonly Record[]

  private constructor(w: Wire, records: readonly Record[]) {
    this.w = w
    this.records = records
  }

  /** @param records of the queues that get each message */
  static async on(w: Wire, records: readonly Record[]): Promise<Publisher> {
    await w.call(1, MethodId.ConfirmSelect, {}, MethodId.ConfirmSelectOk)
    return new Publisher(w, records)
  }

  publish(id: number, bytes: number, m: PublishOptions): void {
    for (const r of this.records) r.sent.add(id)
    this.open.set(++this.tag, id)
    this.w.publish(1, { ...m, body: bodyOf(id, bytes), properties: { deliveryMode: 2, ...m.properties } })
  }

  /** Waits until no more than that many are unconfirmed. */
  async upTo(unconfirmed: number): Promise<void> {
    while (this.open.size > unconfirmed) {
      const { method } = await this.w.next(1)
      if (method.id !== MethodId.BasicAck && method.id !== MethodId.BasicNack)
        throw new Error(`method ${method.id.toString(16)} in place of a confirm`)
      for (const [tag, id] of this.open) {
        if (tag > method.deliveryTag || (!method.multiple && tag !== method.deliveryTag)) continue
        this.open.delete(tag)
        for (const r of this.records) (method.id === MethodId.BasicAck ? r.confirmed : r.refused).add(id)
      }
    }
  }
}

/**
 * Takes a message from the queue, if there is one, and acknowledges, rejects or returns it, by chance.
 *
 * @param record notes that it may be gone; undefined where it may not
 */
export async function take(
  w: Wire,
  queue: string,
  record: Record | undefined,
  chance: number,
): Promise<void> {
  w.send(2, MethodId.BasicGet, { queue })
  const { method, body } = await w.next(2)
  if (method.id !== MethodId.BasicGetOk || body === undefined) return
  const { deliveryTag } = method
  if (chance !== 0) record?.settled.add(body.readDoubleBE(0))
  if (chance === 0) w.send(2, MethodId.BasicNack, { deliveryTag, requeue: true })
  else if (chance === 1) w.send(2, MethodId.BasicReject, { deliveryTag })
  else w.send(2, MethodId.BasicAck, { deliveryTag })
}
