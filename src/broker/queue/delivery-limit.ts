/**
 * x-delivery-limit: how often each message of a segment has come back, counted where the queue has a limit, kept on
 * disk with the segment's state, and told to consumers as x-delivery-count (behaviour.md section 13). With
 * x-delayed-retry also until when each of them waits.
 */
import { FieldTable, fieldEntry } from '../../protocol/field-table.ts'
import { encodeContent } from '../content.ts'
import { Incoming } from '../message.ts'
import type { Segment } from './segment.ts'

const COUNT_HEADER = 'x-delivery-count'
const ACQUIRED_HEADER = 'x-acquired-count'
/** index u16, count u16 */
const PAIR_BYTES = 4
const COUNT_MAX = 0xffff
/** In place of an index: what follows are waits. */
const WAITS_MARK = 0xffff
/** index u16, ms since 1970 u48 */
const WAIT_BYTES = 8

export class DeliveryCounts {
  private readonly byIndex = new Map<number, number>()
  /** Index, and when the wait is over in ms since 1970. */
  readonly waits = new Map<number, number>()

  get(index: number): number {
    return this.byIndex.get(index) ?? 0
  }

  /** The message at that index has come back once more; returns how often by now. */
  add(index: number): number {
    const count = Math.min(COUNT_MAX, this.get(index) + 1)
    this.byIndex.set(index, count)
    return count
  }

  forget(index: number): void {
    this.byIndex.delete(index)
    this.waits.delete(index)
  }

  encode(): Uint8Array {
    const { size } = this.waits
    const waitBytes = size === 0 ? 0 : PAIR_BYTES + size * WAIT_BYTES
    const out = Buffer.alloc(this.byIndex.size * PAIR_BYTES + waitBytes)
    let at = 0
    for (const [index, count] of this.byIndex) {
      out.writeUInt16LE(index, at)
      out.writeUInt16LE(count, at + 2)
      at += PAIR_BYTES
    }
    if (size > 0) at = out.writeUInt32LE(WAITS_MARK, at)
    for (const [index, until] of this.waits) {
      at = out.writeUInt16LE(index, at)
      at = out.writeUIntLE(until, at, WAIT_BYTES - 2)
    }
    return out
  }

  /** undefined where nothing has come back yet. */
  static decode(bytes: Uint8Array): DeliveryCounts | undefined {
    if (bytes.length < PAIR_BYTES) return undefined
    const counts = new DeliveryCounts()
    const b = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    let at = 0
    for (; at + PAIR_BYTES <= b.length && b.readUInt16LE(at) !== WAITS_MARK; at += PAIR_BYTES)
      counts.byIndex.set(b.readUInt16LE(at), b.readUInt16LE(at + 2))
    for (at += PAIR_BYTES; at + WAIT_BYTES <= b.length; at += WAIT_BYTES)
      counts.waits.set(b.readUInt16LE(at), b.readUIntLE(at + 2, WAIT_BYTES - 2))
    return counts
  }
}

/**
 * A message that has come back, as it goes out: with x-delivery-count among its headers, and x-acquired-count where the
 * queue tells that too. undefined where it has not come back.
 */
export function countedMessage(segment: Segment, index: number, acquired: boolean): Incoming | undefined {
  const count = segment.deliveryCounts?.get(index) ?? 0
  if (count === 0) return undefined
  const content = segment.content(index)
  const names = acquired ? [COUNT_HEADER, ACQUIRED_HEADER] : [COUNT_HEADER]
  const others = (content.properties.headers ?? FieldTable.empty).entries.filter(
    (e) => !names.includes(e.name),
  )
  const counts = names.map((n) => fieldEntry(n, { type: 'l', value: BigInt(count) }))
  const properties = { ...content.properties, headers: FieldTable.of([...others, ...counts]) }
  const m = new Incoming()
  encodeContent(content.exchange, content.routingKey, properties, content.body, m)
  return m
}
