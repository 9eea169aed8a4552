/** Keys, names and header strings are octets, not characters: they come out as they went in. */
import { describe, expect, it } from 'vitest'
import type { FieldTable } from '../../src/protocol/field-table.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { octetText, textOctets } from '../../src/util/octet-text.ts'
import {
  bindQueue,
  CH,
  consume,
  declareExchange,
  declareQueue,
  deliveries,
  get,
  holds,
  refused,
  session,
} from '../support/session.ts'
import { differs, useTarget } from '../support/target.ts'
import { table } from '../support/wire.ts'

const t = useTarget()

const HIGH = Buffer.alloc(200, 0xff)
const keys = {
  '200 octets of 0xFF': HIGH,
  'ISO 8859-1': Buffer.from('Stra\xdfe.\xe9', 'latin1'),
  'a character cut off': Buffer.from('€').subarray(0, 2),
  'surrogates in UTF-8': Buffer.from('eda080edb080', 'hex'),
  '255 octets of everything': Buffer.from(Array.from({ length: 255 }, (_, i) => i + 1)),
}

/** What a client has sent stands in what it gets, octet for octet. */
function tap(w: Awaited<ReturnType<typeof session>>): () => Buffer {
  const chunks: Buffer[] = []
  w.socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  return () => Buffer.concat(chunks)
}

describe.each(Object.entries(keys))('a routing key of %s', (_, octets) => {
  const routingKey = octetText(octets)

  it('is delivered, got and returned as it is', async () => {
    const w = await session(t)
    const received = tap(w)
    const x = await declareExchange(w, 'fanout')
    const q = await declareQueue(w)
    w.publish(CH, { routingKey, mandatory: true, body: 'nobody' })
    const returned = await w.receive(CH, MethodId.BasicReturn)
    expect(textOctets(returned.method.routingKey)).toEqual(octets)
    await bindQueue(w, q, x)
    for (const body of ['one', 'two']) w.publish(CH, { exchange: x, routingKey, body })
    await holds(w, q, 2)
    expect(textOctets((await get(w, q))?.method.routingKey ?? '')).toEqual(octets)
    await consume(w, q, { noAck: true })
    const [d] = await deliveries(w, 1)
    expect([textOctets(d?.method.routingKey ?? ''), String(d?.body)]).toEqual([octets, 'two'])
    const text = received().toString('latin1')
    const wanted = Buffer.concat([Buffer.from([octets.length]), octets]).toString('latin1')
    expect(text.split(wanted)).toHaveLength(4)
  })

  it('is a dead letter’s too, and stands in x-death', async () => {
    const w = await session(t)
    const [x, dlx] = [await declareExchange(w, 'fanout'), await declareExchange(w, 'fanout')]
    const dead = await declareQueue(w)
    const q = await declareQueue(w, { arguments: table({ 'x-dead-letter-exchange': dlx }) })
    await bindQueue(w, q, x)
    await bindQueue(w, dead, dlx)
    const copy = Buffer.concat([octets, Buffer.from('copy')])
    const headers = table({ CC: [octetText(copy)] })
    w.publish(CH, { exchange: x, routingKey, properties: { headers } })
    await holds(w, q, 1)
    const m = await get(w, q, false)
    w.send(CH, MethodId.BasicReject, { deliveryTag: m?.method.deliveryTag ?? 0, requeue: false })
    await holds(w, dead, 1)
    const letter = await get(w, dead)
    expect(textOctets(letter?.method.routingKey ?? '')).toEqual(octets)
    const deaths = letter?.properties?.headers?.get('x-death')
    const death = deaths?.type === 'A' ? deaths.value[0]?.value : undefined
    expect((death as FieldTable).get('routing-keys')).toEqual({
      type: 'A',
      value: [
        { type: 'S', value: octets },
        { type: 'S', value: copy },
      ],
    })
  })

  it('goes through bindings of exchanges and alternate exchanges', async () => {
    const w = await session(t)
    const end = await declareExchange(w, 'topic')
    const q = await declareQueue(w)
    await bindQueue(w, q, end, '#')
    const between = await declareExchange(w, 'fanout')
    await w.call(
      CH,
      MethodId.ExchangeBind,
      { source: between, destination: end, routingKey: '' },
      MethodId.ExchangeBindOk,
    )
    const first = await declareExchange(w, 'direct', { arguments: table({ 'alternate-exchange': between }) })
    w.publish(CH, { exchange: first, routingKey })
    await holds(w, q, 1)
    expect(textOctets((await get(w, q))?.method.routingKey ?? '')).toEqual(octets)
  })
})

