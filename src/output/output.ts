// hot: per message
/**
 * What goes out to one client. Octets gather in a chunk that is written once a turn, or when it is full. Chunks come
 * from a pool, so that idle connections hold none.
 */
import type { Socket } from 'node:net'
import type { Turn } from '../broker/turn.ts'
import { OUTPUT_BYTES_HIGH } from '../limits.ts'
import { encodeMethodFrame } from '../protocol/frame-writer.ts'
import type { ServerMethod } from '../protocol/generated/methods.ts'
import { copyBytes, plainView } from '../util/copy.ts'
import { giveMemoryBack, takeMemory } from '../util/large-memory.ts'
import type { Owner } from '../util/owner.ts'
import { octetsUnderWay } from './send-timeout.ts'

const CHUNK_BYTES = 64 * 1024
/** Chunks kept for reuse. */
const POOL_MAX = 64
const pool: Uint8Array[] = []
const none = new Uint8Array(0)

/** Memory that has to stay as it is while a socket reads it. */
export interface Pinned {
  pin(): void
  unpin(): void
}

/** Told that the socket has not taken everything at once. */
export interface Watched {
  watch(): void
}

export class Output {
  /** The open chunk; `reserve` says where to write. */
  bytes: Uint8Array = none
  /** Octets handed to the socket in all. */
  written = 0
  /** Pieces in which they went. */
  writes = 0
  private at = 0
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

  /** The client reads more slowly than it is sent to: no deliveries until `drain`. */
  get congested(): boolean {
    return this.broken || this.socket.writableLength > OUTPUT_BYTES_HIGH
  }

  /** Grows with every octet put in, whether or not it has gone to the socket. */
  get position(): number {
    return this.written + this.at
  }

  /** Octets of writes that are done. */
  get octetsGone(): number {
    return this.written - this.socket.writableLength
  }

  /** Octets of the write that is under way which the system has not taken. */
  get octetsQueued(): number {
    return octetsUnderWay(this.socket)
  }

  /** Octets that the socket has not taken yet. */
  get waiting(): number {
    return this.socket.writableLength + this.at
  }

  /** Something waits for the end of the turn. */
  get holds(): boolean {
    return this.at > 0
  }

  /** Room for `size` octets in `bytes`, in one piece; returns where it begins. The caller fills it at once. */
  reserve(size: number): number {
    let at = this.at
    if (at + size > this.bytes.length) {
      this.writeOut()
      this.bytes =
        size > CHUNK_BYTES ? new Uint8Array(takeMemory(size)) : (pool.pop() ?? new Uint8Array(CHUNK_BYTES))
      at = 0
    }
    this.at = at + size
    if (!this.listed) {
      this.listed = true
      this.turn.flushLater(this)
    }
    return at
  }

  put(octets: Uint8Array): void {
    const at = this.reserve(octets.length)
    copyBytes(octets, 0, octets.length, this.bytes, at)
  }

  method(channel: number, m: ServerMethod): void {
    this.put(plainView(encodeMethodFrame(channel, m)))
  }

  /** Sends octets that nobody will change before `owner` is unpinned, without copying them. */
  external(octets: Uint8Array, owner: Pinned): void {
    this.writeOut()
    if (this.closed) return
    this.written += octets.length
    this.writes++
    owner.pin()
    this.socket.write(octets, () => owner.unpin())
  }

  /** Several writes become one; pair with `uncork`. */
  cork(): void {
    this.socket.cork()
  }

  uncork(): void {
    this.writeOut()
    this.socket.uncork()
  }

  failed(error: unknown): void {
    this.owner.failed(error)
  }

  flush(): void {
    this.listed = false
    this.writeOut()
    if (this.socket.writableLength !== 0) this.sending.watch()
  }

  private writeOut(): void {
    const chunk = this.bytes
    const size = this.at
    this.bytes = none
    this.at = 0
    if (size === 0 || this.closed) {
      release(chunk)
      return
    }
    this.written += size
    this.writes++
    this.socket.write(size === chunk.length ? chunk : chunk.subarray(0, size), () => release(chunk))
  }

  /** What is in the chunk is not what the client expects: nothing of it goes out, and nothing more is delivered. */
  breakOff(): void {
    this.broken = true
    this.close()
  }

  /** Nothing more is written. */
  close(): void {
    this.closed = true
    this.writeOut()
  }
}

function release(chunk: Uint8Array): void {
  if (chunk.length > CHUNK_BYTES) giveMemoryBack(chunk.buffer as ArrayBuffer)
  else if (chunk.length === CHUNK_BYTES && pool.length < POOL_MAX) pool.push(chunk)
}
