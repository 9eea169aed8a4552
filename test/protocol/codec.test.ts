import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AmqpError, cutToShortString } from '../../src/protocol/errors.ts'
import { HAS_BCC, HAS_CC, scanHeaders } from '../../src/protocol/field-scan.ts'
import {
  FieldTable,
  type FieldValue,
  fieldEntry,
  fieldsEqual,
  type PlainValue,
} from '../../src/protocol/field-table.ts'
import { encodeMethodFrame, FrameWriter } from '../../src/protocol/frame-writer.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { decodeMethod } from '../../src/protocol/generated/decode.ts'
import type { AnyMethod } from '../../src/protocol/generated/methods.ts'
import {
  decodeProperties,
  encodeProperties,
  type Properties,
} from '../../src/protocol/generated/properties.ts'
import { same, sameDeep } from '../support/same.ts'

type Field = [name: string, type: string]
const spec = JSON.parse(readFileSync('spec/amqp-0-9-1.json', 'utf8')) as {
  classes: { name: string; id: number; methods: { name: string; id: number; fields: Field[] }[] }[]
}
const methods = spec.classes.flatMap((c) =>
  c.methods.map((m) => ({ ...m, fullId: (c.id << 16) | m.id, full: `${c.name}.${m.name}` })),
)

const camel = (s: string): string => s.replace(/-(.)/g, (_, c: string) => c.toUpperCase())
const shortText = fc.string({ unit: 'grapheme', maxLength: 40 })
const i64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })

const { value: anyField } = fc.letrec<{ value: FieldValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.record({ type: fc.constant('t' as const), value: fc.boolean() }),
    fc.record({ type: fc.constant('b' as const), value: fc.integer({ min: -128, max: 127 }) }),
    fc.record({ type: fc.constant('B' as const), value: fc.nat(255) }),
    fc.record({ type: fc.constant('s' as const), value: fc.integer({ min: -32768, max: 32767 }) }),
    fc.record({ type: fc.constant('u' as const), value: fc.nat(65535) }),
    fc.record({ type: fc.constant('I' as const), value: fc.integer() }),
    fc.record({ type: fc.constant('i' as const), value: fc.nat(4294967295) }),
    fc.record({ type: fc.constantFrom('l' as const, 'L' as const), value: i64 }),
    fc.record({ type: fc.constant('T' as const), value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) }),
    fc.record({ type: fc.constant('f' as const), value: fc.float({ noNaN: true }) }),
    fc.record({ type: fc.constant('d' as const), value: fc.double({ noNaN: true }) }),
    fc.record({
      type: fc.constant('D' as const),
      value: fc.record({ scale: fc.nat(255), digits: fc.nat(4294967295) }),
    }),
    fc.record({
      type: fc.constantFrom('S' as const, 'x' as const),
      value: fc.uint8Array({ maxLength: 50 }).map((b) => Buffer.from(b)),
    }),
    fc.record({ type: fc.constant('V' as const), value: fc.constant(undefined) }),
    fc.record({ type: fc.constant('A' as const), value: fc.array(tie('value'), { maxLength: 4 }) }),
    fc.record({
      type: fc.constant('F' as const),
      value: fc
        .array(fc.tuple(shortText, tie('value')), { maxLength: 4 })
        .map((l) => FieldTable.of(l.map(([n, v]) => fieldEntry(n, v)))),
    }),
  ) as fc.Arbitrary<FieldValue>,
}))
const anyTable = fc
  .array(fc.tuple(shortText, anyField), { maxLength: 6 })
  .map((l) => FieldTable.of(l.map(([n, v]) => fieldEntry(n, v))))

const ofType: Record<string, fc.Arbitrary<unknown>> = {
  bit: fc.boolean(),
  octet: fc.nat(255),
  short: fc.nat(65535),
  long: fc.nat(4294967295),
  longlong: fc.nat(Number.MAX_SAFE_INTEGER),
  shortstr: shortText,
  longstr: fc.uint8Array({ maxLength: 80 }).map((b) => Buffer.from(b)),
  table: anyTable,
}

/** Tables by their octets: how they were made does not matter. */
function comparable(m: object): object {
  return JSON.parse(
    JSON.stringify(m, (_k, v) => (v instanceof FieldTable ? v.bytes.toString('hex') : v)),
  ) as object
}

describe('methods', () => {
  it.each(methods)('$full reads back equal', ({ fullId, fields }) => {
    const shape = Object.fromEntries(
      fields.map(([name, type]) => [camel(name), ofType[type] as fc.Arbitrary<unknown>]),
    )
    fc.assert(
      fc.property(fc.record(shape), (values) => {
        const m = { ...values, id: fullId } as unknown as AnyMethod
        const frame = encodeMethodFrame(5, m)
        same(frame.readUInt32BE(7), fullId)
        const back = decodeMethod(fullId, frame.subarray(11, -1))
        sameDeep(comparable(back as object), comparable(m))
      }),
      { numRuns: 40 },
    )
  })

  it.each(methods)('$full cut short is an AmqpError', ({ fullId, fields }) => {
    const shape = Object.fromEntries(
      fields.map(([name, type]) => [camel(name), ofType[type] as fc.Arbitrary<unknown>]),
    )
    const [values] = fc.sample(fc.record(shape), { numRuns: 1, seed: 7 })
    const args = encodeMethodFrame(1, { ...values, id: fullId } as unknown as AnyMethod).subarray(11, -1)
    for (let end = 0; end < args.length; end++)
      expect(() => decodeMethod(fullId, args.subarray(0, end))).toThrow(AmqpError)
    expect(() => decodeMethod(fullId, Buffer.concat([args, Buffer.from([0])]))).toThrow(AmqpError)
  })

  it('known octets: queue.declare as RabbitMQ clients write it', () => {
    const args = Buffer.from('00000568656c6c6f020000000f0d782d6d6573736167652d74746c', 'hex')
    const withTtl = Buffer.concat([
      args.subarray(0, 9),
      Buffer.from([0, 0, 0, 19]),
      args.subarray(13),
      Buffer.from('490000ea60', 'hex'),
    ])
    const m = decodeMethod(MethodId.QueueDeclare, withTtl)
    expect(m).toMatchObject({
      queue: 'hello',
      durable: true,
      passive: false,
      exclusive: false,
      autoDelete: false,
      nowait: false,
    })
    expect((m as { arguments: FieldTable }).arguments.toPlain()).toEqual({ 'x-message-ttl': 60000 })
  })

  it('an unknown method is undefined', () => {
    expect(decodeMethod(0x00320063, Buffer.alloc(0))).toBeUndefined()
  })

  it('a management name that is not UTF-8 is refused', () => {
    expect(() => decodeMethod(MethodId.QueuePurge, Buffer.from([0, 0, 1, 0xff, 0]))).toThrow(
      'Malformed UTF-8 in shortstr',
    )
  })
})

