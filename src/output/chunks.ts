// hot: per message
/**
 * Reusable memory for output. Tens of thousands of connections may write a few octets in the same turn, and a few may
 * write megabytes: output begins in a small piece and moves to a chunk when it grows.
 */
import { Octets } from '../util/copy.ts'
import { giveMemoryBack, takeMemory } from '../util/large-memory.ts'

export const CHUNK_BYTES = 64 * 1024
export const PIECE_BYTES = 2 * 1024
/** Number of chunks kept for reuse. */
const CHUNKS_MAX = 64
/** Number of pieces kept for reuse. */
const PIECES_MAX = 2048

const chunks: Octets[] = []
const pieces: Octets[] = []

/** Returns memory of at least that many octets; its content is arbitrary. */
export function takeChunk(bytes: number): Octets {
  if (bytes > CHUNK_BYTES) return new Octets(new Uint8Array(takeMemory(bytes)))
  if (bytes > PIECE_BYTES) return chunks.pop() ?? new Octets(new Uint8Array(CHUNK_BYTES))
  if (pieces.length === 0) cutPieces()
  return pieces.pop() as Octets
}

/**
 * Cuts a chunk into pieces. A separate buffer for each would be an allocation outside the heap, which takes
 * microseconds.
 */
function cutPieces(): void {
  const { buffer } = new Uint8Array(CHUNK_BYTES)
  for (let at = 0; at < CHUNK_BYTES; at += PIECE_BYTES)
    pieces.push(new Octets(new Uint8Array(buffer, at, PIECE_BYTES)))
}

/** Returns memory that is no longer referenced. */
export function releaseChunk(chunk: Octets): void {
  const { length, buffer } = chunk.bytes
  if (length === PIECE_BYTES) {
    if (pieces.length < PIECES_MAX) pieces.push(chunk)
  } else if (length > CHUNK_BYTES) giveMemoryBack(buffer as ArrayBuffer)
  else if (length === CHUNK_BYTES && chunks.length < CHUNKS_MAX) chunks.push(chunk)
}
