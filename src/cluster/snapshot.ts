/**
 * The contents of a store in transfer to another node: batches in the encoding of the log, each preceded by its length
 * (u32, little-endian), and at the end a length of 0 and the number of batches (u32).
 */
import type { Duplex } from 'node:stream'
import { BatchEncoder, decodeBatch } from '../storage/log/batch-codec.ts'
import type { StorageWrite } from '../storage/storage.ts'
import type { Clock } from '../util/clock.ts'
import { happens, type Patience, PeerError, readExactly } from './peer-handshake.ts'
import type { ReplicaStore } from './replica-store.ts'

const BATCH_BYTES = 1024 * 1024
const BATCH_WRITES_MAX = 10_000
/** Maximum octets of a batch: a record may be as large as the largest message. */
const BATCH_BYTES_MAX = 1024 * 1024 * 1024
/** Octets that the other side has to take within SILENCE_MS_MAX. */
const PIECE_BYTES = 1024 * 1024
/**
 * ms without any octet after which a copy fails. While it lasts, one node cannot follow the log, and the store of the
 * other one cannot reuse its space.
 */
export const SILENCE_MS_MAX = 60_000

/**
 * Sends the contents; returns the number of octets.
 * @throws PeerError if the other side disconnects, or takes nothing for too long
 */
export async function sendContents(store: ReplicaStore, to: Duplex, clock: Clock): Promise<number> {
  const patience = { clock, ms: SILENCE_MS_MAX }
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
    await put(to, Buffer.concat([lengthOf(batch.length), batch]), patience)
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
  await put(to, Buffer.concat([lengthOf(0), lengthOf(batches)]), patience)
  return sent
}

function lengthOf(n: number): Buffer {
  const b = Buffer.alloc(4)
  b.writeUInt32LE(n)
  return b
}

async function put(to: Duplex, bytes: Buffer, patience: Patience): Promise<void> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    if (to.destroyed) throw new PeerError('the other node has gone')
    if (!to.write(bytes.subarray(at, at + PIECE_BYTES))) await happens(to, ['drain', 'close'], patience)
  }
}

/**
 * Fills the store from the connection, unless that is aborted, even before there is a connection.
 * @throws PeerError if the contents are incomplete; StorageError; the error of connecting
 */
export async function fetchContents(
  connecting: Promise<Duplex>,
  into: ReplicaStore,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const from = await connecting
  const stop = (): void => void from.destroy()
  signal.addEventListener('abort', stop)
  if (signal.aborted) stop()
  try {
    await receiveContents(from, into, clock)
  } finally {
    signal.removeEventListener('abort', stop)
    from.destroy()
  }
}

/** @throws PeerError if the contents are incomplete, or if nothing arrives for too long; StorageError */
export async function receiveContents(from: Duplex, into: ReplicaStore, clock: Clock): Promise<void> {
  const patience = { clock, ms: SILENCE_MS_MAX }
  for (let batches = 0; ; batches++) {
    const length = (await readExactly(from, 4, patience)).readUInt32LE()
    if (length === 0) {
      if ((await readExactly(from, 4, patience)).readUInt32LE() !== batches)
        throw new PeerError('the copy is not complete')
      return
    }
    if (length > BATCH_BYTES_MAX) throw new PeerError('a part of the copy is too large')
    const { writes } = decodeBatch(await readExactly(from, length, patience))
    into.ensureRoom(writes, 0)
    await into.write(writes)
  }
}
