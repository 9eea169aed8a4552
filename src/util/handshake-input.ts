/**
 * Bounds the time that what clients send in their TLS handshakes takes in a turn of the event loop. OpenSSL checks every
 * signature of a client's certificate and of the authorities that are sent with it, trusted or not: 100 KB of them, which it
 * takes from anybody, are 0.3 s of work where they have keys of 10,000 bits.
 *
 * So when handshakes that came to their end have used the turn, no further one is read in it. And when one has failed that
 * brought as much as no client in earnest does, those of its address rest for a while.
 */
import { LOGIN_ADDRESSES_MAX } from '../limits.ts'

/** ms in a turn, from the first end of a handshake on. */
const INPUT_MS = 10

/** Octets of a handshake, more than a client with some authorities above its certificate has to send. */
export const HANDSHAKE_BYTES_MAX = 24 * 1024

/** Octets of such a handshake for which its address rests for a millisecond: 2 s for the most that OpenSSL takes. */
const BYTES_PER_MS = 50

/** What is used of a socket below TLS; OpenSSL reads from its handle. */
export interface Below {
  readonly bytesRead: number
  readonly _handle?: { readStart?(): void; readStop?(): void } | null
}

export class HandshakeInput<Socket extends Below> {
  private readonly now: () => number
  private readonly soon: (action: () => void) => void
  private readonly after: (ms: number, action: () => void) => void
  /** By their addresses; oldest first. */
  private readonly sockets = new Map<Socket, string>()
  /** Until when which address rests. */
  private readonly resting = new Map<string, number>()
  private began: number | undefined
  private isHeld = false

  /** @param soon runs an action in the next turn */
  constructor(
    now: () => number,
    soon: (action: () => void) => void,
    after: (ms: number, action: () => void) => void,
  ) {
    this.now = now
    this.soon = soon
    this.after = after
  }

  /** A handshake has begun. */
  add(socket: Socket, address: string): void {
    this.sockets.set(socket, address)
  }

  /** ms for which none of that address is to begin. */
  restOf(address: string): number {
    return Math.max(0, (this.resting.get(address) ?? 0) - this.now())
  }

  /** It has come to its end. */
  ended(socket: Socket, failed: boolean): void {
    const address = this.sockets.get(socket)
    if (address === undefined) return
    this.sockets.delete(socket)
    if (failed && socket.bytesRead > HANDSHAKE_BYTES_MAX) this.rest(address, socket.bytesRead / BYTES_PER_MS)
    const now = this.now()
    if (this.began === undefined) {
      this.began = now
      this.soon(() => this.nextTurn())
    } else if (now - this.began >= INPUT_MS && !this.isHeld) {
      this.isHeld = true
      for (const other of this.sockets.keys()) stop(other)
    }
  }

  private rest(address: string, ms: number): void {
    this.resting.delete(address)
    this.resting.set(address, this.now() + ms)
    for (const oldest of this.resting.keys()) {
      if (this.resting.size <= LOGIN_ADDRESSES_MAX) break
      this.resting.delete(oldest)
    }
    this.each(address, stop)
    this.after(ms, () => {
      if (this.restOf(address) > 0) return
      this.resting.delete(address)
      if (!this.isHeld) this.each(address, start)
    })
  }

  private each(address: string, action: (socket: Socket) => void): void {
    for (const [socket, of] of this.sockets) if (of === address) action(socket)
  }

  private nextTurn(): void {
    this.began = undefined
    if (!this.isHeld) return
    this.isHeld = false
    for (const [socket, address] of this.sockets) if (this.restOf(address) === 0) start(socket)
  }
}

function start({ _handle: handle }: Below): void {
  handle?.readStart?.()
}

function stop({ _handle: handle }: Below): void {
  handle?.readStop?.()
}
