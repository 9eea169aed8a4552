/**
 * x-delivery-limit: how often each message of a segment has come back, counted where the queue has a limit, kept on
 * disk with the segment's state, and told to consumers as x-delivery-count (behaviour.md section 13).
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

export class DeliveryCounts {
  private readonly byIndex = new Map<number, number>()

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
  }

  encode(): Uint8Array {
    const out = Buffer.alloc(this.byIndex.size * PAIR_BYTES)
    let at = 0
    for (const [index, count] of this.byIndex) {
      out.writeUInt16LE(index, at)
      out.writeUInt16LE(count, at + 2)
      at += PAIR_BYTES
    }
    return out
  }

  /** undefined where nothing has come back yet. */
  static decode(bytes: Uint8Array): DeliveryCounts | undefined {
    if (bytes.length < PAIR_BYTES) return undefined
    const counts = new DeliveryCounts()
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (let at = 0; at + PAIR_BYTES <= bytes.length; at += PAIR_BYTES)
      counts.byIndex.set(view.getUint16(at, true), view.getUint16(at + 2, true))
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
