/** Numbers of all types and widths, wherever a header or an argument is read. */
import { describe, expect, it } from 'vitest'
import { FieldTable, type FieldValue, fieldEntry } from '../../src/protocol/field-table.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import {
  CH,
  confirmSelect,
  declareExchange,
  declareQueue,
  get,
  refused,
  session,
} from '../support/session.ts'
import { differs, useTarget } from '../support/target.ts'
import { table, type Wire } from '../support/wire.ts'

const t = useTarget()

const text = (s: string): FieldValue => ({ type: 'S', value: Buffer.from(s) })
const fields = (o: Record<string, FieldValue>): FieldTable =>
  FieldTable.of(Object.entries(o).map(([name, v]) => fieldEntry(name, v)))

const integers: Record<string, FieldValue> = {
  byte: { type: 'b', value: 5 },
  'unsigned byte': { type: 'B', value: 5 },
  short: { type: 's', value: 5 },
  'unsigned short': { type: 'u', value: 5 },
  int: { type: 'I', value: 5 },
  'unsigned int': { type: 'i', value: 5 },
  long: { type: 'l', value: 5n },
}
const floats: Record<string, FieldValue> = { float: { type: 'f', value: 5 }, double: { type: 'd', value: 5 } }

describe('headers exchange', () => {
  const values: Record<string, FieldValue> = {
    ...integers,
    ...floats,
    timestamp: { type: 'T', value: 5n },
    decimal: { type: 'D', value: { scale: 0, digits: 5 } },
    text: text('5'),
    true: { type: 't', value: true },
    '5.5': { type: 'd', value: 5.5 },
    '2^53': { type: 'd', value: 2 ** 53 },
    '2^53 + 1': { type: 'l', value: 2n ** 53n + 1n },
    octets: { type: 'x', value: Buffer.from('5') },
    array: { type: 'A', value: [{ type: 'I', value: 5 }] },
    'array of a long': { type: 'A', value: [{ type: 'l', value: 5n }] },
  }
  const five = [...Object.keys(integers), ...Object.keys(floats), 'timestamp']

  /** The values that match a binding with that one. */
  async function matched(w: Wire, x: string): Promise<string[]> {
    const found: string[] = []
    for (const [name, value] of Object.entries(values)) {
      w.publish(CH, {
        exchange: x,
        routingKey: '',
        mandatory: true,
        properties: { headers: fields({ h: value }) },
      })
      const r = await w.next(CH)
      if (r.method.id === MethodId.BasicReturn) await w.expect(CH, MethodId.BasicAck)
      else found.push(name)
    }
    return found
  }

  it.each([
    ['int', five],
    ['long', five],
    ['double', five],
    ['timestamp', five],
    ['decimal', ['decimal']],
    ['text', ['text', 'octets']],
    ['true', ['true']],
    ['5.5', ['5.5']],
    ['2^53', ['2^53']],
    ['2^53 + 1', ['2^53 + 1']],
    ['array', ['array']],
  ])('a binding with %s', async (name, expected) => {
    const w = await session(t)
    const x = await declareExchange(w, 'headers')
    const q = await declareQueue(w)
    const args = fields({ 'x-match': text('all'), h: values[name] as FieldValue })
    await w.call(CH, MethodId.QueueBind, { queue: q, exchange: x, arguments: args }, MethodId.QueueBindOk)
    await confirmSelect(w)
    expect(await matched(w, x)).toEqual(expected)
  })
})

describe('arguments of queues', () => {
  const names = ['x-message-ttl', 'x-expires', 'x-max-length', 'x-max-length-bytes', 'x-max-priority']

  it.each(names)('%s is taken in every width, and is the same in each', async (name) => {
    const w = await session(t)
    const q = await declareQueue(w, { arguments: fields({ [name]: integers['int'] as FieldValue }) })
    for (const value of Object.values(integers))
      await declareQueue(w, { queue: q, arguments: fields({ [name]: value }) })
  })

  it.each([
    ['double', { type: 'd', value: 5 } as const],
    ['float', { type: 'f', value: 5 } as const],
    ['decimal', { type: 'D', value: { scale: 0, digits: 5 } } as const],
    ['timestamp', { type: 'T', value: 5n } as const],
    ['longstr', text('5')],
  ])('%s is no number of ms: 406', async (type, value) => {
    const w = await session(t)
    w.send(CH, MethodId.QueueDeclare, {
      queue: 'q',
      exclusive: true,
      arguments: fields({ 'x-message-ttl': value }),
    })
    expect(await refused(w)).toEqual([
      406,
      `PRECONDITION_FAILED - invalid arg 'x-message-ttl' for queue 'q' in vhost '/': "expected integer, got ${type}"`,
    ])
  })
})

