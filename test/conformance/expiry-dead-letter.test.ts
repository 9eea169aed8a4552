import { describe, expect, it } from 'vitest'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import {
  bindQueue,
  bodies,
  CH,
  confirmed,
  confirmSelect,
  consume,
  counts,
  declareExchange,
  declareQueue,
  deliveries,
  deliveriesAmong,
  fill,
  get,
  holds,
  otherThingsHappen,
  outlived,
  session,
} from '../support/session.ts'
import { differs, useTarget } from '../support/target.ts'
import { until } from '../support/until.ts'
import { type PublishOptions, table, type Wire } from '../support/wire.ts'

const t = useTarget()

interface Death {
  count: number
  reason: string
  queue: string
  exchange: string
  'routing-keys': string[]
  time: Date
  'original-expiration'?: string
}

/** A source queue with a dead-letter exchange, and the queue behind that. */
async function graveyard(
  w: Wire,
  args: Parameters<typeof table>[0] = {},
): Promise<{ source: string; dead: string; dlx: string }> {
  const dlx = await declareExchange(w, 'fanout')
  const dead = await declareQueue(w)
  await bindQueue(w, dead, dlx)
  const source = await declareQueue(w, { arguments: table({ 'x-dead-letter-exchange': dlx, ...args }) })
  return { source, dead, dlx }
}

async function buried(w: Wire, dead: string) {
  await until(async () => (await counts(w, dead)).messages > 0, 'a dead letter')
  const m = await get(w, dead)
  if (m === undefined) throw new Error('no dead letter')
  const headers = m.properties?.headers?.toPlain() ?? {}
  return { m, headers, deaths: headers['x-death'] as unknown as Death[] }
}

describe('message TTL', () => {
  it('of the queue: expired messages leave', async () => {
    const w = await session(t)
    const q = await declareQueue(w, { arguments: table({ 'x-message-ttl': 30 }) })
    w.publish(CH, { routingKey: q })
    await holds(w, q, 0)
  })

  it('of the message: expired messages leave at the head', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await confirmSelect(w)
    w.publish(CH, { routingKey: q, properties: { expiration: '30' } })
    w.publish(CH, { routingKey: q, body: 'stays' })
    await confirmed(w, 2)
    await holds(w, q, 1)
    expect(String((await get(w, q))?.body)).toBe('stays')
  })

  it('a long one hides a short one behind it, which is still not delivered', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    w.publish(CH, { routingKey: q, body: 'long', properties: { expiration: '60000' } })
    w.publish(CH, { routingKey: q, body: 'short', properties: { expiration: '1' } })
    await outlived(w, 1)
    expect((await counts(w, q)).messages).toBe(2)
    expect(String((await get(w, q))?.body)).toBe('long')
    expect(await get(w, q)).toBeUndefined()
  })

  it('0 reaches a consumer that is ready, and nobody else', async () => {
    const w = await session(t)
    const q = await declareQueue(w, { arguments: table({ 'x-message-ttl': 0 }) })
    w.publish(CH, { routingKey: q, body: 'missed' })
    await holds(w, q, 0)
    await consume(w, q, { noAck: true })
    w.publish(CH, { routingKey: q, body: 'caught' })
    expect(String((await w.receive(CH, MethodId.BasicDeliver)).body)).toBe('caught')
  })

  it('does not touch what is unacked', async () => {
    const w = await session(t)
    const q = await declareQueue(w, { arguments: table({ 'x-message-ttl': 40 }) })
    await consume(w, q)
    w.publish(CH, { routingKey: q })
    await w.receive(CH, MethodId.BasicDeliver)
    await outlived(w, 40)
    w.send(CH, MethodId.BasicAck, { deliveryTag: 1 })
    await w.call(CH, MethodId.BasicQos, {}, MethodId.BasicQosOk)
  })
})

