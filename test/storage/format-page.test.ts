/**
 * The dumps in spec/storage-format.md are what the code makes of one example. WRITE_DUMPS=1 puts them into the page.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { encodeContent } from '../../src/broker/content.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import { DeliveryCounts } from '../../src/broker/messages/delivery-counts.ts'
import { Segment, STATE_DELIVERED, STATE_READY } from '../../src/broker/messages/segment.ts'
import { decodeState, encodeState } from '../../src/broker/messages/segment-state.ts'
import { classic } from '../../src/broker/queue/kinds/kinds.ts'
import type { Queue } from '../../src/broker/queue/queue.ts'
import { TopologyStore } from '../../src/broker/topology-store.ts'
import type { Vhost } from '../../src/broker/vhost.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { GroupCommit } from '../../src/storage/batch.ts'
import { recordKey, sealed, segmentKey } from '../../src/storage/lmdb/keys.ts'
import { BatchEncoder, decodeBatch } from '../../src/storage/log/batch-codec.ts'
import { makeFrame, readFrame, readHead } from '../../src/storage/log/journal-frame.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import { StoredObjects } from '../../src/util/stored-objects.ts'
import { ManualClock } from '../support/manual-clock.ts'

const PAGE = 'spec/storage-format.md'
const ROW = 16

type Field = readonly [octets: number, what: string]

/** Offset, octets and meaning of each field; the fields cover all octets. */
function dump(bytes: Uint8Array, fields: readonly Field[]): string {
  const rows: string[] = []
  let at = 0
  for (const [octets, what] of fields) {
    expect(octets, what).toBeGreaterThan(0)
    for (let from = 0; from < octets; from += ROW) {
      const piece = bytes.subarray(at + from, at + Math.min(octets, from + ROW))
      const hex = Array.from(piece, (b) => b.toString(16).padStart(2, '0')).join(' ')
      rows.push(
        `${(at + from).toString(16).padStart(4, '0')}  ${hex.padEnd(ROW * 3)}${from === 0 ? what : ''}`.trimEnd(),
      )
    }
    at += octets
  }
  expect(at).toBe(bytes.length)
  return rows.join('\n')
}

function example(): Segment {
  const segment = new Segment(1, 0, new Uint8Array(1024))
  const add = (properties: Parameters<typeof encodeContent>[2], body: string, time: number): void => {
    const m = new InboundMessage()
    encodeContent('', 'q', { deliveryMode: 2, ...properties }, Buffer.from(body), m)
    segment.append(m, Segment.entryBytes(m, time !== 0), time)
  }
  segment.arrivals.note(0, 1_699_999_000)
  add({}, 'hello', 0)
  add({ headers: FieldTable.from({ a: 1 }) }, 'world!', 1_700_000_000_000)
  segment.states[0] = STATE_READY | STATE_DELIVERED
  segment.deliveryCounts = new DeliveryCounts()
  segment.deliveryCounts.set(0, 1)
  return segment
}

const head = (time: boolean): Field[] => [
  [4, 'octets of the entry'],
  [4, 'octets of the body'],
  [1, time ? 'flags: persistent, has a time' : 'flags: persistent'],
  [1, 'priority'],
  [2, 'where the content begins'],
  ...(time ? ([[8, 'when it expires']] as const) : []),
  [1, "exchange: ''"],
  [2, "routing key: 'q'"],
  [1, 'content: end of the method frame'],
]

const frames = (properties: Field, body: number): Field[] => [
  [7, 'header frame: type 2, channel, size'],
  [4, 'class 60, weight 0'],
  [8, 'octets of the body'],
  [2, 'property flags'],
  properties,
  [1, 'end of the frame'],
  [7, 'body frame: type 3, channel, size'],
  [body, 'the body'],
  [1, 'end of the frame'],
]

function entryOf(segment: Segment, index: number): Uint8Array {
  const start = segment.offsets[index] as number
  return (segment.bytes as Uint8Array).subarray(start, start + segment.entryLength(index))
}

