/**
 * Stored format of a delayed message: length of the head in octets (u32, little-endian), the head as JSON, exchange and
 * routing key as two short strings, the content as in message.ts.
 */
import { Octets, plainView } from '../../util/copy.ts'
import { InboundMessage } from '../message.ts'

export interface Held {
  /** Number of the exchange that delays the message. */
  readonly target: number
  /** When the delay is over, in ms since 1970. */
  readonly due: number
  /** The routing keys with which the message will be routed. */
  readonly keys: readonly string[]
}

interface Head extends Held {
  readonly persistent: boolean
  readonly priority: number
  readonly ttl: number
  readonly bodySize: number
  /** Absent means false. */
  readonly died?: boolean
  /** Length of exchange and routing key in octets. */
  readonly names: number
}

export function encodeHeld(held: Held, m: InboundMessage): Uint8Array {
  const { persistent, priority, ttl, bodySize, died } = m
  const names = m.namesEnd - m.namesStart
  const head = Buffer.from(
    JSON.stringify({ ...held, persistent, priority, ttl, bodySize, died, names } satisfies Head),
  )
  const out = Buffer.alloc(4 + head.length + names + m.contentEnd - m.contentStart)
  out.writeUInt32LE(head.length, 0)
  out.set(head, 4)
  out.set(m.source.subarray(m.namesStart, m.namesEnd), 4 + head.length)
  out.set(m.source.subarray(m.contentStart, m.contentEnd), 4 + head.length + names)
  return out
}

/** The message has its own copy of `bytes`. */
export function decodeHeld(bytes: Uint8Array): { held: Held; message: InboundMessage } {
  const own = Buffer.from(bytes)
  const headBytes = own.readUInt32LE(0)
  const head = JSON.parse(own.toString('utf8', 4, 4 + headBytes)) as Head
  const m = new InboundMessage()
  m.octets = new Octets(plainView(own))
  m.namesStart = 4 + headBytes
  m.namesEnd = m.namesStart + head.names
  m.contentStart = m.namesEnd
  m.contentEnd = own.length
  m.persistent = head.persistent
  m.priority = head.priority
  m.ttl = head.ttl
  m.bodySize = head.bodySize
  m.died = head.died === true
  return { held: head, message: m }
}
