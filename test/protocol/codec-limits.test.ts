/** What the broker writes it can read: the same limits both ways. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeContent } from '../../src/broker/content.ts'
import { InboundMessage, readContent } from '../../src/broker/message.ts'
import { TABLE_DEPTH_INSIDE_MAX, TABLE_DEPTH_MAX } from '../../src/limits.ts'
import { AmqpError } from '../../src/protocol/errors.ts'
import { FieldTable, type FieldValue, fieldEntry, type PlainValue } from '../../src/protocol/field-table.ts'
import { FrameWriter } from '../../src/protocol/frame-writer.ts'
import { decodeBasicAck } from '../../src/protocol/generated/decode.ts'
import { encodeProperties, type Properties } from '../../src/protocol/generated/properties.ts'
import { EncodeError, octetText } from '../../src/util/octet-text.ts'
import { same, sameDeep } from '../support/same.ts'

const octets = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength }).map((b) => Buffer.from(b))
const shortOctets = octets(255)
const anyShort = shortOctets.map((b) => octetText(b))
/** Sizes of the types that have one. */
const fixed: Record<string, number> = {
  t: 1,
  b: 1,
  B: 1,
  s: 2,
  u: 2,
  I: 4,
  i: 4,
  l: 8,
  L: 8,
  f: 4,
  d: 8,
  D: 5,
  T: 8,
  V: 0,
}

const { value: fieldOctets } = fc.letrec<{ value: Buffer }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    ...Object.entries(fixed).map(([letter, size]) =>
      fc.uint8Array({ minLength: size, maxLength: size }).map((b) => Buffer.concat([Buffer.from(letter), b])),
    ),
    fc.constantFrom('7fa00001', 'ffc12345').map((nan) => Buffer.from(`66${nan}`, 'hex')),
    fc.tuple(fc.constantFrom('S', 'x'), octets(40)).map(([letter, b]) => sized(letter, b)),
    fc.array(tie('value'), { maxLength: 4 }).map((l) => sized('A', Buffer.concat(l))),
    fc.array(fc.tuple(octets(12), tie('value')), { maxLength: 4 }).map((l) => sized('F', tableOctets(l))),
  ),
}))

function sized(letter: string, b: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.write(letter)
  head.writeUInt32BE(b.length, 1)
  return Buffer.concat([head, b])
}

function tableOctets(fields: readonly (readonly [Buffer, Buffer])[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([name.length]), name, value]))
}

function again(v: FieldValue): FieldValue {
  if (v.type === 'F')
    return { type: 'F', value: FieldTable.of(v.value.entries.map((e) => fieldEntry(e.name, again(e.value)))) }
  return v.type === 'A' ? { type: 'A', value: v.value.map(again) } : v
}

function nested(levels: number): FieldTable {
  let t = FieldTable.from({ end: 1 })
  for (let i = 0; i < levels; i++) t = FieldTable.of([fieldEntry('t', { type: 'F', value: t })])
  return t
}

/** As a value that JSON can hold. */
function nestedPlain(levels: number): { [name: string]: PlainValue } {
  let v: PlainValue = 1
  for (let i = 0; i < levels; i++) v = i % 2 === 0 ? [v] : { v }
  return { v }
}

