/** What stands in the data folder: batches, journals, states of segments, values with their checksums. */
import { isDeepStrictEqual } from 'node:util'
import { unpackStates } from '../../../src/broker/messages/segment.ts'
import { decodeState } from '../../../src/broker/messages/segment-state.ts'
import { sealed, unsealed } from '../../../src/storage/lmdb/keys.ts'
import { BatchEncoder, BatchError, decodeBatch } from '../../../src/storage/log/batch-codec.ts'
import { isSealed, seal } from '../../../src/storage/log/commit-log.ts'
import type { JournalFile } from '../../../src/storage/log/journal-disk.ts'
import { makeFrame, SECTOR_BYTES } from '../../../src/storage/log/journal-frame.ts'
import { findRecords, recordAt } from '../../../src/storage/log/journal-recovery.ts'
import { StorageError, type StorageWrite } from '../../../src/storage/storage.ts'
import { randomOf } from '../random.ts'
import type { FuzzTarget } from './fuzzer.ts'
import { octets, pieces } from './mutate.ts'
import { same, unless, unlessLater } from './oracle.ts'

export function someWrites(): StorageWrite[] {
  const value = Buffer.from('{"name":"a"}')
  return [
    { op: 'put', key: 'vhost:a', value },
    { op: 'delete', key: 'queue:b' },
    { op: 'record', log: 1, segment: 2, index: 3, bytes: Buffer.alloc(20, 1) },
    { op: 'segment', log: 1, segment: 2, state: Buffer.alloc(34) },
    { op: 'drop-record', log: 1, segment: 2, index: 3 },
    { op: 'drop-segment', log: 1, segment: 2 },
    { op: 'clear-segment', log: 1, segment: 2 },
    { op: 'drop-log', log: 1 },
    { op: 'drop-logs', from: 9 },
  ]
}

/** With the length and the checksum that it would have. */
export function asBatch(input: Buffer): Buffer {
  const b = Buffer.concat([input, Buffer.alloc(4)])
  if (b.length >= 8) b.writeUInt32LE(b.length, 4)
  seal(b)
  return b
}

/** Any octets are a batch or a BatchError; what was read is the same when written and read again. */
export function batchTarget(): FuzzTarget {
  const encoder = new BatchEncoder()
  const encoded = (writes: StorageWrite[]): Buffer =>
    Buffer.from(encoder.encode(3, 4, writes).subarray(0, -4))
  const isExpected = (error: unknown): boolean => error instanceof BatchError
  return {
    name: 'batch',
    bytesMax: 3000,
    seeds: [encoded([]), encoded(someWrites()), ...someWrites().map((w) => encoded([w]))],
    changes: [octets],
    words: ['\u0001\0\u0004\0', '\u0003\0\0\0', '\u0009\0\0\0', '\u00ff\u00ff\u00ff\u00ff'],
    run(input) {
      const given = Buffer.from(input)
      unless(isExpected, () => decodeBatch(given))
      const read = unless(isExpected, () => decodeBatch(asBatch(input)))
      if (read === undefined) return
      const again = decodeBatch(Buffer.from(encoder.encode(read.epoch, read.number, read.writes)))
      same(isDeepStrictEqual(again, read), 'a batch is another one when written again')
    },
  }
}

function fileOf(b: Buffer): JournalFile {
  const none = async (): Promise<void> => {}
  return { name: '1.journal', write: none, allocate: none, read: async () => b, close: none }
}

/** A journal of records, each at its place. Returns the octets and what they hold. */
function aJournal(seed: number): { image: Buffer; bodies: string[] } {
  const random = randomOf(seed)
  const bodies: string[] = []
  const parts: Uint8Array[] = []
  for (let position = 1; position <= 3 + random(4); position++) {
    const bytes = Buffer.alloc(4 * (2 + random(400)), random(256))
    seal(bytes)
    bodies.push(bytes.toString('latin1'))
    parts.push(
      ...makeFrame({ salt: 77, position, length: bytes.length }, Buffer.from(bytes)).map((p) =>
        Buffer.from(p),
      ),
    )
  }
  return { image: Buffer.concat([...parts, Buffer.alloc(random(3) * SECTOR_BYTES)]), bodies }
}

function sectorsOf(b: Buffer): Buffer[] {
  const count = Math.ceil(b.length / SECTOR_BYTES)
  return Array.from({ length: count }, (_, i) => b.subarray(i * SECTOR_BYTES, (i + 1) * SECTOR_BYTES))
}

/** A journal is read as it was written, cut off where it was torn, or refused; no record is another one. */
export function journalTarget(): FuzzTarget {
  const journals = Array.from({ length: 12 }, (_, i) => aJournal(i))
  const written = new Set(journals.flatMap((j) => j.bodies))
  const isExpected = (error: unknown): boolean => error instanceof StorageError && error.code === 'DAMAGED'
  return {
    name: 'journal',
    bytesMax: 12_000,
    seeds: journals.map((j) => j.image),
    changes: [pieces(sectorsOf, () => Buffer.alloc(SECTOR_BYTES)), octets],
    words: [],
    async run(input) {
      const b = Buffer.from(input)
      const found = await unlessLater(isExpected, () => findRecords([fileOf(b)], 1))
      found?.records.forEach((r, i) => {
        same(r.position === 1 + i, 'records do not follow each other')
        const body = recordAt(b, r)
        if (body === undefined) throw new Error('a record that was found cannot be read')
        same(isSealed(body) && written.has(Buffer.from(body).toString('latin1')), 'a record is another one')
      })
    },
  }
}

function aState(count: number, tail: readonly number[]): Buffer {
  const b = Buffer.alloc(32 + ((count + 3) >> 2) + tail.length * 2)
  b.writeDoubleLE(1000, 0)
  b.writeUInt32LE(count, 8)
  b.writeUInt32LE(count, 12)
  b.writeUInt32LE(count * 40, 24)
  tail.forEach((n, i) => {
    b.writeUInt16LE(n, 32 + ((count + 3) >> 2) + i * 2)
  })
  return b
}

/** A state is a segment or a RangeError, and a value is what was sealed or nothing. */
export function stateTarget(): FuzzTarget {
  const tails = [
    [],
    [0, 1, 2, 3],
    [0xffff, 1, 0, 5, 0, 0],
    [0xfffe, 1, 1, 7, 0],
    [3, 9, 0xffff, 0, 0xfffe, 0],
  ]
  const isExpected = (error: unknown): boolean => error instanceof RangeError
  return {
    name: 'state',
    bytesMax: 3000,
    seeds: tails.flatMap((t) => [aState(5, t), aState(300, t), aState(0, t)]),
    changes: [octets],
    words: ['\u00ff\u00ff\u0001\0', '\u00fe\u00ff\u0001\0', '\u0001\0\0\0'],
    run(input) {
      const read = unless(isExpected, () => decodeState(7, input))
      if (read !== undefined) {
        const { segment, liveBytes } = read
        same(Number.isFinite(liveBytes) && liveBytes >= 0, 'the live octets are no number')
        same(unpackStates(segment.packedStates, segment.count).length >= segment.count, 'states are missing')
        segment.deliveryCounts?.each((index) =>
          same(index < segment.count, 'a count belongs to no message of the segment'),
        )
        for (const [index] of segment.deliveryCounts?.waits ?? [])
          same(index < segment.count, 'a wait belongs to no message of the segment')
      }
      const value = sealed(Buffer.from('key'), input)
      same(unsealed('key', value)?.equals(input) === true, 'a value is not what was sealed')
      same(unsealed('other', value) === undefined, 'the value of another key passes')
      unsealed('key', input)
    },
  }
}
