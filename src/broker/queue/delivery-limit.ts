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
const COUNT_MAX = 0xffff

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

  /** Messages that have come back. */
  get size(): number {
    return this.byIndex.size
  }

  /** Index and count. */
  [Symbol.iterator](): Iterator<[number, number]> {
    return this.byIndex.entries()
  }

  set(index: number, count: number): void {
    this.byIndex.set(index, count)
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
  const others = (content.properties.headers ?? FieldTable.empty).without(...names)
  const counts = names.map((n) => fieldEntry(n, { type: 'l', value: BigInt(count) }))
  const properties = { ...content.properties, headers: FieldTable.of([...others.entries, ...counts]) }
  const m = new Incoming()
  encodeContent(content.exchange, content.routingKey, properties, content.body, m)
  return m
}
