/** What follows from the version of RabbitMQ that is announced. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { createBroker, type RunningBroker } from '../../src/index.ts'
import { FieldTable, type PlainValue } from '../../src/protocol/field-table.ts'
import { encodeMethodFrame } from '../../src/protocol/frame-writer.ts'
import { MethodId, PROTOCOL_HEADER } from '../../src/protocol/generated/constants.ts'
import { RABBITMQ_VERSION, semanticsOf } from '../../src/util/rabbitmq-version.ts'
import { CH, declareQueue, get, holds, session } from '../support/session.ts'
import { fresh } from '../support/target.ts'
import { table, Wire } from '../support/wire.ts'

async function announcing(productVersion?: string): Promise<RunningBroker> {
  const b = await createBroker({ port: 0, managementPort: 0, ...(productVersion && { productVersion }) })
  // After its clients have gone: what is registered last runs first.
  onTestFinished(() => b.close())
  return b
}

const lines = [
  [undefined, 4],
  ['4.0.5', 4],
  ['3.13.7', 3],
  ['3.10.8', 3],
] as const

it.each(lines)('%s stands in the server properties and in the HTTP API', async (version) => {
  const b = await announcing(version)
  const v = await (
    await fetch(`http://127.0.0.1:${b.managementPort}/api/overview`, { headers: authorization })
  ).json()
  const expected = version ?? RABBITMQ_VERSION
  expect(v).toMatchObject({ rabbitmq_version: expected, management_version: expected })
  expect(await serverProperties(b.url)).toMatchObject({ product: 'RabbitMQ', version: expected })
})

const authorization = { authorization: `Basic ${Buffer.from('guest:guest').toString('base64')}` }

/** The server properties of a connection. */
async function serverProperties(url: string): Promise<Record<string, PlainValue>> {
  const w = await Wire.socket(url)
  w.write(PROTOCOL_HEADER)
  const m = await w.expect(0, MethodId.ConnectionStart)
  w.socket.destroy()
  return m.serverProperties.toPlain()
}

describe('an exchange of an unknown type', () => {
  it.each([undefined, '4.0.5', '3.13.7', '3.13.3'])('%s: 406 for the channel', async (version) => {
    const w = await session(await announcing(version))
    w.send(CH, MethodId.ExchangeDeclare, { exchange: 'x', type: 'nosuch' })
    expect(await w.expect(CH, MethodId.ChannelClose)).toMatchObject({
      replyCode: 406,
      replyText: "PRECONDITION_FAILED - unknown exchange type 'nosuch'",
    })
  })

  it.each(['3.13.2', '3.10.8'])('%s: 503 for the connection', async (version) => {
    const w = await session(await announcing(version))
    w.send(CH, MethodId.ExchangeDeclare, { exchange: 'x', type: 'nosuch' })
    expect(await w.expect(0, MethodId.ConnectionClose)).toMatchObject({
      replyCode: 503,
      replyText: "COMMAND_INVALID - unknown exchange type 'nosuch'",
    })
  })
})