/** What is put into the store for the queue. */
function queueDump(): string {
  const clock = new ManualClock()
  const storage = new MemoryStorage({ keeps: true })
  const commit = new GroupCommit(storage, clock)
  const put: string[] = []
  commit.put = (key, value) => void put.push(`${key}\n${Buffer.from(value)}`)
  const store = new TopologyStore(storage, commit, new StoredObjects(storage, commit, () => {}))
  const queue = { name: 'q', autoDelete: false, kind: classic, arguments: FieldTable.empty, log: 1 }
  store.queueAdded({ name: '/' } as Vhost, queue as unknown as Queue)
  return put[0] as string
}

function stateDump(segment: Segment): string {
  const state = encodeState(segment)
  const value = sealed(segmentKey(1, 1), state)
  return dump(value, [
    [8, 'number of the first message: 0'],
    [4, 'messages: 2'],
    [4, 'not settled: 2'],
    [8, 'octets of their bodies: 11'],
    [4, 'octets of the entries'],
    [4, 'the earliest time: 1700000000'],
    [1, 'the first one has been delivered, the second is new'],
    [4, 'message 0 has come back once'],
    [4, 'section of arrivals, one item'],
    [6, 'from message 0 on: 1699999000'],
    [4, 'checksum, of the key too (big-endian)'],
  ])
}

const removal = (): Buffer => new BatchEncoder().encode(0, 7, [{ op: 'drop-segment', log: 1, segment: 1 }])

function dumps(): Map<string, string> {
  const segment = example()
  const used = (segment.bytes as Uint8Array).subarray(0, segment.used)
  const batch = removal()
  const frame = Buffer.concat(makeFrame({ salt: 0x01020304, position: 7, length: batch.length }, batch))
  expect(readFrame(frame, 0, readHead(frame, 0) as never)).toEqual(new Uint8Array(batch))
  return new Map([
    ['queue', queueDump()],
    ['entry', dump(entryOf(segment, 0), [...head(false), ...frames([1, 'delivery-mode 2'], 5)])],
    [
      'second',
      dump(entryOf(segment, 1), [
        ...head(true),
        ...frames([entryOf(segment, 1).length - 60, 'headers, delivery-mode 2'], 6),
      ]),
    ],
    [
      'record',
      dump(recordKey(1, 1, 0, used), [
        [4, 'log (big-endian, as the next three)'],
        [4, 'segment'],
        [4, 'index of the first message'],
        [4, 'checksum'],
      ]),
    ],
    ['state', stateDump(segment)],
    [
      'batch',
      dump(batch, [
        [4, 'version'],
        [4, 'octets of the batch'],
        [4, 'epoch'],
        [8, 'number: 7'],
        [4, 'writes: 1'],
        [4, 'drop-segment, without a key'],
        [4, 'log'],
        [4, 'segment'],
        [4, 'checksum'],
      ]),
    ],
    [
      'journal',
      dump(frame.subarray(0, 32 + batch.length), [
        [4, 'mark'],
        [4, 'salt'],
        [8, 'position: 7'],
        [4, 'octets of the batch'],
        [8, '0'],
        [4, 'checksum of the head'],
        [batch.length, 'the batch'],
      ]),
    ],
  ])
}

describe(PAGE, () => {
  it('shows what the code writes', () => {
    const page = readFileSync(PAGE, 'utf8')
    const all = dumps()
    const found: string[] = []
    const renewed = page.replace(/<!-- dump: (\w+) -->\n(?:\n```\n[\s\S]*?\n```\n)?/g, (_, name: string) => {
      found.push(name)
      return `<!-- dump: ${name} -->\n\n\`\`\`\n${all.get(name)}\n\`\`\`\n`
    })
    expect(found).toEqual([...all.keys()])
    if (process.env['WRITE_DUMPS'] === '1') writeFileSync(PAGE, renewed)
    else expect(page).toBe(renewed)
  })

  it('shows what the code reads', () => {
    const { segment, liveBytes } = decodeState(1, encodeState(example()))
    expect([segment.count, segment.live, liveBytes, segment.earliest]).toEqual([2, 2, 11, 1_700_000_000_000])
    expect(segment.deliveryCounts?.get(0)).toBe(1)
    expect(segment.arrivals.at(1)).toBe(1_699_999_000)
    expect(decodeBatch(removal())).toEqual({
      epoch: 0,
      number: 7,
      writes: [{ op: 'drop-segment', log: 1, segment: 1 }],
    })
  })
})
