/**
 * A delayed message as it is stored: octets of the head u32, the head in JSON, exchange and routing key as two short
 * strings, the content as in message.ts.
 */
import { Octets, plainView } from '../../util/copy.ts'
import { InboundMessage } from '../message.ts'

export interface Held {
  /** The exchange that holds it. */
  readonly target: number
  /** In ms since 1970. */
  readonly due: number
  /** The keys under which it will be routed. */
  readonly keys: readonly string[]
}

interface Head extends Held {
  readonly persistent: boolean
  readonly priority: number
  readonly ttl: number
  readonly bodySize: number
  /** Absent = false. */
  readonly died?: boolean
  /** Octets of exchange and routing key. */
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

/** The message gets a copy of the octets. */
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
