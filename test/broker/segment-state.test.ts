import { expect, it } from 'vitest'
import { Segment } from '../../src/broker/messages/segment.ts'
import { decodeState, encodeState } from '../../src/broker/messages/segment-state.ts'

it('has the second of a message for which the segment had no room, and is valid', () => {
  const segment = new Segment(1, 0, new Uint8Array(4096))
  segment.arrivals.note(segment.count, 1_700_000_000)
  expect(decodeState(1, encodeState(segment)).segment.count).toBe(0)
})