describe('arguments of consumers', () => {
  const kinds = { classic: {}, quorum: { 'x-queue-type': 'quorum' }, stream: { 'x-queue-type': 'stream' } }
  type Kind = keyof typeof kinds

  async function consumed(kind: Kind, args: FieldTable): Promise<[number, string] | 'ok'> {
    const w = await session(t)
    const args0 = { durable: true, exclusive: false, arguments: table(kinds[kind]) }
    const q = await declareQueue(w, args0)
    await w.call(CH, MethodId.BasicQos, { prefetchCount: 5 }, MethodId.BasicQosOk)
    w.send(CH, MethodId.BasicConsume, { queue: q, arguments: args })
    const { method } = await w.next(CH)
    const v = await session(t)
    await v.call(CH, MethodId.QueueDelete, { queue: q }, MethodId.QueueDeleteOk)
    if (method.id === MethodId.BasicConsumeOk) return 'ok'
    if (method.id !== MethodId.ChannelClose) throw new Error(`unexpected ${JSON.stringify(method)}`)
    return [method.replyCode, method.replyText.replace(q, 'q')]
  }

  it.each(Object.entries(integers))('x-priority: %s', async (_, v) => {
    expect(await consumed('classic', fields({ 'x-priority': v }))).toBe('ok')
  })

  it.each(Object.entries(integers))('x-stream-offset: %s', async (_, v) => {
    expect(await consumed('stream', fields({ 'x-stream-offset': v }))).toBe('ok')
  })

  it.each([
    ['x-priority', 'double', floats['double'] as FieldValue],
    ['x-priority', 'longstr', text('5')],
    ['x-priority', 'timestamp', { type: 'T', value: 5n } as FieldValue],
  ])('%s: %s is 406', async (name, type, v) => {
    expect(await consumed('classic', fields({ [name]: v }))).toEqual([
      406,
      `PRECONDITION_FAILED - invalid arg '${name}' for queue 'q' in vhost '/': "expected integer, got ${type}"`,
    ])
  })

  it('x-stream-offset: a number in a text is 406', async () => {
    expect(await consumed('stream', fields({ 'x-stream-offset': text('5') }))).toEqual([
      406,
      `PRECONDITION_FAILED - invalid arg 'x-stream-offset' for queue 'q' in vhost '/': {invalid_stream_offset_arg,{longstr,<<"5">>}}`,
    ])
  })

  differs('RabbitMQ 3.10 leaves it unanswered')(
    'x-stream-offset: a table, or an array of tables, is 406',
    async () => {
      const inner = fields({ n: { type: 'l', value: 2n ** 63n - 1n } })
      for (const v of [
        { type: 'F', value: inner },
        { type: 'A', value: [{ type: 'F', value: inner }] },
      ] satisfies FieldValue[]) {
        const error = expect.stringContaining(
          "406:PRECONDITION_FAILED - invalid arg 'x-stream-offset' for queue 'q'",
        )
        expect([await consumed('stream', fields({ 'x-stream-offset': v }))].flat().join(':')).toEqual(error)
      }
    },
  )

  it.each([
    ['classic', 'x-stream-offset', 'rabbit_classic_queue'],
    ['quorum', 'x-stream-offset', 'rabbit_quorum_queue'],
    ['stream', 'x-priority', 'rabbit_stream_queue'],
  ] as const)('%s queues take no %s: 406', async (kind, name, module) => {
    expect(await consumed(kind, fields({ [name]: integers['int'] as FieldValue }))).toEqual([
      406,
      `PRECONDITION_FAILED - invalid arg '${name}' for queue 'q' in vhost '/' of queue type ${module}`,
    ])
  })

  differs('RabbitMQ has filters from 3.13 on').each(['classic', 'quorum'] as const)(
    '%s queues take no x-stream-filter: 406',
    async (kind) => {
      expect(await consumed(kind, fields({ 'x-stream-filter': text('a') }))).toEqual([
        406,
        `PRECONDITION_FAILED - invalid arg 'x-stream-filter' for queue 'q' in vhost '/' of queue type rabbit_${kind}_queue`,
      ])
    },
  )
})

describe('CC and BCC', () => {
  it.each([
    ['text', 'longstr'],
    [5, 'signedint'],
    [true, 'bool'],
    [{ a: 1 }, 'table'],
    [null, 'void'],
  ])('must be arrays, not %j: 406', async (value, type) => {
    for (const name of ['CC', 'BCC']) {
      const w = await session(t)
      w.publish(CH, { routingKey: 'x', properties: { headers: table({ [name]: value }) } })
      expect(await refused(w)).toEqual([
        406,
        `PRECONDITION_FAILED - invalid message: {unacceptable_type_in_header,"${name}",${type}}`,
      ])
    }
  })

  it('are the texts of the arrays: other elements are no keys', async () => {
    const w = await session(t)
    const [a, b, c] = [await declareQueue(w), await declareQueue(w), await declareQueue(w)]
    const headers = table({ CC: [1, b, { x: 1 }, null], BCC: [2.5, c] })
    w.publish(CH, { routingKey: a, body: 'm', properties: { headers } })
    for (const q of [a, b, c]) expect(String((await get(w, q))?.body)).toBe('m')
  })
})

describe('x-match', () => {
  it('has to be a text: 406', async () => {
    const w = await session(t)
    const x = await declareExchange(w, 'headers')
    const q = await declareQueue(w)
    w.send(CH, MethodId.QueueBind, { queue: q, exchange: x, arguments: table({ 'x-match': 5 }) })
    expect(await refused(w)).toEqual([
      406,
      'PRECONDITION_FAILED - Invalid x-match field type signedint (value 5); expected longstr',
    ])
  })
})
