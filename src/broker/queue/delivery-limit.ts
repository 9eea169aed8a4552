/**
 * x-delivery-limit: how often each message of a segment has come back, counted where the queue has a limit, kept on
 * disk with the segment's state, and told to consumers as x-delivery-count (behaviour.md section 13).
 */
import { FieldTable, fieldEntry } from '../../protocol/field-table.ts'
import type { Content } from '../message.ts'

const COUNT_HEADER = 'x-delivery-count'
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

/** The headers of a message as they go out for the `count`-th time after the first. */
export function withDeliveryCount(content: Content, count: number): FieldTable {
  const others = (content.properties.headers ?? FieldTable.empty).entries.filter(
    (e) => e.name !== COUNT_HEADER,
  )
  return FieldTable.of([...others, fieldEntry(COUNT_HEADER, { type: 'l', value: BigInt(count) })])
}