describe('maximum length', () => {
  it('drops from the head', async () => {
    const w = await session(t)
    const q = await declareQueue(w, { arguments: table({ 'x-max-length': 2 }) })
    await confirmSelect(w)
    for (const body of ['1', '2', '3', '4']) w.publish(CH, { routingKey: q, body })
    await confirmed(w, 4)
    await holds(w, q, 2)
    expect([String((await get(w, q))?.body), String((await get(w, q))?.body)]).toEqual(['3', '4'])
  })

  it('counts octets of bodies', async () => {
    const w = await session(t)
    const q = await declareQueue(w, { arguments: table({ 'x-max-length-bytes': 10 }) })
    for (const body of ['12345', '67890', 'abc']) w.publish(CH, { routingKey: q, body })
    await holds(w, q, 2)
    expect(String((await get(w, q))?.body)).toBe('67890')
  })

  it('drops what comes back before others where the queue is full, also with a consumer that waits', async () => {
    const w = await session(t)
    const q = await declareQueue(w, { arguments: table({ 'x-max-length': 1 }) })
    await w.call(CH, MethodId.BasicQos, { prefetchCount: 1 }, MethodId.BasicQosOk)
    await consume(w, q)
    for (const body of ['one', 'two']) w.publish(CH, { routingKey: q, body })
    await deliveries(w, 1)
    await holds(w, q, 1)
    w.send(CH, MethodId.BasicReject, { deliveryTag: 1, requeue: true })
    expect(await bodies(w, 1)).toEqual(['two'])
    expect((await counts(w, q)).messages).toBe(0)
  })

  const returns: Record<string, (w: Wire) => void> = {
    reject: (w) => w.send(CH, MethodId.BasicReject, { deliveryTag: 1, requeue: true }),
    'reject in a transaction': (w) => {
      w.send(CH, MethodId.BasicReject, { deliveryTag: 1, requeue: true })
      w.send(CH, MethodId.TxCommit)
    },
    recover: (w) => w.send(CH, MethodId.BasicRecover, { requeue: true }),
  }
  it.each(Object.keys(returns))(
    'leaves room for what %s returns after a publish that a consumer took',
    async (how) => {
      const w = await session(t)
      const q = await declareQueue(w, { arguments: table({ 'x-max-length': 1 }) })
      await fill(w, q, 'one')
      await get(w, q, false)
      await consume(w, q, { noAck: true })
      if (how.includes('transaction')) await w.call(CH, MethodId.TxSelect, {}, MethodId.TxSelectOk)
      w.publish(CH, { routingKey: q, body: 'two' })
      returns[how]?.(w)
      expect((await deliveriesAmong(w, 2)).map((d) => String(d.body))).toEqual(['two', 'one'])
    },
  )

  it('keeps what comes back where it refuses publishes', async () => {
    const w = await session(t)
    const args = table({ 'x-max-length': 1, 'x-overflow': 'reject-publish' })
    const q = await declareQueue(w, { arguments: args })
    for (const body of ['one', 'two']) {
      w.publish(CH, { routingKey: q, body })
      await holds(w, q, 1)
      await get(w, q, false)
    }
    w.send(CH, MethodId.BasicNack, { deliveryTag: 0, multiple: true, requeue: true })
    await holds(w, q, 2)
    expect([String((await get(w, q))?.body), String((await get(w, q))?.body)]).toEqual(['one', 'two'])
  })

  it('does not count what is unacked', async () => {
    const w = await session(t)
    const q = await declareQueue(w, { arguments: table({ 'x-max-length': 1 }) })
    await consume(w, q)
    for (const body of ['1', '2', '3']) w.publish(CH, { routingKey: q, body })
    for (const body of ['1', '2', '3'])
      expect(String((await w.receive(CH, MethodId.BasicDeliver)).body)).toBe(body)
  })
})

/** A queue whose messages go to another one after a while, in ms. */
function passingOn(w: Wire, to: string, ttl: number): Promise<string> {
  const args = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': to, 'x-message-ttl': ttl }
  return declareQueue(w, { arguments: table(args) })
}

