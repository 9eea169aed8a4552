/**
 * The format of a stored message. There is no message object: a message is an entry, a run of octets in a segment, and
 * is written to disk in the same form.
 *
 *     offset  size  content
 *     0       4     length of the entry in octets, this header included (little-endian, as are the next fields)
 *     4       4     length of the body in octets
 *     8       1     flags: FLAG_PERSISTENT, FLAG_TIMED, FLAG_DIED
 *     9       1     priority as published, 0 if absent
 *     10      2     offset of the content from the start of the entry
 *     12      8     only with FLAG_TIMED: a time in ms since 1970 (low word, high word): when the message expires or,
 *                   in a stream, when it arrived
 *             ...   exchange and routing key, two short strings
 *     content ...   the end octet of the method frame, the header frame, the body frames: ready to be sent
 *
 * All body frames except the last have a payload of BODY_FRAME_PAYLOAD octets, however the publisher split the body.
 * The channel number in the frames is the publisher's; it is overwritten on delivery.
 */
import { CONTENT_BYTES_AHEAD, FRAME_BYTES_MAX } from '../limits.ts'
import { FRAME_BODY, FRAME_END, FRAME_HEADER } from '../protocol/generated/constants.ts'
import type { Properties } from '../protocol/generated/properties.ts'
import { decodeProperties } from '../protocol/generated/properties.ts'
import { bufferView, noOctets, Octets } from '../util/copy.ts'
import { giveMemoryBack, takeMemory } from '../util/large-memory.ts'
import { octetText, shortString } from '../util/octet-text.ts'

export const ENTRY_HEADER_BYTES = 12
export const ENTRY_TIME_BYTES = 8
export const FLAG_PERSISTENT = 1
/** The entry contains a time, as described above. */
export const FLAG_TIMED = 2
/** The message's x-death header was written by the broker itself. */
export const FLAG_DIED = 4

export const FRAME_OVERHEAD_BYTES = 8
/** The payload of a full body frame. */
export const BODY_FRAME_PAYLOAD = FRAME_BYTES_MAX - FRAME_OVERHEAD_BYTES

/** Length of class id, weight and body size, which precede the property flags. */
const CONTENT_HEADER_FIXED = 12

/**
 * A message being published. One object is reused for successive messages: code that keeps a message has to copy it, as
 * a segment does. The offsets refer to `octets`.
 */
export class InboundMessage {
  octets: Octets = noOctets
  /** exchange and routing key as two short strings */
  namesStart = 0
  namesEnd = 0
  /** from the end octet before the header frame to the end of the last body frame */
  contentStart = 0
  contentEnd = 0
  bodySize = 0
  persistent = false
  priority = 0
  /** The expiration property in ms; -1 = none. */
  ttl = -1
  /** The message has been dead-lettered: its x-death header was written by the broker itself. */
  died = false
  /** Its publisher is not told if a queue refuses it: it was confirmed when an exchange delayed it. */
  isDelayed = false
  /** It stays where it is if a queue refuses it, which therefore does not dead-letter it. */
  isOffered = false
  /**
   * Whether `octets` contain only this message, with ADOPT_ROOM_BYTES free before the names, and have no other user:
   * then one segment may take them over instead of copying.
   */
  adoptable = false

  get source(): Uint8Array {
    return this.octets.bytes
  }

  /** Copies the message into memory of its own. */
  static copyOf(m: InboundMessage): InboundMessage {
    const copy = new InboundMessage()
    const namesBytes = m.namesEnd - m.namesStart
    const bytes = new Uint8Array(namesBytes + m.contentEnd - m.contentStart)
    bytes.set(m.source.subarray(m.namesStart, m.namesEnd), 0)
    bytes.set(m.source.subarray(m.contentStart, m.contentEnd), namesBytes)
    copy.octets = new Octets(bytes)
    copy.namesEnd = namesBytes
    copy.contentStart = namesBytes
    copy.contentEnd = bytes.length
    copy.bodySize = m.bodySize
    copy.persistent = m.persistent
    copy.priority = m.priority
    copy.ttl = m.ttl
    copy.died = m.died
    return copy
  }
}

/** Space for the header of an entry, including its time. */
export const ADOPT_ROOM_BYTES = ENTRY_HEADER_BYTES + ENTRY_TIME_BYTES

