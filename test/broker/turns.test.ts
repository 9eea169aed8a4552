import { describe, expect, it } from 'vitest'
import type { Queue } from '../../src/broker/queue/queue.ts'
import type { Channel } from '../../src/channel/channel.ts'
import { Transaction } from '../../src/channel/transaction.ts'
import { Unsettled } from '../../src/channel/unsettled.ts'
import { SETTLED_PER_TURN_MAX } from '../../src/limits.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import {
  bindQueue,
  CH,
  consume,
  declareExchange,
  declareQueue,
  deliveries,
  get,
  session,
} from '../support/session.ts'
import { useTarget } from '../support/target.ts'
import { table, type Wire } from '../support/wire.ts'

const t = useTarget()

describe('one connection with requests that are much work', () => {
  it('lets the others have their turn between them', async () => {
    const [busy, other] = [await session(t), await session(t)]
    const x = await declareExchange(busy, 'headers')
    const queue = await declareQueue(busy)
    const fields = Array.from({ length: 2000 }, (_, i): [string, number] => [`field-${i}`, i])
    const args = Object.fromEntries([['x-match', 'any'] as const, ...fields])
    for (let i = 0; i < 20; i++) await bindQueue(busy, queue, x, String(i), args)
    const probed = await declareQueue(other)
    const answers: string[] = []
    for (let i = 0; i < 300; i++) busy.publish(CH, { exchange: x })
    const last = busy.call(CH, MethodId.QueueDeclare, { queue, passive: true }, MethodId.QueueDeclareOk)
    const done = [
      last.then(() => answers.push('busy')),
      (async () => {
        for (let i = 0; i < 5; i++) {
          await get(other, probed)
          answers.push('other')
        }
      })(),
    ]
    await Promise.all(done)
    // Twelve million fields are looked at: more than one turn's work on any machine.
    expect(answers[0]).toBe('other')
  })
})

class Counting extends Unsettled {
  looks = 0
  override isOutstanding(tag: number): boolean {
    this.looks++
    return super.isOutstanding(tag)
  }
  override nextFrom(tag: number, last: number): number {
    this.looks++
    return super.nextFrom(tag, last)
  }
}

describe('acknowledgements in a transaction', () => {
  it('look at each delivery once, however often `multiple` says the same again', () => {
    const unsettled = new Counting()
    const count = 20_000
    for (let i = 0; i < count; i++) unsettled.add({} as Queue, i, undefined)
    const transaction = new Transaction()
    const ch = { unsettled } as unknown as Channel
    for (let tag = 2; tag <= count; tag += 2)
      transaction.addSettle(ch, tag, true, tag % 4 === 0 ? 'ack' : 'reject')
    expect(unsettled.looks).toBeLessThan(5 * count)
    expect(transaction.settles.map((s) => s.tags)).toEqual(
      Array.from({ length: count / 2 }, (_, i) => [2 * i + 1, 2 * i + 2]),
    )
    expect(() => transaction.addSettle(ch, 2, true, 'ack')).toThrow('unknown delivery tag 2')
    for (let i = 0; i < 100; i++) transaction.addSettle(ch, 0, true, 'ack')
    expect(transaction.settles.length).toBe(count / 2)
    transaction.clear()
    transaction.addSettle(ch, 2, true, 'ack')
    expect(transaction.settles).toEqual([{ tags: [1, 2], how: 'ack' }])
  })
})

describe('a command about very many deliveries', () => {
  const MANY = 2 * SETTLED_PER_TURN_MAX + 10

  /** So many deliveries, all of them unsettled. */
  async function taken(args: Parameters<typeof table>[0] = {}): Promise<{ w: Wire; queue: string }> {
    const w = await session(t)
    const queue = await declareQueue(w, { arguments: table(args) })
    for (let i = 0; i < MANY; i++) w.publish(CH, { routingKey: queue, body: String(i) })
    const consumerTag = await consume(w, queue)
    await deliveries(w, MANY)
    w.send(CH, MethodId.BasicCancel, { consumerTag })
    await w.receive(CH, MethodId.BasicCancelOk)
    return { w, queue }
  }

  it.each([
    ['basic.recover', 'recover'],
    ['basic.nack', 'nack'],
  ])('takes several turns, its channel waits, and all come back in their order: %s', async (_, how) => {
    const { w, queue } = await taken()
    const other = await session(t)
    const probed = await declareQueue(other)
    const answers: string[] = []
    if (how === 'recover') w.send(CH, MethodId.BasicRecover, { requeue: true })
    else w.send(CH, MethodId.BasicNack, { deliveryTag: 0, multiple: true, requeue: true })
    w.send(CH, MethodId.QueueDeclare, { queue, passive: true })
    const after = (async () => {
      if (how === 'recover') await w.receive(CH, MethodId.BasicRecoverOk)
      const { method } = await w.receive(CH, MethodId.QueueDeclareOk)
      answers.push('after')
      return method.messageCount
    })()
    await get(other, probed)
    answers.push('other')
    expect(await after).toBe(MANY)
    expect(answers).toEqual(['other', 'after'])
    expect(String((await get(w, queue))?.body)).toBe('0')
    expect(String((await get(w, queue))?.body)).toBe('1')
  })
})
