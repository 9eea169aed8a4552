// hot: per message
/**
 * The output of one client. Octets are collected in a chunk that is written once per turn, or when it is full. Chunks
 * come from a pool (chunks.ts), so that idle connections hold none. While the client does not read, a chunk is written
 * only when it is full, since each pending write keeps its whole chunk in use.
 */
import type { Socket } from 'node:net'
import type { Turn } from '../broker/turn.ts'
import { OUTPUT_BYTES_HIGH } from '../limits.ts'
import { encodeMethodFrame } from '../protocol/frame-writer.ts'
import type { ServerMethod } from '../protocol/generated/methods.ts'
import { copyOctets, noOctets } from '../util/copy.ts'
import type { Owner } from '../util/owner.ts'
import { CHUNK_BYTES, PIECE_BYTES, releaseChunk, takeChunk } from './chunks.ts'
import { octetsUnderWay } from './send-timeout.ts'

/** Number of pending writes from which on chunks are written only when they are full. */
const WRITES_UNDER_WAY = 4

/** Memory that must not change while a socket reads it. */
export interface Pinned {
  pin(): void
  unpin(): void
}

/** Notified if the socket did not take everything at once. */
export interface Watched {
  watch(): void
}

export class Output {
  /** The open chunk; `reserve` returns the offset to write at. */
  chunk = noOctets
  /** Octets handed to the socket since the start. */
  written = 0
  /** Number of writes. */
  writes = 0
  private at = 0
  private underWay = 0
  private corkedAt = 0
  private listed = false
  private closed = false
  private broken = false
  private readonly socket: Socket
  private readonly turn: Turn
  private readonly owner: Owner
  private readonly sending: Watched

  constructor(socket: Socket, turn: Turn, owner: Owner, sending: Watched) {
    this.socket = socket
    this.sending = sending
    this.owner = owner
    this.turn = turn
  }

  /** The client reads too slowly: no deliveries until the socket's `drain` event. */
  get congested(): boolean {
    return this.broken || this.socket.writableLength > OUTPUT_BYTES_HIGH
  }

  /** Position in the output stream, including octets that are not written yet. */
  get position(): number {
    return this.written + this.at
  }

  /** Octets of completed writes. */
  get octetsGone(): number {
    return this.written - this.socket.writableLength
  }

  /** Octets of the current write that the operating system has not taken. */
  get octetsQueued(): number {
    return octetsUnderWay(this.socket)
  }

  /** Octets that the operating system has not taken, including those not written to the socket yet. */
  get waiting(): number {
    return this.socket.writableLength + this.at
  }

  /** Whether octets are waiting for the end of the turn. */
  get holds(): boolean {
    return this.at > 0
  }

  /** Reserves `size` contiguous octets in `chunk`; returns their offset. The caller must fill them at once. */
  reserve(size: number): number {
    let at = this.at
    if (at + size > this.chunk.bytes.length) at = this.extend(size)
    this.at = at + size
    if (!this.listed) {
      this.listed = true
      this.turn.flushLater(this)
    }
    return at
  }

  /** Makes room for `size` octets; returns their offset. */
  private extend(size: number): number {
    const { chunk, at } = this
    if (chunk.bytes.length === PIECE_BYTES && at + size <= CHUNK_BYTES) {
      this.chunk = takeChunk(CHUNK_BYTES)
      copyOctets(chunk, 0, at, this.chunk, 0)
      releaseChunk(chunk)
      return at
    }
    this.writeOut()
    this.chunk = takeChunk(size)
    return 0
  }

  put(octets: Uint8Array): void {
    const at = this.reserve(octets.length)
    this.chunk.bytes.set(octets, at)
  }

  method(channel: number, m: ServerMethod): void {
    this.put(encodeMethodFrame(channel, m))
  }

  /** Sends octets without copying; they must not change before `owner` is unpinned. */
  external(octets: Uint8Array, owner: Pinned): void {
    this.writeOut()
    if (this.closed) return
    owner.pin()
    this.write(octets, () => owner.unpin())
  }

  /** Combines writes until `uncork`. */
  cork(): void {
    this.corkedAt = this.writes
    this.socket.cork()
  }

  uncork(): void {
    // Octets that follow pinned memory are written together with it.
    if (this.writes !== this.corkedAt) this.writeOut()
    this.socket.uncork()
  }

  failed(error: unknown): void {
    this.owner.failed(error)
  }

  flush(): void {
    this.listed = false
    if (this.socket.writableLength === 0 || this.underWay < WRITES_UNDER_WAY || this.closed) this.writeOut()
    if (this.socket.writableLength !== 0) this.sending.watch()
  }

  /** Hands everything to the socket, which the caller ends next. */
  finish(): void {
    this.writeOut()
    this.flush()
  }

  /** @param done called when the socket no longer needs the octets */
  private write(octets: Uint8Array, done: () => void): void {
    this.written += octets.length
    this.writes++
    this.underWay++
    this.socket.write(octets, () => {
      done()
      this.underWay--
      if (this.at === 0 || this.listed) return
      this.listed = true
      this.turn.flushLater(this)
    })
  }

  private writeOut(): void {
    const { chunk } = this
    const { bytes } = chunk
    const size = this.at
    this.chunk = noOctets
    this.at = 0
    if (size === 0 || this.closed) {
      releaseChunk(chunk)
      return
    }
    this.write(size === bytes.length ? bytes : bytes.subarray(0, size), () => releaseChunk(chunk))
  }

  /** Drops the chunk, which is corrupt, and sends nothing more. */
  breakOff(): void {
    this.broken = true
    this.close()
  }

  /** Drops the chunk. Nothing more is written. */
  close(): void {
    this.closed = true
    this.writeOut()
  }
}
