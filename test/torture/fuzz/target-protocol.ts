/** Octets of the protocol: field tables, methods, frames, content properties. */
import { PropertyScan } from '../../../src/channel/property-scan.ts'
import { AmqpError, ReplyCode } from '../../../src/protocol/errors.ts'
import { scanHeaders } from '../../../src/protocol/field-scan.ts'
import {
  type FieldEntry,
  FieldTable,
  type FieldValue,
  fieldEntry,
} from '../../../src/protocol/field-table.ts'
import { type FrameHandler, FrameReader } from '../../../src/protocol/frame-reader.ts'
import { encodeMethodFrame, FrameWriter } from '../../../src/protocol/frame-writer.ts'
import { MethodId } from '../../../src/protocol/generated/constants.ts'
import { decodeMethod } from '../../../src/protocol/generated/decode.ts'
import type { ServerMethod } from '../../../src/protocol/generated/methods.ts'
import { decodeProperties, encodeProperties } from '../../../src/protocol/generated/properties.ts'
import { headerPayload, table } from '../../support/wire.ts'
import { hostileSession } from '../hostile-input.ts'
import { randomOf } from '../random.ts'
import { frameChanges, propertiesOfHeader, someMethods, someTables, tableChanges } from './frames.ts'
import type { FuzzTarget } from './fuzzer.ts'
import { octets } from './mutate.ts'
import { same, unless } from './oracle.ts'

const TABLE_BYTES = 2048

function isFrameError(error: unknown): boolean {
  return error instanceof AmqpError && error.code === ReplyCode.FrameError
}

/** The table again, from what was read of it. */
function rebuilt(t: FieldTable): Buffer {
  return Buffer.concat(t.entries.map((e: FieldEntry) => fieldEntry(e.name, rebuiltValue(e.value)).bytes))
}

function rebuiltValue(v: FieldValue): FieldValue {
  if (v.type === 'F') return { type: 'F', value: FieldTable.decode(rebuilt(v.value), 128) }
  return v.type === 'A' ? { type: 'A', value: v.value.map(rebuiltValue) } : v
}

/** Reading and writing are inverse, and the scan of headers accepts exactly what is a table. */
export function tableTarget(): FuzzTarget {
  return {
    name: 'table',
    bytesMax: TABLE_BYTES,
    seeds: someTables(),
    changes: [tableChanges],
    words: ['x-death', 'CC', 'BCC', 'count', 'S\0\0\0\u0001a', 'F\0\0\0\0', 'A\0\0\0\0', 't\u0001'],
    run(input) {
      const bytes = Buffer.from(input)
      const read = unless(isFrameError, () => FieldTable.decode(bytes))
      const scanned = unless(isFrameError, () => scanHeaders(bytes, 0, bytes.length))
      same((read === undefined) === (scanned === undefined), 'the scan of headers and the decoder differ')
      if (read === undefined) return
      same(rebuilt(read).equals(bytes), 'a table is not what was read')
      read.toPlain()
      read.without('a')
      same(read.depth <= 64, 'a table is deeper than it may be')
    },
  }
}

/** What a method says is the same once it was written and read again. */
export function methodTarget(): FuzzTarget {
  const seeds = someMethods().map((frame) => frame.subarray(7, frame.length - 1))
  return {
    name: 'method',
    bytesMax: TABLE_BYTES,
    seeds,
    changes: [octets],
    words: Object.values(MethodId).map((id) => {
      const b = Buffer.alloc(4)
      b.writeUInt32BE(id)
      return b.toString('latin1')
    }),
    run(input) {
      if (input.length < 4) return
      const m = unless(isFrameError, () => decodeMethod(input.readUInt32BE(0), input.subarray(4)))
      if (m === undefined) return
      const frame = encodeMethodFrame(1, m as ServerMethod)
      const payload = Buffer.from(frame.subarray(7, frame.length - 1))
      const again = decodeMethod(payload.readUInt32BE(0), payload.subarray(4))
      if (again === undefined) throw new Error('a method cannot be read again')
      const second = encodeMethodFrame(1, again as ServerMethod)
      same(second.subarray(7, second.length - 1).equals(payload), 'a method is another one when read again')
    },
  }
}

/** What a reader has handed on, whole publishes taken apart and pieces of a body put together. */
class Heard implements FrameHandler {
  readonly suspended = false
  readonly said: string[] = []
  private body: { channel: number; parts: Buffer[] } | undefined

  private say(line: string): void {
    this.endBody()
    this.said.push(line)
  }

  endBody(): void {
    const { body } = this
    this.body = undefined
    if (body === undefined) return
    const all = Buffer.concat(body.parts)
    if (all.length > 0) this.said.push(`body ${body.channel} ${all.toString('latin1')}`)
  }

  onMethod(channel: number, b: Buffer, start: number, end: number): void {
    this.say(`method ${channel} ${b.toString('latin1', start, end)}`)
  }

