import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { PlainValue } from '../../src/protocol/field-table.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { systemClock } from '../../src/util/clock.ts'
import {
  CH,
  confirmed,
  confirmSelect,
  counts,
  declareQueue,
  deliveries,
  otherThingsHappen,
  refused,
  session,
} from '../support/session.ts'
import { differs, fresh, useTarget } from '../support/target.ts'
import { until } from '../support/until.ts'
import { table, Wire } from '../support/wire.ts'

const t = useTarget()

async function stream(w: Wire, args: Parameters<typeof table>[0] = {}): Promise<string> {
  const queue = await declareQueue(w, {
    exclusive: false,
    durable: true,
    arguments: table({ 'x-queue-type': 'stream', ...args }),
  })
  onTestFinished(async () => {
    const cleaner = await Wire.open(t.url)
    await cleaner.channel(CH)
    await cleaner.call(CH, MethodId.QueueDelete, { queue }, MethodId.QueueDeleteOk)
    await cleaner.close()
  })
  return queue
}

let published = 0
async function publish(
  w: Wire,
  queue: string,
  bodies: string[],
  headers: Parameters<typeof table>[0] = {},
): Promise<void> {
  for (const body of bodies)
    w.publish(CH, { routingKey: queue, body, properties: { headers: table(headers) } })
  await confirmed(w, published + 1, published + bodies.length)
  published += bodies.length
}

/** A session in confirm mode with a stream of so many messages, named by their offsets. */
async function filled(count: number, args: Parameters<typeof table>[0] = {}): Promise<[Wire, string]> {
  const w = await session(t)
  const queue = await stream(w, args)
  await confirmSelect(w)
  published = 0
  await publish(
    w,
    queue,
    Array.from({ length: count }, (_, i) => String(i)),
  )
  return [w, queue]
}

async function reader(queue: string, args: { [name: string]: PlainValue }, prefetch = 100): Promise<Wire> {
  const w = await session(t)
  await w.call(CH, MethodId.BasicQos, { prefetchCount: prefetch }, MethodId.BasicQosOk)
  await w.call(CH, MethodId.BasicConsume, { queue, arguments: table(args) }, MethodId.BasicConsumeOk)
  return w
}

async function read(queue: string, args: { [name: string]: PlainValue }, count: number): Promise<string[]> {
  const w = await reader(queue, args)
  const out = (await deliveries(w, count)).map((d) => String(d.body))
  await otherThingsHappen(w)
  expect(w.inbox).toEqual([])
  return out
}

