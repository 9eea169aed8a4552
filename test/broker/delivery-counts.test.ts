import { describe, expect, it } from 'vitest'
import { DeliveryCounts } from '../../src/broker/messages/delivery-counts.ts'
import { SEGMENT_MESSAGES_MAX, Segment } from '../../src/broker/messages/segment.ts'
import { decodeState, encodeState } from '../../src/broker/messages/segment-state.ts'

describe('delivery counts', () => {
  it('are those of each message, up to 65,535, and gone with it', () => {
    const counts = new DeliveryCounts()
    expect([counts.get(7), counts.size]).toEqual([0, 0])
    expect([counts.add(7), counts.add(7), counts.add(500)]).toEqual([1, 2, 1])
    counts.set(7, 65_535)
    expect([counts.add(7), counts.size, counts.get(8), counts.get(9999)]).toEqual([65_535, 2, 0, 0])
    counts.waits.set(500, 1_700_000_000_000)
    counts.forget(500)
    counts.forget(9999)
    expect([counts.get(500), counts.size, counts.waits.size]).toEqual([0, 1, 0])
  })

  it('come back from the disk, the last message of the fullest segment included', () => {
    const segment = new Segment(1, 0, undefined)
    segment.count = SEGMENT_MESSAGES_MAX
    segment.states = new Uint8Array(SEGMENT_MESSAGES_MAX).fill(2)
    segment.offsets = new Uint32Array(SEGMENT_MESSAGES_MAX)
    const counts = new DeliveryCounts()
    segment.deliveryCounts = counts
    for (let i = 3; i < SEGMENT_MESSAGES_MAX; i += 4) counts.set(i, i)
    counts.waits.set(SEGMENT_MESSAGES_MAX - 1, 1_700_000_000_000)
    const read = decodeState(1, encodeState(segment)).segment.deliveryCounts
    const all = (c: DeliveryCounts | undefined): [number, number][] => {
      const pairs: [number, number][] = []
      c?.each((index, count) => pairs.push([index, count]))
      return pairs
    }
    expect(all(read)).toEqual(all(counts))
    expect([...(read?.waits ?? [])]).toEqual([...counts.waits])
  })

  /** A map took ten times as much, and the store looks at all of them whenever one message of their segment has gone. */
  it('take little memory, however many of them there are', () => {
    const counts = new DeliveryCounts()
    for (let i = 0; i < SEGMENT_MESSAGES_MAX; i++) counts.add(i)
    let looked = 0
    counts.each(() => looked++)
    expect([looked, counts.size]).toEqual([SEGMENT_MESSAGES_MAX, SEGMENT_MESSAGES_MAX])
    const numbers = Object.values(counts).flatMap((v: object) => Object.values(v))
    const octets = numbers.reduce((n: number, v) => n + (ArrayBuffer.isView(v) ? v.byteLength : 0), 0)
    expect(numbers.some((v) => v instanceof Map)).toBe(false)
    expect(octets).toBe(2 * SEGMENT_MESSAGES_MAX)
  })
})