describe('a field table', () => {
  it('that is read is written as it came, also from its values alone', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(octets(255), fieldOctets), { maxLength: 5 }), (fields) => {
        const bytes = tableOctets(fields)
        const t = FieldTable.decode(bytes)
        same(t.bytes.equals(bytes), true)
        const { value } = again({ type: 'F', value: t })
        same((value as FieldTable).bytes.equals(bytes), true)
        sameDeep(FieldTable.decode((value as FieldTable).bytes), t)
      }),
      { numRuns: 500 },
    )
  })

  it('knows how deep it is, and is read down to the depth that it is allowed', () => {
    for (const levels of [0, 1, TABLE_DEPTH_MAX, TABLE_DEPTH_MAX + 1]) {
      const t = nested(levels)
      expect(t.depth).toBe(levels)
      expect(FieldTable.decode(t.bytes, levels).depth).toBe(levels)
      if (levels > 0) expect(() => FieldTable.decode(t.bytes, levels - 1)).toThrow(AmqpError)
    }
    expect(() => FieldTable.decode(nested(TABLE_DEPTH_MAX + 1).bytes)).toThrow(
      `field table nested deeper than ${TABLE_DEPTH_MAX}`,
    )
  })

  it('made of plain values is as deep as one that is read, at most', () => {
    const deepest = FieldTable.from(nestedPlain(TABLE_DEPTH_MAX))
    expect(FieldTable.decode(deepest.bytes)).toEqual(deepest)
    expect(() => FieldTable.from(nestedPlain(TABLE_DEPTH_MAX + 1))).toThrow(EncodeError)
    expect(() => FieldTable.from(nestedPlain(50_000))).toThrow(EncodeError)
  })

  it('made of plain values reads back equal', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.string({ maxLength: 60 }),
          fc.jsonValue({ maxDepth: 6 }) as fc.Arbitrary<PlainValue>,
        ),
        (plain) => {
          const t = FieldTable.from(plain)
          sameDeep(FieldTable.decode(t.bytes), t)
        },
      ),
    )
  })

  it.each([
    ['a name of 256 octets', 'ä'.repeat(128), { type: 'V', value: undefined }],
    ['an octet of 256', 'a', { type: 'B', value: 256 }],
    ['a signed octet of 128', 'a', { type: 'b', value: 128 }],
    ['a short integer of 32768', 'a', { type: 's', value: 32768 }],
    ['an unsigned short integer of -1', 'a', { type: 'u', value: -1 }],
    ['an integer of 2^31', 'a', { type: 'I', value: 2 ** 31 }],
    ['an unsigned integer of 2^32', 'a', { type: 'i', value: 2 ** 32 }],
    ['a long integer of 2^63', 'a', { type: 'l', value: 2n ** 63n }],
    ['a timestamp of 2^64', 'a', { type: 'T', value: 2n ** 64n }],
    ['a timestamp before 1970', 'a', { type: 'T', value: -1n }],
    ['a decimal of scale 256', 'a', { type: 'D', value: { scale: 256, digits: 0 } }],
    ['a decimal of 2^32', 'a', { type: 'D', value: { scale: 0, digits: 2 ** 32 } }],
    ['a float of 1e39', 'a', { type: 'f', value: 1e39 }],
  ] as [string, string, FieldValue][])('refuses %s', (_, name, value) => {
    expect(() => fieldEntry(name, value)).toThrow(RangeError)
  })
})

const properties: fc.Arbitrary<Properties> = fc.record(
  {
    contentType: anyShort,
    contentEncoding: anyShort,
    headers: fc
      .array(fc.tuple(octets(30), fieldOctets), { maxLength: 3 })
      .map((l) => FieldTable.decode(tableOctets(l))),
    deliveryMode: fc.nat(255),
    priority: fc.nat(255),
    correlationId: anyShort,
    replyTo: anyShort,
    expiration: anyShort,
    messageId: anyShort,
    timestamp: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    type: anyShort,
    userId: anyShort,
    appId: anyShort,
    clusterId: anyShort,
  },
  { requiredKeys: [] },
)

function read(m: InboundMessage): ReturnType<typeof readContent> {
  return readContent(m.source, m.namesStart, m.contentStart, m.contentEnd)
}

describe('a message', () => {
  it('reads back equal, whatever the octets of its names and properties', () => {
    fc.assert(
      fc.property(anyShort, anyShort, properties, octets(60), (exchange, routingKey, p, body) => {
        const m = new InboundMessage()
        encodeContent(exchange, routingKey, p, body, m)
        const c = read(m)
        sameDeep([c.exchange, c.routingKey, c.body.equals(body)], [exchange, routingKey, true])
        sameDeep(c.properties, p)
        const w = new FrameWriter()
        encodeProperties(w, c.properties)
        same(w.view().equals(c.propertyBytes), true)
      }),
      { numRuns: 300 },
    )
  })

  it('has headers that can be read, or is not made', () => {
    const m = new InboundMessage()
    const make = (p: Properties, key = 'k', exchange = 'x'): void =>
      encodeContent(exchange, key, p, Buffer.alloc(0), m)
    make({ headers: nested(TABLE_DEPTH_INSIDE_MAX) })
    expect(read(m).properties.headers?.depth).toBe(TABLE_DEPTH_INSIDE_MAX)
    for (const wrong of [
      () => make({ headers: nested(TABLE_DEPTH_INSIDE_MAX + 1) }),
      () => make({}, 'k'.repeat(256)),
      () => make({}, 'k', 'ä'.repeat(128)),
      () => make({ messageId: 'm'.repeat(256) }),
      () => make({ priority: 256 }),
      () => make({ deliveryMode: -1 }),
      () => make({ timestamp: -1n }),
    ])
      expect(wrong).toThrow(RangeError)
  })
})

it.each([2n ** 53n, 2n ** 63n + 1n, 2n ** 64n - 129n, 2n ** 64n - 1n])(
  'the delivery tag %d can be written again',
  (tag) => {
    const args = Buffer.alloc(9)
    args.writeBigUInt64BE(tag)
    const { deliveryTag } = decodeBasicAck(args)
    const w = new FrameWriter()
    w.u64(deliveryTag)
    // Numbers of more than 53 bits are rounded.
    expect(Number(w.view().readBigUInt64BE())).toBe(deliveryTag)
  },
)
