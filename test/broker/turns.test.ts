import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Queue } from '../../src/broker/queue/queue.ts'
import type { Channel } from '../../src/channel/channel.ts'
import { Transaction } from '../../src/channel/transaction.ts'
import { Unsettled } from '../../src/channel/unsettled.ts'
import { defaultSettings } from '../../src/config/default-settings.ts'
import { COMMITTED_PER_STEP, JOB_STEPS_PER_TURN, SETTLED_PER_STEP } from '../../src/limits.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { oneForAll, silent } from '../../src/util/logger.ts'
import { RunningNode } from '../support/running-node.ts'
import {
  bindQueue,
  bodies,
  CH,
  consume,
  counts,
  declareExchange,
  declareQueue,
  deliveries,
  get,
  holds,
  session,
} from '../support/session.ts'
import { useTarget } from '../support/target.ts'
import { publishFrames, table, type Wire } from '../support/wire.ts'

const t = useTarget()

/** Messages with the numbers up to `count` as bodies, in one piece. */
function publishNumbers(w: Wire, queue: string, count: number): void {
  const frames = Array.from({ length: count }, (_, i) =>
    publishFrames(CH, { routingKey: queue, body: `${i}` }),
  )
  w.write(Buffer.concat(frames))
}

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
    const transaction = new Transaction({ routeBytes: 0 })
    const ch = { unsettled, wasLate: () => false } as unknown as Channel
    for (let tag = 2; tag <= count; tag += 2)
      transaction.addSettle(ch, tag, true, tag % 4 === 0 ? 'ack' : 'reject')
    expect(unsettled.looks).toBeLessThan(5 * count)
    expect(transaction.settles.map((s) => [...transaction.tagsOf(s, unsettled)])).toEqual(
      Array.from({ length: count / 2 }, (_, i) => [2 * i + 1, 2 * i + 2]),
    )
    expect(() => transaction.addSettle(ch, 2, true, 'ack')).toThrow('unknown delivery tag 2')
    for (let i = 0; i < 100; i++) transaction.addSettle(ch, 0, true, 'ack')
    expect(transaction.settles.length).toBe(count / 2)
    transaction.clear()
    transaction.addSettle(ch, 2, true, 'ack')
    expect(transaction.settles.map((s) => [s.how, ...transaction.tagsOf(s, unsettled)])).toEqual([
      ['ack', 1, 2],
    ])
  })

  it('go through the deliveries at the commit, in steps, and not before', () => {
    const unsettled = new Counting()
    for (let i = 0; i < 20_000; i++) unsettled.add({} as Queue, i, undefined)
    const transaction = new Transaction({ routeBytes: 0 })
    const ch = { unsettled, wasLate: () => false } as unknown as Channel
    transaction.addSettle(ch, 19_999, false, 'reject')
    transaction.addSettle(ch, 0, true, 'ack')
    expect(unsettled.looks).toBeLessThan(10)
    expect([1, 19_999, 20_000, 20_001].map((tag) => transaction.has(tag))).toEqual([true, true, true, false])
    expect(() => transaction.addSettle(ch, 19_999, false, 'ack')).toThrow('unknown delivery tag 19999')
    const [one, all] = transaction.settles.map((s) => [...transaction.tagsOf(s, unsettled)])
    expect(one).toEqual([19_999])
    expect([all?.length, all?.[0], all?.slice(-2)]).toEqual([20_000, 1, [undefined, 20_000]])
  })
})