describe('an x-death that a publisher wrote', () => {
  /** The history of a message that comes with that one and is rejected. */
  async function rejected(
    w: Wire,
    headers: Parameters<typeof table>[0],
  ): Promise<Record<string, PlainValue>> {
    const dead = fresh('dead')
    await declareQueue(w, { queue: dead })
    const args = table({ 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead })
    await declareQueue(w, { queue: 'work', arguments: args })
    w.publish(CH, { routingKey: 'work', body: 'x', properties: { headers: FieldTable.from(headers) } })
    await holds(w, 'work', 1)
    const before = await get(w, 'work', false)
    expect(before?.properties?.headers?.toPlain()).toEqual(headers)
    w.send(CH, MethodId.BasicReject, { deliveryTag: before?.method.deliveryTag ?? 0, requeue: false })
    await holds(w, dead, 1)
    const { headers: after } = (await get(w, dead))?.properties ?? {}
    await w.call(CH, MethodId.QueueDelete, { queue: 'work' }, MethodId.QueueDeleteOk)
    return after?.toPlain() ?? {}
  }
  const death = (more: object): { [name: string]: PlainValue } => ({
    reason: 'rejected',
    queue: 'work',
    exchange: 'ex',
    'routing-keys': ['k'],
    ...more,
  })

  it.each([undefined, '4.0.5'])('%s: is a header like others', async (version) => {
    const w = await session(await announcing(version))
    const published = {
      'x-death': [death({ count: 3 }), death({ queue: 'other', count: 5 })],
      'x-first-death-queue': 'mine',
      'x-last-death-reason': 'none',
      other: 'stays',
    }
    const after = await rejected(w, published)
    expect(after).toMatchObject({
      'x-death': [{ count: 1, queue: 'work', reason: 'rejected', exchange: '' }],
      'x-first-death-queue': 'work',
      'x-last-death-reason': 'rejected',
      other: 'stays',
    })
    expect(after['x-death']).toHaveLength(1)
  })

  it('4.x: the history that the broker wrote goes on, also through a second queue', async () => {
    const w = await session(await announcing())
    const [last, first] = [fresh('last'), fresh('first')]
    await declareQueue(w, { queue: last })
    const to = (key: string): FieldTable =>
      table({ 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': key, 'x-message-ttl': 1 })
    await declareQueue(w, { queue: 'second', arguments: to(last) })
    await declareQueue(w, { queue: first, arguments: to('second') })
    w.publish(CH, { routingKey: first, body: 'x' })
    await holds(w, last, 1)
    const { headers } = (await get(w, last))?.properties ?? {}
    expect(headers?.toPlain()).toMatchObject({
      'x-death': [
        { count: 1, queue: 'second', reason: 'expired' },
        { count: 1, queue: first, reason: 'expired' },
      ],
      'x-first-death-queue': first,
      'x-last-death-queue': 'second',
    })
  })

  it.each<[string, { [name: string]: PlainValue }[], object[]]>([
    ['counts on', [death({ count: 3 })], [{ count: 4, exchange: 'ex', queue: 'work' }]],
    ['stops at the largest number that is exact', [death({ count: 2n ** 63n - 1n })], [{ count: 2n ** 53n }]],
    ['begins where there is no count', [death({})], [{ count: 1, exchange: 'ex' }]],
    [
      'has one entry for each queue and reason',
      [
        death({ count: 3 }),
        death({ count: 4 }),
        death({ queue: 'o', count: 1 }),
        death({ queue: 'o', count: 7 }),
      ],
      [{ count: 4 }, { count: 1, queue: 'o' }],
    ],
    [
      'gets the number of entries as a missing count',
      [death({ queue: 'o' }), death({ queue: 'o' }), death({ queue: 'o', reason: 'expired', count: 2 })],
      [
        { count: 1, queue: 'work' },
        { count: 2, queue: 'o', reason: 'rejected' },
        { count: 2, queue: 'o', reason: 'expired' },
      ],
    ],
  ])('3.13.7: %s', async (_, published, expected) => {
    const w = await session(await announcing('3.13.7'))
    const after = await rejected(w, { 'x-death': published })
    expect(after['x-death']).toMatchObject(expected)
    expect(after['x-death']).toHaveLength(expected.length)
  })
})

describe('defaults', () => {
  it.each([
    [undefined, 20, 16_777_216],
    ['4.0.5', 20, 16_777_216],
    ['3.13.7', -1, 134_217_728],
  ])('%s: a delivery limit of %i on quorum queues, messages of %i octets', async (version, limit, octets) => {
    expect(semanticsOf(version === undefined ? {} : { version })).toMatchObject({
      quorumDeliveryLimit: limit,
      messageBytesMax: octets,
    })
  })

  it.each([
    ['4.0.5', 21],
    ['3.13.7', undefined],
  ])('%s: a message of a quorum queue comes back so often: %s', async (version, deliveries) => {
    const w = await session(await announcing(version))
    const args = table({ 'x-queue-type': 'quorum' })
    const q = await declareQueue(w, { durable: true, exclusive: false, arguments: args })
    w.publish(CH, { routingKey: q, body: 'x' })
    await holds(w, q, 1)
    let times = 0
    for (; times < 30; times++) {
      const got = await get(w, q, false)
      if (got === undefined) break
      w.send(CH, MethodId.BasicReject, { deliveryTag: got.method.deliveryTag, requeue: true })
    }
    expect(times).toBe(deliveries ?? 30)
  })

  it('a body above the limit is 406', async () => {
    const w = await session(await announcing())
    const body = Buffer.alloc(16_777_217)
    w.publish(CH, { routingKey: 'q', body })
    expect(await w.expect(CH, MethodId.ChannelClose)).toMatchObject({
      replyText: 'PRECONDITION_FAILED - message size 16777217 is larger than configured max size 16777216',
    })
  })

  it('another product, or a version that says nothing, has the default semantics', () => {
    for (const announced of [
      { product: 'Burrow', version: '3.10.8' },
      { version: 'next' },
      { version: '1.2' },
    ])
      expect(semanticsOf(announced)).toEqual(semanticsOf({}))
  })
})

describe('a frame before the login', () => {
  const startOk = (filler: number): Buffer =>
    encodeMethodFrame(0, {
      id: MethodId.ConnectionStartOk,
      clientProperties: table({ filler: 'f'.repeat(filler) }),
      mechanism: 'PLAIN',
      response: Buffer.from('\0guest\0guest'),
      locale: 'en_US',
    })

  it.each([
    [undefined, 8192],
    ['4.1.0', 8192],
    ['4.0.5', 4096],
    ['3.13.7', 4096],
  ])('%s: has %i octets at most, and 501 is the answer to more', async (version, max) => {
    const b = await announcing(version)
    const least = startOk(0).length - 8
    const answer = async (octets: number): Promise<Wire> => {
      const w = await Wire.socket(b.url)
      w.write(PROTOCOL_HEADER)
      await w.expect(0, MethodId.ConnectionStart)
      w.write(startOk(octets - least))
      return w
    }
    const taken = await answer(max)
    await taken.expect(0, MethodId.ConnectionTune)
    taken.socket.destroy()
    const refused = await answer(max + 1)
    expect((await refused.expect(0, MethodId.ConnectionClose)).replyCode).toBe(501)
    refused.socket.destroy()
  })
})