describe('properties', () => {
  const optional = fc.record(
    {
      contentType: shortText,
      contentEncoding: shortText,
      headers: anyTable,
      deliveryMode: fc.nat(255),
      priority: fc.nat(255),
      correlationId: shortText,
      replyTo: shortText,
      expiration: shortText,
      messageId: shortText,
      timestamp: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      type: shortText,
      userId: shortText,
      appId: shortText,
      clusterId: shortText,
    },
    { requiredKeys: [] },
  )

  it('read back equal', () => {
    fc.assert(
      fc.property(optional, (p: Properties) => {
        const w = new FrameWriter()
        encodeProperties(w, p)
        const b = Buffer.from(w.view())
        const back = decodeProperties(b.readUInt16BE(0), b, 2, b.length)
        const text = (o: Properties): string =>
          JSON.stringify(Object.entries(o).sort(), (_k, v) =>
            v instanceof FieldTable ? v.bytes.toString('hex') : typeof v === 'bigint' ? String(v) : v,
          )
        same(text(back), text(p))
      }),
    )
  })
})

describe('field tables', () => {
  it('keep the octets of any table', () => {
    fc.assert(
      fc.property(anyTable, (t) => {
        const back = FieldTable.decode(Buffer.from(t.bytes))
        sameDeep(back.bytes, t.bytes)
        sameDeep(FieldTable.of(back.entries.map((e) => fieldEntry(e.name, e.value))).bytes, t.bytes)
      }),
    )
  })

  it('are found whole by the scan that decodes nothing', () => {
    fc.assert(
      fc.property(anyTable, (t) => {
        const found = scanHeaders(new Uint8Array(t.bytes), 0, t.bytes.length)
        expect((found & HAS_CC) !== 0).toBe(t.get('CC') !== undefined)
        expect((found & HAS_BCC) !== 0).toBe(t.get('BCC') !== undefined)
      }),
    )
    const { bytes } = FieldTable.from({ a: 1, CC: ['x'] })
    expect(scanHeaders(new Uint8Array(bytes), 0, bytes.length)).toBe(HAS_CC)
  })

  it('any octets are a table or an AmqpError, for both readers alike', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (b) => {
        const outcome = (f: () => unknown): string => {
          try {
            f()
            return 'table'
          } catch (e) {
            expect(e).toBeInstanceOf(AmqpError)
            return 'error'
          }
        }
        const copy = new Uint8Array(b)
        expect(outcome(() => scanHeaders(copy, 0, copy.length))).toBe(
          outcome(() => FieldTable.decode(Buffer.from(b))),
        )
      }),
      { numRuns: 2000 },
    )
  })

  it.each<[PlainValue, FieldValue['type']]>([
    ['text', 'S'],
    [5, 'I'],
    [5_000_000_000, 'l'],
    [1.5, 'd'],
    [true, 't'],
    [null, 'V'],
    [new Date(0), 'T'],
    [[1], 'A'],
    [{ a: 1 }, 'F'],
  ])('%o becomes %s', (plain, type) => {
    const t = FieldTable.from({ v: plain })
    expect(t.get('v')?.type).toBe(type)
    expect(t.toPlain()).toEqual({ v: plain })
  })

  it('compare integers by value, others by type and value', () => {
    expect(fieldsEqual({ type: 'I', value: 10 }, { type: 'l', value: 10n })).toBe(true)
    expect(fieldsEqual({ type: 'S', value: Buffer.from('10') }, { type: 'I', value: 10 })).toBe(false)
    expect(fieldsEqual({ type: 't', value: true }, { type: 'I', value: 1 })).toBe(false)
    expect(fieldsEqual(undefined, { type: 'V', value: undefined })).toBe(false)
    expect(
      fieldsEqual(FieldTable.from({ a: ['x', 1] }).get('a'), FieldTable.from({ a: ['x', 1n] }).get('a')),
    ).toBe(true)
  })

  it('take the first of two equal names', () => {
    const two = FieldTable.of([
      fieldEntry('a', { type: 'I', value: 1 }),
      fieldEntry('a', { type: 'I', value: 2 }),
    ])
    expect(two.toPlain()).toEqual({ a: 1 })
  })
})

describe('reply texts', () => {
  it('are cut to 255 octets on a character boundary', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 0, maxLength: 400 }), (s) => {
        const cut = cutToShortString(s)
        expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(255)
        if (cut !== s) expect(s.startsWith(cut.slice(0, -3))).toBe(true)
      }),
    )
  })
})