/** Where a message was published to. Strings are encoded as in octet-text.ts. */
export interface MessageNames {
  exchange: string
  routingKey: string
}

/** A decoded message, for everything off the fast path: dead lettering, returns, basic.get, rewriting headers. */
export interface Content extends MessageNames {
  properties: Properties
  /** flags and property list as they stand in the header frame */
  propertyBytes: Buffer
  body: Buffer
  /** The message has been dead-lettered: its x-death header was written by the broker itself. */
  died?: boolean
}

export function bodyFramesBytes(bodySize: number): number {
  return bodySize + Math.ceil(bodySize / BODY_FRAME_PAYLOAD) * FRAME_OVERHEAD_BYTES
}

/**
 * Assembles a message that arrives in pieces of any size into the format above. Memory grows with the octets received:
 * announcing a large body does not allocate memory for it.
 */
export class ContentBuilder {
  readonly namesEnd: number
  readonly contentStart: number
  readonly bodySize: number
  readonly propertiesStart: number
  private bytes: Uint8Array
  private readonly bodyStart: number
  private readonly end: number
  private written = 0

  /**
   * @param names exchange and routing key as two short strings
   * @param properties flags and property list
   */
  constructor(names: Uint8Array, properties: Uint8Array, bodySize: number) {
    const headerPayload = CONTENT_HEADER_FIXED + properties.length
    this.namesEnd = ADOPT_ROOM_BYTES + names.length
    this.contentStart = this.namesEnd
    this.bodyStart = this.namesEnd + headerPayload + FRAME_OVERHEAD_BYTES + 1
    this.bodySize = bodySize
    this.end = this.bodyStart + bodyFramesBytes(bodySize)
    const memory = takeMemory(Math.min(this.end, this.bodyStart + CONTENT_BYTES_AHEAD))
    const b = Buffer.from(memory)
    this.bytes = new Uint8Array(memory)
    b.set(names, ADOPT_ROOM_BYTES)
    b[this.namesEnd] = FRAME_END
    let at = this.namesEnd + 1
    b[at] = FRAME_HEADER
    b.writeUInt16BE(0, at + 1)
    b.writeUInt32BE(headerPayload, at + 3)
    at += 7
    b.writeUInt32BE(60 << 16, at)
    b.writeBigUInt64BE(BigInt(bodySize), at + 4)
    this.propertiesStart = at + CONTENT_HEADER_FIXED
    b.set(properties, this.propertiesStart)
    b[this.bodyStart - 1] = FRAME_END
  }

  /** Octets of the body that have not arrived yet. */
  get missing(): number {
    return this.bodySize - this.written
  }

  /** Octets of memory allocated. */
  get capacity(): number {
    return this.bytes.length
  }

  /** Adds the next piece of the body, which must not be longer than `missing`. */
  add(piece: Uint8Array): void {
    let from = 0
    while (from < piece.length) {
      const frame = Math.floor(this.written / BODY_FRAME_PAYLOAD)
      const within = this.written - frame * BODY_FRAME_PAYLOAD
      const frameStart = this.bodyStart + frame * FRAME_BYTES_MAX
      if (within === 0) this.beginFrame(frameStart)
      const size = Math.min(piece.length - from, BODY_FRAME_PAYLOAD - within)
      this.bytes.set(piece.subarray(from, from + size), frameStart + 7 + within)
      from += size
      this.written += size
    }
  }

  /** Makes room for the next body frame, and writes its header and end octet. */
  private beginFrame(at: number): void {
    const size = Math.min(this.missing, BODY_FRAME_PAYLOAD)
    const frameEnd = at + size + FRAME_OVERHEAD_BYTES
    if (frameEnd > this.bytes.length) this.grow(at, frameEnd)
    const b = this.bytes
    b[at] = FRAME_BODY
    b[at + 1] = b[at + 2] = 0
    b[at + 3] = size >>> 24
    b[at + 4] = size >>> 16
    b[at + 5] = size >>> 8
    b[at + 6] = size
    b[frameEnd - 1] = FRAME_END
  }

  private grow(used: number, needed: number): void {
    const memory = takeMemory(Math.min(this.end, Math.max(needed, 4 * this.bytes.length)))
    const larger = new Uint8Array(memory)
    larger.set(this.bytes.subarray(0, used))
    giveMemoryBack(this.bytes.buffer as ArrayBuffer)
    this.bytes = larger
  }