describe('reading a stream', () => {
  it('takes nothing away: every consumer gets all, with offsets, never redelivered', async () => {
    const [, q] = await filled(4)
    for (let i = 0; i < 2; i++) {
      const w = await reader(q, { 'x-stream-offset': 'first' })
      const got = await deliveries(w, 4)
      expect(
        got.map((d) => [
          String(d.body),
          Number(d.properties?.headers?.toPlain()['x-stream-offset']),
          d.method.redelivered,
        ]),
      ).toEqual(['0', '1', '2', '3'].map((b) => [b, Number(b), false]))
      w.send(CH, MethodId.BasicAck, { deliveryTag: 4, multiple: true })
      await w.close()
    }
  })

  it('begins where it is told to', async () => {
    const [w, q] = await filled(5)
    expect(await read(q, { 'x-stream-offset': 3 }, 2)).toEqual(['3', '4'])
    expect(await read(q, { 'x-stream-offset': '1h' }, 5)).toEqual(['0', '1', '2', '3', '4'])
    expect(await read(q, { 'x-stream-offset': new Date(Date.now() - 3_600_000) }, 5)).toHaveLength(5)
    const late = [await reader(q, {}), await reader(q, { 'x-stream-offset': 'next' })]
    await publish(w, q, ['5', '6'])
    for (const r of late) expect((await deliveries(r, 2)).map((d) => String(d.body))).toEqual(['5', '6'])
  })

  it('from the last chunk brings the last message', async () => {
    const [, q] = await filled(3)
    const w = await reader(q, { 'x-stream-offset': 'last' })
    const bodies: string[] = []
    while (bodies.at(-1) !== '2') bodies.push(String((await deliveries(w, 1))[0]?.body))
    expect(bodies.at(-1)).toBe('2')
  })

  differs('RabbitMQ takes no negative offset')('from a negative offset brings the last so many', async () => {
    const [, q] = await filled(5)
    expect(await read(q, { 'x-stream-offset': -2 }, 2)).toEqual(['3', '4'])
    expect(await read(q, { 'x-stream-offset': -50 }, 5)).toHaveLength(5)
  })

  differs('RabbitMQ goes by chunks')('from a time brings what came at that time or later', async () => {
    const [w, q] = await filled(3)
    // Times are in seconds: it is the next one now.
    const time = new Date(Math.ceil(systemClock.now() / 1000 + 1) * 1000)
    vi.spyOn(systemClock, 'now').mockReturnValue(time.getTime())
    onTestFinished(() => void vi.restoreAllMocks())
    await publish(w, q, ['later', 'last'])
    expect(await read(q, { 'x-stream-offset': time }, 2)).toEqual(['later', 'last'])
  })

  differs('RabbitMQ sends whole chunks')(
    'keeps to the prefetch, which settling in any way gives back',
    async () => {
      const [, q] = await filled(6)
      const w = await reader(q, { 'x-stream-offset': 'first' }, 2)
      await deliveries(w, 2)
      await otherThingsHappen(w)
      expect(w.inbox).toEqual([])
      w.send(CH, MethodId.BasicAck, { deliveryTag: 1 })
      w.send(CH, MethodId.BasicNack, { deliveryTag: 2, requeue: true })
      const [a, b] = await deliveries(w, 2)
      expect([String(a?.body), String(b?.body)]).toEqual(['2', '3'])
      w.send(CH, MethodId.BasicReject, { deliveryTag: 3 })
      expect(String((await deliveries(w, 1))[0]?.body)).toBe('4')
    },
  )

  it('keeps the publisher’s headers and puts its own beside them', async () => {
    const [w, q] = await filled(0)
    await publish(w, q, ['x'], { mine: 'yes', other: 7 })
    const r = await reader(q, { 'x-stream-offset': 'first' })
    const [d] = await deliveries(r, 1)
    expect(d?.properties?.headers?.toPlain()).toMatchObject({
      mine: 'yes',
      other: 7,
      'x-stream-offset': 0,
    })
  })
})

describe('filters', () => {
  const own = differs('RabbitMQ has them from 3.13 on')
  own('bring the messages with one of the values, and those without one where asked', async () => {
    const [w, q] = await filled(0)
    for (const value of ['red', 'green', 'blue', 'red'])
      await publish(w, q, [value], { 'x-stream-filter-value': value })
    await publish(w, q, ['none'])
    const args = { 'x-stream-offset': 'first' }
    expect(await read(q, { ...args, 'x-stream-filter': 'red' }, 2)).toEqual(['red', 'red'])
    expect(await read(q, { ...args, 'x-stream-filter': ['green', 'blue'] }, 2)).toEqual(['green', 'blue'])
    expect(
      await read(q, { ...args, 'x-stream-filter': 'blue', 'x-stream-match-unfiltered': true }, 2),
    ).toEqual(['blue', 'none'])
  })
})

