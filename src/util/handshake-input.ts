/**
 * Limits the time that TLS handshakes take in a turn of the event loop. OpenSSL checks every signature of a client's
 * certificate and of the authorities that are sent with it, trusted or not: 100 KB of certificates, which it accepts
 * from anybody, take 0.3 s if their keys have 10,000 bits.
 *
 * So when handshakes that have ended have used up the turn's time, no further handshake is read in that turn. And when
 * a handshake has failed that was larger than any of a genuine client, the handshakes of its address are paused for a
 * while.
 */
import { LOGIN_ADDRESSES_MAX } from '../limits.ts'

/** Maximum ms of handshakes in a turn, from the end of its first one on. */
const INPUT_MS = 10

/** Octets of a handshake: more than a client with some authorities above its certificate has to send. */
export const HANDSHAKE_BYTES_MAX = 24 * 1024

/**
 * Octets of a failed handshake beyond that for which its address is paused for 1 ms: 2 s for the most that OpenSSL
 * takes.
 */
const BYTES_PER_MS = 50

/** The members used of a socket below TLS; OpenSSL reads from its handle. */
export interface Below {
  readonly bytesRead: number
  readonly _handle?: { readStart?(): void; readStop?(): void } | null
}

export class HandshakeInput<Socket extends Below> {
  private readonly now: () => number
  private readonly soon: (action: () => void) => void
  private readonly after: (ms: number, action: () => void) => void
  /** Sockets in a handshake, with their addresses; oldest first. */
  private readonly sockets = new Map<Socket, string>()
  /** Until when an address is paused. */
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

  /** Called when a handshake has begun. */
  add(socket: Socket, address: string): void {
    this.sockets.set(socket, address)
  }

  /** ms for which no handshake of that address should begin. */
  restOf(address: string): number {
    return Math.max(0, (this.resting.get(address) ?? 0) - this.now())
  }

  /** Called when a handshake has ended. */
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