  /** Points `m` at the finished content. */
  fill(m: InboundMessage): void {
    m.octets = new Octets(this.bytes)
    m.namesStart = ADOPT_ROOM_BYTES
    m.namesEnd = this.namesEnd
    m.contentStart = this.contentStart
    m.contentEnd = this.end
    m.bodySize = this.bodySize
    m.adoptable = true
  }
}

/** @throws EncodeError if a name is longer than 255 octets */
export function encodeNames(exchange: string, routingKey: string): Buffer {
  const x = shortString(exchange)
  const k = shortString(routingKey)
  return Buffer.concat([Buffer.from([x.length]), x, Buffer.from([k.length]), k])
}

/** Offset of the property flags of a content that begins at `contentStart`. */
export function propertiesOffset(contentStart: number): number {
  return contentStart + 1 + 7 + CONTENT_HEADER_FIXED
}

/** Reads exchange and routing key, two short strings. */
export function readNames(source: Uint8Array, start: number): MessageNames {
  const b = bufferView(source)
  const xEnd = start + 1 + (b[start] as number)
  const kEnd = xEnd + 1 + (b[xEnd] as number)
  return { exchange: octetText(b, start + 1, xEnd), routingKey: octetText(b, xEnd + 1, kEnd) }
}

/** Whether the entry at `start` ends within `end` and consists exactly of its names, content header and body. */
export function isWholeEntry({ bytes, view }: Octets, start: number, end: number): boolean {
  if (start + ENTRY_HEADER_BYTES + ENTRY_TIME_BYTES > end) return false
  const entryEnd = start + view.getInt32(start, true)
  const flags = view.getInt32(start + 8, true)
  const contentStart = start + (flags >>> 16)
  const namesAt = start + ENTRY_HEADER_BYTES + ((flags & FLAG_TIMED) === 0 ? 0 : ENTRY_TIME_BYTES)
  const keyAt = namesAt + 1 + (bytes[namesAt] as number)
  const namesEnd = keyAt + 1 + (bytes[keyAt] as number)
  if (entryEnd > end || contentStart !== namesEnd || propertiesOffset(contentStart) + 2 > entryEnd)
    return false
  const bodySize = view.getInt32(start + 4, true)
  let at = contentStart + 1 + FRAME_OVERHEAD_BYTES + view.getUint32(contentStart + 4)
  let missing = bodySize === view.getUint32(contentStart + 16) ? bodySize : -1
  while (missing > 0 && at + FRAME_OVERHEAD_BYTES < entryEnd) {
    const size = view.getUint32(at + 3)
    if (size === 0) return false
    missing -= size
    at += size + FRAME_OVERHEAD_BYTES
  }
  return missing === 0 && at === entryEnd
}

/** Decodes a message. The buffers in the result are views: copy them if they have to outlive `source`. */
export function readContent(
  source: Uint8Array,
  namesStart: number,
  contentStart: number,
  contentEnd: number,
): Content {
  const b = bufferView(source)
  const headerSize = b.readUInt32BE(contentStart + 4)
  const propsStart = propertiesOffset(contentStart)
  const propsEnd = contentStart + 8 + headerSize
  const bodySize = b.readUInt32BE(contentStart + 16)
  const propertyBytes = b.subarray(propsStart, propsEnd)
  return {
    ...readNames(source, namesStart),
    properties: decodeProperties(b.readUInt16BE(propsStart), b, propsStart + 2, propsEnd),
    propertyBytes,
    body: joinBody(b, propsEnd + 1, contentEnd, bodySize),
  }
}

function joinBody(b: Buffer, start: number, end: number, bodySize: number): Buffer {
  if (bodySize === 0) return Buffer.alloc(0)
  if (bodySize <= BODY_FRAME_PAYLOAD) return b.subarray(start + 7, end - 1)
  const out = Buffer.allocUnsafe(bodySize)
  let to = 0
  for (let at = start; at < end; ) {
    const size = b.readUInt32BE(at + 3)
    b.copy(out, to, at + 7, at + 7 + size)
    to += size
    at += size + FRAME_OVERHEAD_BYTES
  }
  return out
}