describe('what a stream refuses', () => {
  it('consumers without prefetch or without acknowledgement', async () => {
    const w = await session(t)
    const queue = await stream(w)
    w.send(CH, MethodId.BasicConsume, { queue })
    // 3.10 says "for 'queue", later versions say "for stream queue".
    const [code, text] = await refused(w)
    expect([code, text]).toEqual([406, expect.stringContaining('consumer prefetch count is not set for ')])
    expect(text).toContain(`queue '${queue}' in vhost '/'`)
    await w.call(CH, MethodId.BasicQos, { prefetchCount: 5 }, MethodId.BasicQosOk)
    w.send(CH, MethodId.BasicConsume, { queue, noAck: true })
    const e = await w.connectionError()
    expect(e.code).toBe(540)
    // 3.10 says "by stream queues queue".
    expect(e.text.replace('queues ', '')).toBe(
      `NOT_IMPLEMENTED - automatic acknowledgement not supported by stream queue '${queue}' in vhost '/'`,
    )
  })

  it('a shared prefetch, once there is one for each consumer', async () => {
    const w = await session(t)
    const queue = await stream(w)
    const shared = (): Promise<unknown> =>
      w.call(CH, MethodId.BasicQos, { prefetchCount: 5, global: true }, MethodId.BasicQosOk)
    await shared()
    w.send(CH, MethodId.BasicConsume, { queue })
    expect(await refused(w)).toEqual([
      406,
      expect.stringContaining('consumer prefetch count is not set for '),
    ])
    await w.call(CH, MethodId.BasicQos, { prefetchCount: 5 }, MethodId.BasicQosOk)
    await shared()
    w.send(CH, MethodId.BasicConsume, { queue })
    const e = await w.connectionError()
    expect([e.code, e.text]).toEqual([
      540,
      `NOT_IMPLEMENTED - queue '${queue}' in vhost '/' does not support global qos`,
    ])
  })

  it('basic.get and purge', async () => {
    const queue = await stream(await session(t))
    for (const [id, text] of [
      [
        MethodId.BasicGet,
        `NOT_IMPLEMENTED - basic.get not supported by stream queues queue '${queue}' in vhost '/'`,
      ],
      [
        MethodId.QueuePurge,
        `NOT_IMPLEMENTED - queue.purge not supported by stream queues queue '${queue}' in vhost '/'`,
      ],
    ] as const) {
      const w = await session(t)
      w.send(CH, id, { queue })
      const e = await w.connectionError()
      expect([e.code, e.text]).toEqual([540, text])
    }
  })

  it('to be anything but durable, shared and named', async () => {
    const w = await session(t)
    const args = table({ 'x-queue-type': 'stream' })
    for (const [flags, text] of [
      [{ durable: false }, 'non-durable'],
      [{ durable: true, autoDelete: true }, 'auto-delete'],
      [{ durable: true, exclusive: true }, 'exclusive-owner'],
    ] as const) {
      const queue = fresh('s')
      w.send(CH, MethodId.QueueDeclare, { queue, ...flags, arguments: args })
      expect(await refused(w)).toEqual([
        406,
        `PRECONDITION_FAILED - invalid property '${text}' for queue '${queue}' in vhost '/'`,
      ])
    }
    w.send(CH, MethodId.QueueDeclare, { queue: '', durable: true, arguments: args })
    expect((await refused(w))[1]).toContain(
      'Cannot declare a server-named queue for type rabbit_stream_queue',
    )
  })

  it('arguments of other kinds, and ages that are none', async () => {
    const w = await session(t)
    for (const [name, value, text] of [
      ['x-max-priority', 5, 'of queue type rabbit_stream_queue'],
      ['x-message-ttl', 5, 'of queue type rabbit_stream_queue'],
      ['x-max-age', '5 days', 'invalid_max_age'],
    ] as const) {
      const queue = fresh('s')
      w.send(CH, MethodId.QueueDeclare, {
        queue,
        durable: true,
        arguments: table({ 'x-queue-type': 'stream', [name]: value }),
      })
      expect(await refused(w)).toEqual([406, expect.stringContaining(text)])
    }
  })
})

describe('retention', () => {
  const own = differs('RabbitMQ goes by segments of 500 MB')
  own('by size drops the oldest messages', async () => {
    const w = await session(t)
    const q = await stream(w, { 'x-max-length-bytes': 100_000, 'x-stream-max-segment-size-bytes': 10_000 })
    await confirmSelect(w)
    for (let i = 0; i < 300; i++) w.publish(CH, { routingKey: q, body: 'x'.repeat(1000) })
    await confirmed(w, 300)
    const r = await reader(q, { 'x-stream-offset': 'first' }, 1)
    const [d] = await deliveries(r, 1)
    const { messages } = await counts(w, q)
    expect(messages).toBeGreaterThan(50)
    expect(messages).toBeLessThan(110)
    expect(Number(d?.properties?.headers?.toPlain()['x-stream-offset'])).toBe(300 - messages)
  })

  own('by age drops what is older', async () => {
    const w = await session(t)
    const q = await stream(w, { 'x-max-age': '1s', 'x-stream-max-segment-size-bytes': 4096 })
    await confirmSelect(w)
    for (let i = 0; i < 20; i++) w.publish(CH, { routingKey: q, body: 'x'.repeat(1000) })
    await confirmed(w, 20)
    let sent = 20
    await until(async () => {
      for (let i = 0; i < 8; i++) w.publish(CH, { routingKey: q, body: 'y'.repeat(1000) })
      await confirmed(w, sent + 1, sent + 8)
      sent += 8
      return (await counts(w, q)).messages <= sent - 20
    }, 'the old messages to go')
  })
})