describe('dead lettering', () => {
  it('rejected: with its history', async () => {
    const w = await session(t)
    const { source, dead, dlx } = await graveyard(w)
    w.publish(CH, {
      routingKey: source,
      body: 'b',
      properties: { messageId: 'id', headers: table({ mine: 1 }) },
    })
    await holds(w, source, 1)
    await get(w, source, false)
    w.send(CH, MethodId.BasicReject, { deliveryTag: 1, requeue: false })
    const { m, headers, deaths } = await buried(w, dead)
    expect(m.method).toMatchObject({ exchange: dlx, routingKey: source })
    expect([String(m.body), m.properties?.messageId, headers['mine']]).toEqual(['b', 'id', 1])
    expect(deaths).toHaveLength(1)
    expect(deaths[0]).toMatchObject({
      count: 1,
      reason: 'rejected',
      queue: source,
      exchange: '',
      'routing-keys': [source],
    })
    expect(deaths[0]?.time).toBeInstanceOf(Date)
    expect(headers).toMatchObject({
      'x-first-death-reason': 'rejected',
      'x-first-death-queue': source,
      'x-first-death-exchange': '',
    })
  })

  differs('x-last-death came with RabbitMQ 3.13')('rejected: x-last-death tells the latest', async () => {
    const w = await session(t)
    const { source, dead } = await graveyard(w)
    w.publish(CH, { routingKey: source })
    await get(w, source, false)
    w.send(CH, MethodId.BasicReject, { deliveryTag: 1, requeue: false })
    expect((await buried(w, dead)).headers).toMatchObject({
      'x-last-death-reason': 'rejected',
      'x-last-death-queue': source,
      'x-last-death-exchange': '',
    })
  })

  it('expired: the expiration moves into the history', async () => {
    const w = await session(t)
    const { source, dead } = await graveyard(w)
    w.publish(CH, { routingKey: source, properties: { expiration: '20' } })
    const { m, deaths } = await buried(w, dead)
    expect(m.properties?.expiration).toBeUndefined()
    expect(deaths[0]).toMatchObject({ reason: 'expired', 'original-expiration': '20' })
  })

  it('maxlen', async () => {
    const w = await session(t)
    const { source, dead } = await graveyard(w, { 'x-max-length': 1 })
    w.publish(CH, { routingKey: source, body: 'old' })
    w.publish(CH, { routingKey: source, body: 'new' })
    const { m, deaths } = await buried(w, dead)
    expect([String(m.body), deaths[0]?.reason]).toEqual(['old', 'maxlen'])
  })

  it('maxlen, for what a full queue refuses with reject-publish-dlx', async () => {
    const w = await session(t)
    const { source, dead } = await graveyard(w, { 'x-max-length': 1, 'x-overflow': 'reject-publish-dlx' })
    w.publish(CH, { routingKey: source, body: 'old' })
    await holds(w, source, 1)
    w.publish(CH, { routingKey: source, body: 'new', properties: { messageId: '2' } })
    const { m, deaths } = await buried(w, dead)
    expect([String(m.body), m.properties?.messageId, deaths[0]?.reason, deaths[0]?.queue]).toEqual([
      'new',
      '2',
      'maxlen',
      source,
    ])
    expect(String((await get(w, source))?.body)).toBe('old')
  })

  it('under another routing key where one is given', async () => {
    const w = await session(t)
    const dead = await declareQueue(w)
    const source = await passingOn(w, dead, 10)
    w.publish(CH, { routingKey: source, body: 'm' })
    const { m } = await buried(w, dead)
    expect(m.method).toMatchObject({ exchange: '', routingKey: dead })
  })

  it('under another routing key, which takes the place of CC keys, also the next time', async () => {
    const w = await session(t)
    const copied = await declareQueue(w)
    const last = await declareQueue(w)
    const between = await passingOn(w, last, 0)
    const source = await passingOn(w, between, 0)
    w.publish(CH, { routingKey: source, properties: { headers: table({ CC: [copied] }) } })
    const { headers, deaths } = await buried(w, last)
    expect(headers).not.toHaveProperty('CC')
    expect(deaths.map((d) => d['routing-keys'])).toEqual([[between], [source, copied]])
    expect((await counts(w, copied)).messages).toBe(1)
  })

  it('counts repeated deaths of one queue, newest first', async () => {
    const w = await session(t)
    const dlx = await declareExchange(w, 'direct')
    const wait = await declareQueue(w, {
      arguments: table({
        'x-dead-letter-exchange': dlx,
        'x-dead-letter-routing-key': 'work',
        'x-message-ttl': 10,
      }),
    })
    const work = await declareQueue(w, {
      arguments: table({ 'x-dead-letter-exchange': dlx, 'x-dead-letter-routing-key': 'wait' }),
    })
    await bindQueue(w, wait, dlx, 'wait')
    await bindQueue(w, work, dlx, 'work')
    w.publish(CH, { exchange: dlx, routingKey: 'work', body: 'again' })
    for (let round = 0; round < 3; round++) {
      await holds(w, work, 1)
      const m = await get(w, work, false)
      if (round === 2) {
        const deaths = m?.properties?.headers?.toPlain()['x-death'] as unknown as Death[]
        expect(deaths.map((d) => [d.queue, d.reason, d.count])).toEqual([
          [wait, 'expired', 2],
          [work, 'rejected', 2],
        ])
      }
      w.send(CH, MethodId.BasicNack, { deliveryTag: m?.method.deliveryTag ?? 0, requeue: false })
    }
  })

  it('drops a message that would go round without a reject', async () => {
    const w = await session(t)
    const dlx = await declareExchange(w, 'fanout')
    const q = await declareQueue(w, {
      arguments: table({ 'x-dead-letter-exchange': dlx, 'x-message-ttl': 10 }),
    })
    await bindQueue(w, q, dlx)
    const seen = await declareQueue(w)
    await bindQueue(w, seen, dlx)
    w.publish(CH, { routingKey: q })
    await holds(w, seen, 1)
    await holds(w, q, 0)
    await otherThingsHappen(w)
    expect([(await counts(w, q)).messages, (await counts(w, seen)).messages]).toEqual([0, 1])
  })

  it.each(['purge', 'delete'] as const)('not on %s', async (how) => {
    const w = await session(t)
    const { source, dead } = await graveyard(w)
    const publish: PublishOptions = { routingKey: source }
    w.publish(CH, publish)
    await holds(w, source, 1)
    if (how === 'purge') await w.call(CH, MethodId.QueuePurge, { queue: source }, MethodId.QueuePurgeOk)
    else await w.call(CH, MethodId.QueueDelete, { queue: source }, MethodId.QueueDeleteOk)
    await otherThingsHappen(w)
    expect((await counts(w, dead)).messages).toBe(0)
  })
})