describe('a command about very many deliveries', () => {
  const MANY = 2 * JOB_STEPS_PER_TURN * SETTLED_PER_STEP + 10

  /** So many deliveries, all of them unsettled. */
  async function taken(args: Parameters<typeof table>[0] = {}): Promise<{ w: Wire; queue: string }> {
    const w = await session(t)
    const queue = await declareQueue(w, { arguments: table(args) })
    publishNumbers(w, queue, MANY)
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

/** Looks after each turn of the event loop: what takes several of them is seen. */
async function seen(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

describe('what outlives a turn', () => {
  /** More than one: it is seen to be at work between them. */
  const TURNS = 2
  const DELIVERIES = TURNS * JOB_STEPS_PER_TURN * SETTLED_PER_STEP
  const PUBLISHES = TURNS * JOB_STEPS_PER_TURN * COMMITTED_PER_STEP
  let leveret: RunningNode
  const target = { url: '' }

  beforeAll(async () => {
    const listeners = [{ port: 0, bind: '127.0.0.1' }]
    leveret = await RunningNode.start({ ...defaultSettings, listeners }, oneForAll(silent))
    target.url = `amqp://guest:guest@127.0.0.1:${leveret.ports[0]}`
  })
  afterAll(() => leveret.close())

  const begun = (): Promise<void> => seen(() => leveret.broker.turn.jobs.size > 0)
  const over = (): Promise<void> => seen(() => leveret.broker.turn.jobs.size === 0)

  async function taken(): Promise<{ w: Wire; queue: string }> {
    const w = await session(target)
    const queue = await declareQueue(w, { exclusive: false })
    publishNumbers(w, queue, DELIVERIES)
    await consume(w, queue)
    await deliveries(w, DELIVERIES)
    return { w, queue }
  }

  const close = { replyCode: 200 }
  it.each<[string, (w: Wire) => Promise<unknown>]>([
    ['channel.close', (w) => w.call(CH, MethodId.ChannelClose, close, MethodId.ChannelCloseOk)],
    ['connection.close', (w) => w.call(0, MethodId.ConnectionClose, close, MethodId.ConnectionCloseOk)],
    [
      'a channel error',
      (w) => w.call(CH, MethodId.BasicAck, { deliveryTag: 0xffffff }, MethodId.ChannelClose),
    ],
    ['the end of the socket', async (w) => w.socket.destroy()],
  ])('%s gives very many deliveries back, in their order', async (_, end) => {
    const { w, queue } = await taken()
    const [reader, other] = [await session(target), await session(target)]
    await consume(reader, queue, { noAck: true })
    const ended = end(w)
    await begun()
    // Nobody gets it before those in front of it are back.
    other.publish(CH, { routingKey: queue, body: 'behind' })
    await ended
    const all = await bodies(reader, DELIVERIES + 1)
    expect(all.findIndex((body, i) => body !== (i < DELIVERIES ? String(i) : 'behind'))).toBe(-1)
  })

  it.each<[string, (w: Wire) => Promise<unknown>]>([
    ['channel.close', (w) => w.call(CH, MethodId.ChannelClose, close, MethodId.ChannelCloseOk)],
    ['connection.close', (w) => w.call(0, MethodId.ConnectionClose, close, MethodId.ConnectionCloseOk)],
  ])('%s is answered when all are back', async (_, end) => {
    const { w, queue } = await taken()
    const [ended] = [end(w), await begun()]
    await ended
    const { ready } = leveret.broker.vhosts.get('/')?.queues.get(queue)?.counts ?? {}
    expect(ready).toBe(DELIVERIES)
  })

  it('an acknowledgement that has come is done, though the connection ends meanwhile', async () => {
    const { w, queue } = await taken()
    w.send(CH, MethodId.BasicAck, { deliveryTag: DELIVERIES - 1, multiple: true })
    await begun()
    w.socket.destroy()
    await over()
    const { ready } = leveret.broker.vhosts.get('/')?.queues.get(queue)?.counts ?? {}
    const other = await session(target)
    await holds(other, queue, 1)
    expect(ready).toBeLessThanOrEqual(1)
    expect(String((await get(other, queue))?.body)).toBe(String(DELIVERIES - 1))
  })

  async function pending(): Promise<{ w: Wire; queue: string }> {
    const w = await session(target)
    const queue = await declareQueue(w, { exclusive: false })
    await w.call(CH, MethodId.TxSelect, {}, MethodId.TxSelectOk)
    publishNumbers(w, queue, PUBLISHES)
    await w.call(CH, MethodId.BasicQos, {}, MethodId.BasicQosOk)
    return { w, queue }
  }

  it('tx.commit of very many publishes is answered when all are there', async () => {
    const { w, queue } = await pending()
    const committed = w.call(CH, MethodId.TxCommit, {}, MethodId.TxCommitOk)
    await begun()
    await committed
    expect((await counts(w, queue)).messages).toBe(PUBLISHES)
    expect(String((await get(w, queue))?.body)).toBe('0')
  })

  it('tx.commit is brought to its end though its connection ends', async () => {
    const { w, queue } = await pending()
    w.send(CH, MethodId.TxCommit, {})
    await begun()
    w.socket.destroy()
    await holds(await session(target), queue, PUBLISHES)
  })
})
