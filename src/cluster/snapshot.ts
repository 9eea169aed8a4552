/**
 * The contents of a store in transfer to another node: batches in the encoding of the log, each preceded by its length
 * (u32, little-endian), and at the end a length of 0 and the number of batches (u32).
 */
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { BatchEncoder, decodeBatch } from '../storage/log/batch-codec.ts'
import type { StorageWrite } from '../storage/storage.ts'
import { PeerError, readExactly } from './peer-handshake.ts'
import type { ReplicaStore } from './replica-store.ts'

const BATCH_BYTES = 1024 * 1024
const BATCH_WRITES_MAX = 10_000
/** Maximum octets of a batch: a record may be as large as the largest message. */
const BATCH_BYTES_MAX = 1024 * 1024 * 1024

/** Sends the contents; returns the number of octets. @throws PeerError if the other side disconnects */
export async function sendContents(store: ReplicaStore, to: Duplex): Promise<number> {
  const encoder = new BatchEncoder()
  let batches = 0
  let sent = 0
  let writes: StorageWrite[] = []
  let bytes = 0
  const send = async (): Promise<void> => {
    if (writes.length === 0) return
    const batch = encoder.encode(0, ++batches, writes)
    writes = []
    bytes = 0
    sent += batch.length
    await put(to, Buffer.concat([lengthOf(batch.length), batch]))
  }
  const contents = store.contents()
  try {
    for (const w of contents) {
      writes.push(w)
      bytes += w.op === 'put' ? w.value.length : w.op === 'record' ? w.bytes.length : 64
      if (bytes >= BATCH_BYTES || writes.length >= BATCH_WRITES_MAX) await send()
    }
    await send()
  } finally {
    contents.return?.()
  }
  await put(to, Buffer.concat([lengthOf(0), lengthOf(batches)]))
  return sent
}

function lengthOf(n: number): Buffer {
  const b = Buffer.alloc(4)
  b.writeUInt32LE(n)
  return b
}

async function put(to: Duplex, bytes: Buffer): Promise<void> {
  if (to.destroyed) throw new PeerError('the other node has gone')
  if (to.write(bytes)) return
  const over = new AbortController()
  const event = (name: string): Promise<unknown> => once(to, name, { signal: over.signal }).catch(() => {})
  await Promise.race([event('drain'), event('close')])
  over.abort()
}

/** @throws PeerError if the contents are incomplete; StorageError */
export async function receiveContents(from: Duplex, into: ReplicaStore): Promise<void> {
  for (let batches = 0; ; batches++) {
    const length = (await readExactly(from, 4)).readUInt32LE()
    if (length === 0) {
      if ((await readExactly(from, 4)).readUInt32LE() !== batches)
        throw new PeerError('the copy is not complete')
      return
    }
    if (length > BATCH_BYTES_MAX) throw new PeerError('a part of the copy is too large')
    const { writes } = decodeBatch(await readExactly(from, length))
    into.ensureRoom(writes, 0)
    await into.write(writes)
  }
}