describe('octets that are not UTF-8', () => {
  it('are words of a topic like others', async () => {
    const w = await session(t)
    const x = await declareExchange(w, 'topic')
    const [one, other] = [await declareQueue(w), await declareQueue(w)]
    await bindQueue(w, one, x, 'a.*.b')
    await bindQueue(w, other, x, 'a.\ufffd.b')
    const key = Buffer.concat([Buffer.from('a.'), HIGH, Buffer.from('.b')])
    w.publish(CH, { exchange: x, routingKey: octetText(key) })
    await holds(w, one, 1)
    expect(textOctets((await get(w, one))?.method.routingKey ?? '')).toEqual(key)
    expect(await get(w, other)).toBeUndefined()
  })

  it('are not taken for U+FFFD', async () => {
    const w = await session(t)
    const x = await declareExchange(w, 'direct')
    const q = await declareQueue(w)
    await bindQueue(w, q, x, '\ufffd')
    w.publish(CH, { exchange: x, routingKey: octetText(Buffer.from([0xff])), body: 'no' })
    w.publish(CH, { exchange: x, routingKey: '\ufffd', body: 'yes' })
    await holds(w, q, 1)
    expect(String((await get(w, q))?.body)).toBe('yes')
  })

  it('in properties and in the names and values of headers outlive dead lettering', async () => {
    const w = await session(t)
    const dead = await declareQueue(w)
    const args = table({ 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead })
    const q = await declareQueue(w, { arguments: args })
    const text = octetText(HIGH)
    const properties = {
      contentType: text,
      contentEncoding: text,
      headers: table({ [text]: text, inner: { [text]: [text] } }),
      correlationId: text,
      replyTo: text,
      messageId: text,
      type: text,
      appId: text,
    }
    w.publish(CH, { routingKey: q, properties })
    await holds(w, q, 1)
    const m = await get(w, q, false)
    expect(m?.properties).toEqual(properties)
    w.send(CH, MethodId.BasicReject, { deliveryTag: m?.method.deliveryTag ?? 0, requeue: false })
    await holds(w, dead, 1)
    const letter = (await get(w, dead))?.properties
    const headers = letter?.headers as FieldTable
    expect({ ...letter, headers: undefined }).toEqual({ ...properties, headers: undefined })
    for (const name of [text, 'inner']) expect(headers.get(name)).toEqual(properties.headers.get(name))
  })

  it('stand in a queue’s dead-letter routing key', async () => {
    const w = await session(t)
    const dlx = await declareExchange(w, 'fanout')
    const dead = await declareQueue(w)
    await bindQueue(w, dead, dlx)
    const args = table({ 'x-dead-letter-exchange': dlx, 'x-dead-letter-routing-key': octetText(HIGH) })
    const q = await declareQueue(w, { arguments: args })
    w.publish(CH, { routingKey: q })
    await holds(w, q, 1)
    const m = await get(w, q, false)
    w.send(CH, MethodId.BasicReject, { deliveryTag: m?.method.deliveryTag ?? 0, requeue: false })
    await holds(w, dead, 1)
    expect(textOctets((await get(w, dead))?.method.routingKey ?? '')).toEqual(HIGH)
  })

  const bad = octetText(Buffer.from([0x61, 0xff]))
  it.each([
    ['queue.declare', MethodId.QueueDeclare, { queue: bad }],
    ['queue.bind', MethodId.QueueBind, { queue: 'q', exchange: 'amq.direct', routingKey: bad }],
    ['queue.unbind', MethodId.QueueUnbind, { queue: 'q', exchange: 'amq.direct', routingKey: bad }],
    ['queue.purge', MethodId.QueuePurge, { queue: bad }],
    ['queue.delete', MethodId.QueueDelete, { queue: bad }],
    ['exchange.declare', MethodId.ExchangeDeclare, { exchange: bad, type: 'direct' }],
    ['exchange.declare’s type', MethodId.ExchangeDeclare, { exchange: 'x', type: bad }],
    ['exchange.delete', MethodId.ExchangeDelete, { exchange: bad }],
    [
      'exchange.bind',
      MethodId.ExchangeBind,
      { source: 'amq.direct', destination: 'amq.topic', routingKey: bad },
    ],
    ['basic.consume', MethodId.BasicConsume, { queue: bad }],
    ['basic.consume’s tag', MethodId.BasicConsume, { queue: 'q', consumerTag: bad }],
    ['basic.cancel', MethodId.BasicCancel, { consumerTag: bad }],
    ['basic.get', MethodId.BasicGet, { queue: bad }],
  ] as [string, Parameters<Awaited<ReturnType<typeof session>>['send']>[1], object][])(
    'are 501 in %s',
    async (_, id, fields) => {
      const w = await session(t)
      w.send(CH, id, fields)
      expect(await w.connectionError()).toMatchObject({
        code: 501,
        text: 'FRAME_ERROR - Malformed UTF-8 in shortstr',
      })
    },
  )

  differs('RabbitMQ puts the octets into the text')('are an exchange that does not exist', async () => {
    const w = await session(t)
    w.publish(CH, { exchange: bad, routingKey: 'k' })
    expect(await refused(w)).toEqual([404, "NOT_FOUND - no exchange 'a\ufffd' in vhost '/'"])
  })
})

