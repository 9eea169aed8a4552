import { describe, expect, it } from 'vitest'
import { encodeContent } from '../../src/broker/content.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import { SEGMENT_BYTES_FIRST, Segment } from '../../src/broker/messages/segment.ts'
import { loadSegment } from '../../src/broker/messages/segment-records.ts'
import { decodeState, encodeState } from '../../src/broker/messages/segment-state.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'

const bodies = ['first', '', 'x'.repeat(300)]

function messageOf(body: string): InboundMessage {
  const m = new InboundMessage()
  encodeContent('x', 'key', { deliveryMode: 2, contentType: 'text/plain' }, Buffer.from(body), m)
  m.persistent = true
  return m
}

/** A segment of three messages: its octets, its state, and where each entry begins. */
function aSegment(time = 0) {
  const segment = new Segment(1, 0, new Uint8Array(SEGMENT_BYTES_FIRST))
  for (const b of bodies) {
    const m = messageOf(b)
    segment.append(m, Segment.entryBytes(m, time !== 0), time)
  }
  const bytes = Buffer.from((segment.bytes as Uint8Array).subarray(0, segment.used))
  return { bytes, state: Buffer.from(encodeState(segment)), offsets: [...segment.offsets.subarray(0, 3)] }
}

/** Loads it as a start does. Returns the messages that are lost, and the bodies of the others. */
async function loaded(bytes: Buffer, state: Buffer) {
  const storage = new MemoryStorage({ keeps: true })
  await storage.write([
    { op: 'segment', log: 1, segment: 1, state },
    { op: 'record', log: 1, segment: 1, index: 0, bytes },
  ])
  const { segment } = decodeState(1, state)
  const memory = { room: (n: number) => new Uint8Array(n), unused: () => {} }
  const lost = loadSegment(storage, 1, segment, memory)
  const left = [0, 1, 2].filter((i) => !lost.includes(i)).map((i) => segment.content(i).body.toString())
  return { lost, left }
}

describe('entries of a segment that is loaded', () => {
  it('are all there where they are whole', async () => {
    for (const time of [0, 1_800_000_000_000]) {
      const { bytes, state } = aSegment(time)
      expect(await loaded(bytes, state)).toEqual({ lost: [], left: bodies })
    }
  })

  it('are lost from the first one on that is not whole', async () => {
    const { bytes, state, offsets } = aSegment()
    const second = offsets[1] as number
    const wrong: [at: number, value: number][] = [
      [second, 0],
      [second, -4],
      [second, 2 ** 31 - 4],
      [second + 4, 2 ** 31 - 1],
      [second + 8, 0xffff_0000 | 0],
    ]
    for (const [at, value] of wrong) {
      const damaged = Buffer.from(bytes)
      damaged.writeInt32LE(value, at)
      expect(await loaded(damaged, state), `${value} at ${at - second}`).toEqual({
        lost: [1, 2],
        left: ['first'],
      })
    }
  })

  it('are lost where their record holds more than the segment', async () => {
    const { bytes, state } = aSegment()
    expect(await loaded(Buffer.concat([bytes, bytes]), state)).toEqual({ lost: [0, 1, 2], left: [] })
  })

  it('belong to no state that counts other messages than it has', () => {
    const { state } = aSegment()
    const of = (live: number, packed: number): Buffer => {
      const s = Buffer.from(state)
      s.writeUInt32LE(live, 12)
      s[32] = packed
      return s
    }
    expect(decodeState(1, of(2, 0b000100)).segment.live).toBe(2)
    for (const [live, packed] of [
      [2, 0],
      [3, 1],
      [1, 0b0001],
    ] as const)
      expect(() => decodeState(1, of(live, packed))).toThrow('not a valid segment state')
    // What stands behind the last message says nothing.
    expect(decodeState(1, of(3, 0b0100_0000)).segment.live).toBe(3)
  })
})
