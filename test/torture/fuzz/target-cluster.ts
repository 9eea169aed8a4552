/** Between nodes: records of the shared log, the handshake on the peer port, the copy of a store. */
import { createHmac } from 'node:crypto'
import { Duplex } from 'node:stream'
import { hearPeer, PeerError } from '../../../src/cluster/peer-handshake.ts'
import { decodeRecord, encodeBatch, encodeBeat, encodeOwn, RecordError } from '../../../src/cluster/record.ts'
import type { ReplicaStore } from '../../../src/cluster/replica-store.ts'
import { receiveContents } from '../../../src/cluster/snapshot.ts'
import { BatchEncoder, BatchError, decodeBatch } from '../../../src/storage/log/batch-codec.ts'
import { isSealed, seal } from '../../../src/storage/log/commit-log.ts'
import { systemClock } from '../../../src/util/clock.ts'
import type { FuzzTarget } from './fuzzer.ts'
import { json, octets, pieces } from './mutate.ts'
import { same, unless, unlessLater } from './oracle.ts'
import { someWrites } from './target-storage.ts'

/** Any octets are a record or a RecordError. */
export function recordTarget(): FuzzTarget {
  const encoder = new BatchEncoder()
  const batch = Buffer.from(encoder.encode(1, 2, someWrites()))
  const own = encodeOwn({ epoch: 1, number: 2, node: 'a', run: 'r', by: 'b' })
  const isExpected = (error: unknown): boolean => error instanceof RecordError
  return {
    name: 'record',
    bytesMax: 2000,
    seeds: [...encodeBatch(1, 2, batch), own, encodeBeat(3, 4)].map((b) => b.subarray(0, -4)),
    changes: [octets],
    words: ['\u0001\u0001', '\u0001\u0002', '{"node":"a","run":"r","by":"b"}', 'null', '5'],
    run(input) {
      unless(isExpected, () => decodeRecord(input))
      const b = Buffer.concat([input, Buffer.alloc(4)])
      seal(b)
      const read = unless(isExpected, () => decodeRecord(b))
      if (read?.kind !== 'batch') return
      unless(
        (error) => error instanceof BatchError,
        () => decodeBatch(Buffer.from(read.payload)),
      )
    },
  }
}

const SECRET = 'secret'

function streamOf(input: Buffer): Duplex {
  const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
  stream.push(input)
  stream.push(null)
  return stream
}

/** A client that knows the secret, once the server has said its random octets. */
function knowing(body: Buffer): Duplex {
  const theirs = Buffer.alloc(32, 7)
  const stream = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      const mine = chunk.subarray(0, 32)
      const tag = createHmac('sha256', SECRET)
        .update('client')
        .update(theirs)
        .update(mine)
        .update(body)
        .digest()
      const length = Buffer.alloc(4)
      length.writeUInt32LE(body.length)
      stream.push(Buffer.concat([tag, length, body]))
      stream.push(null)
      done()
    },
  })
  stream.push(Buffer.concat([Buffer.from('LVPEER1\n'), theirs]))
  return stream
}

const TO = ['amqp', 'amqps', 'http', 'control']

/** A stranger is refused with a PeerError; a request of somebody who knows the secret is one of the two, or refused. */
export function peerTarget(): FuzzTarget {
  const requests = [{ want: 'snapshot' }, { want: 'relay', to: 'amqp', index: 0 }].map((r) =>
    JSON.stringify(r),
  )
  const isExpected = (error: unknown): boolean => error instanceof PeerError
  return {
    name: 'peer',
    bytesMax: 5000,
    seeds: [...requests, `LVPEER1\n${'r'.repeat(32)}${'t'.repeat(32)}`].map((t) => Buffer.from(t)),
    changes: [json(['want', 'to', 'index', '__proto__']), octets],
    words: ['LVPEER1\n', '"relay"', '"control"', '"index":1', 'null'],
    async run(input) {
      const stranger = streamOf(input)
      same(
        (await unlessLater(isExpected, () => hearPeer(stranger, SECRET))) === undefined,
        'a stranger was let in',
      )
      const request = await unlessLater(isExpected, () => hearPeer(knowing(input), SECRET))
      if (request === undefined || request.want === 'snapshot') return
      same(request.want === 'relay' && TO.includes(request.to), 'a request is none of the two')
      same(Number.isSafeInteger(request.index) && request.index >= 0, 'a listener has no number')
    },
  }
}

/** A copy is taken over whole, or refused. */
export function snapshotTarget(): FuzzTarget {
  const encoder = new BatchEncoder()
  const into = { ensureRoom: () => {}, write: async () => {} } as unknown as ReplicaStore
  const part = (b: Uint8Array): Buffer => {
    const length = Buffer.alloc(4)
    length.writeUInt32LE(b.length)
    return Buffer.concat([length, b])
  }
  const end = Buffer.from([0, 0, 0, 0, 1, 0, 0, 0])
  const whole = Buffer.concat([part(encoder.encode(0, 1, someWrites())), end])
  const isExpected = (error: unknown): boolean => error instanceof PeerError || error instanceof BatchError
  return {
    name: 'snapshot',
    bytesMax: 3000,
    seeds: [whole, end, Buffer.concat([whole.subarray(0, -8), whole])],
    changes: [pieces(partsOf, () => end), octets],
    words: [],
    async run(input) {
      const done = await unlessLater(isExpected, async () => {
        await receiveContents(streamOf(input), into, systemClock)
        return true
      })
      if (done === true)
        same(
          partsOf(input).every((p) => p.length <= 8 || isSealed(p.subarray(4))),
          'a damaged copy was taken',
        )
    },
  }
}

/** As long as their lengths say. */
function partsOf(input: Buffer): Buffer[] {
  const out: Buffer[] = []
  let at = 0
  while (at + 4 <= input.length) {
    const length = input.readUInt32LE(at)
    const size = length === 0 ? 8 : 4 + length
    if (at + size > input.length) break
    out.push(input.subarray(at, at + size))
    at += size
    if (length === 0) return out
  }
  if (at < input.length) out.push(input.subarray(at))
  return out
}