  onHeader(channel: number, b: Buffer, start: number, end: number): void {
    this.say(`header ${channel} ${b.toString('latin1', start, end)}`)
  }

  onBody(channel: number, b: Buffer, start: number, end: number): void {
    if (this.body?.channel !== channel) this.endBody()
    this.body ??= { channel, parts: [] }
    this.body.parts.push(Buffer.from(b.subarray(start, end)))
  }

  onPublish(channel: number, b: Buffer, method: number, header: number, end: number, size: number): void {
    this.onMethod(channel, b, method, method + b.readUInt32BE(method - 4))
    const headerEnd = header + b.readUInt32BE(header - 4)
    this.onHeader(channel, b, header, headerEnd)
    if (size === 0) return
    const at = headerEnd + 1 + 7
    same(at + size + 1 === end, 'a publish ends elsewhere than its body')
    this.onBody(channel, b, at, at + size)
  }

  onHeartbeat(channel: number): void {
    this.say(`heartbeat ${channel}`)
  }
}

const FRAME_MAX = 4096

function heard(input: Buffer, cuts: readonly number[]): Heard {
  const h = new Heard()
  const reader = new FrameReader(h, FRAME_MAX)
  unless(isFrameError, () => {
    let from = 0
    for (const cut of [...cuts, input.length]) {
      // What is read from a socket does not stay.
      const chunk = Buffer.from(input.subarray(from, cut))
      same(reader.read(chunk) === chunk.length, 'the reader has not read its chunk')
      chunk.fill(0xaa)
      from = cut
    }
  })
  h.endBody()
  return h
}

/** Frames are the same ones wherever the input is cut. The first octet says where. */
export function framesTarget(): FuzzTarget {
  const login = { user: 'a', password: 'b', vhost: '/' }
  const sessions = Array.from({ length: 60 }, (_, i) => hostileSession(randomOf(i), login).subarray(8, 3000))
  return {
    name: 'frames',
    bytesMax: 3000,
    seeds: [...someMethods(), ...sessions].map((b) => Buffer.concat([Buffer.from([b.length & 255]), b])),
    changes: [frameChanges(1)],
    words: ['\u00ce', '\b\0\0\0\0\0\0\u00ce', '\0<\0(', '\u0001\0\u0001\0\0\0'],
    run(input) {
      const [step = 0] = input
      const rest = input.subarray(1)
      const whole = heard(rest, [])
      const cuts: number[] = []
      for (let at = (step & 63) + 1; at < rest.length; at += (step & 63) + 1) cuts.push(at)
      const inPieces = heard(rest, cuts)
      // A body frame that turns out to be wrong was handed on already where it came in pieces.
      const last = whole.said.length - 1
      const begins = whole.said.every((line, at) =>
        at === last && line.startsWith('body')
          ? inPieces.said[at]?.startsWith(line)
          : line === inPieces.said[at],
      )
      const more = inPieces.said.slice(last + 1)
      same(begins && more.length <= 1 && more.every((l) => l.startsWith('body')), 'cut frames are others')
    },
  }
}

/** The scan of a content header accepts exactly what can be decoded. */
export function propertiesTarget(): FuzzTarget {
  const scan = new PropertyScan()
  const lists = [
    {},
    { deliveryMode: 2 },
    {
      contentType: 'text/plain',
      priority: 5,
      expiration: '1000',
      replyTo: 'amq.rabbitmq.reply-to',
      userId: 'a',
    },
    { headers: table({ CC: ['a', 'b'], BCC: 'c', 'x-delay': 5 }), timestamp: 5n, appId: 'x', type: 't' },
    { headers: table({}), messageId: 'm', correlationId: 'c', contentEncoding: 'gzip', clusterId: 'k' },
  ]
  return {
    name: 'properties',
    bytesMax: 1024,
    seeds: lists.map((p) => propertiesOfHeader(headerPayload(0, p as Parameters<typeof headerPayload>[1]))),
    changes: [octets],
    words: ['CC', 'BCC', 'A\0\0\0\0'],
    run(input) {
      if (input.length < 2) return
      const flags = input.readUInt16BE(0)
      const read = unless(isFrameError, () => decodeProperties(flags, input, 2, input.length))
      const scanned = unless(isFrameError, () => {
        scan.read(input, 0, input.length)
        return true
      })
      same(read !== undefined || scanned === undefined, 'what cannot be decoded passes the scan')
      if (read === undefined) return
      const w = new FrameWriter()
      encodeProperties(w, read)
      const again = Buffer.from(w.view())
      // The decoder passes over what nobody knows: two flags, and octets behind the last property.
      const isOdd = (flags & 3) !== 0 || again.length < input.length
      same(isOdd === (scanned === undefined), 'the scan of a content header and its decoder differ')
      same(
        again.subarray(2).equals(input.subarray(2, again.length)),
        'properties are others when written again',
      )
    },
  }
}