describe('what will stand in a short string', () => {
  const long = 'ä'.repeat(128)

  differs('RabbitMQ takes it, and its consumers get a malformed delivery or none')(
    'is refused above 255 octets',
    async () => {
      const w = await session(t)
      const declare = (args: Parameters<typeof table>[0]): void =>
        w.send(CH, MethodId.QueueDeclare, { queue: 'q', exclusive: true, arguments: table(args) })
      declare({ 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': long })
      expect(await refused(w)).toEqual([
        406,
        "PRECONDITION_FAILED - invalid arg 'x-dead-letter-routing-key' for queue 'q' in vhost '/': {value_too_long,256}",
      ])
      declare({ 'x-dead-letter-exchange': long })
      expect(await refused(w)).toEqual([
        406,
        "PRECONDITION_FAILED - invalid arg 'x-dead-letter-exchange' for queue 'q' in vhost '/': {value_too_long,256}",
      ])
      const args = table({ 'alternate-exchange': long })
      w.send(CH, MethodId.ExchangeDeclare, { exchange: 'x', type: 'fanout', arguments: args })
      expect(await refused(w)).toEqual([
        406,
        "PRECONDITION_FAILED - invalid arg 'alternate-exchange' for exchange 'x' in vhost '/': {value_too_long,256}",
      ])
    },
  )

  it('may have 255', async () => {
    const w = await session(t)
    const dlx = await declareExchange(w, 'fanout')
    const dead = await declareQueue(w)
    await bindQueue(w, dead, dlx)
    const key = `${'ä'.repeat(127)}x`
    const args = table({
      'x-dead-letter-exchange': dlx,
      'x-dead-letter-routing-key': key,
      'x-message-ttl': 0,
    })
    const q = await declareQueue(w, { arguments: args })
    w.publish(CH, { routingKey: q })
    await holds(w, dead, 1)
    expect((await get(w, dead))?.method.routingKey).toBe(key)
  })
})
