/**
 * Bounds the time that TLS input takes in a turn of the event loop. OpenSSL unpacks whatever libuv has read, half a
 * megabyte for each connection in a turn: 20,000 records of one octet take 0.2 s, and so do 19,000 KeyUpdates or 15,000
 * attempts to renegotiate, of which nothing is ever handed on. So when the turn has had its time, no further connection
 * is read in it, and those that were not read come first in the next one.
 *
 * Only clients that have not logged in are held back so.
 */
import type { Server, TLSSocket } from 'node:tls'
import { elapsed, soon } from './timers.ts'

/** ms in a turn, from the first input on. */
const INPUT_MS = 20

/** A client changes its keys after gigabytes: whoever does it more often in one turn is disconnected. */
export const KEY_UPDATES_MAX = 8

/** Begins the line of each KeyUpdate of a client, in the format of SSLKEYLOGFILE. */
const KEY_UPDATE = 'CLIENT_TRAFFIC_SECRET_N'

/** Node.js's handle of a socket; `reading` says what the stream has asked for. */
interface Handle {
  readonly reading?: boolean
  /** Called by Node.js whenever a handshake begins. */
  onhandshakestart?: () => void
  readStart?(): void
  readStop?(): void
}

/** What is used of a TLSSocket. */
export interface Encrypted {
  readonly _handle?: Handle | null
  push(chunk: unknown, encoding?: BufferEncoding): boolean
  once(event: 'close', listener: () => void): unknown
}

export class TlsInput {
  private readonly now: () => number
  private readonly soon: (action: () => void) => void
  /** Those that have waited longest come first. */
  private readonly sockets = new Set<Encrypted>()
  private readonly keyUpdates = new Map<Encrypted, number>()
  private began: number | undefined
  private held: Set<Encrypted> | undefined

  /** @param then runs an action in the next turn */
  constructor(now: () => number, then: (action: () => void) => void) {
    this.now = now
    this.soon = then
  }

  /** From now on, until `release`, its input counts. */
  add(socket: Encrypted): void {
    this.sockets.add(socket)
    const push = socket.push
    socket.push = (chunk, encoding) => {
      this.heard(socket)
      return push.call(socket, chunk, encoding)
    }
    socket.once('close', () => this.forget(socket))
  }

  /** It has logged in. */
  release(socket: Encrypted): void {
    if (!this.sockets.has(socket)) return
    Reflect.deleteProperty(socket, 'push')
    if (this.held?.has(socket) === true) readOn(socket)
    this.forget(socket)
  }

  /** @param refuse called where it has done so too often */
  keyUpdated(socket: Encrypted, refuse: () => void): void {
    this.heard(socket)
    const count = (this.keyUpdates.get(socket) ?? 0) + 1
    this.keyUpdates.set(socket, count)
    if (count === KEY_UPDATES_MAX + 1) this.end(socket, refuse)
  }

  /** Renegotiation: a client that was let in with one certificate cannot show another one later. */
  handshakeBegan(socket: Encrypted, refuse: () => void): void {
    this.heard(socket)
    this.end(socket, refuse)
  }

  /** Nothing more is read; what frees the memory of OpenSSL has to wait, since the call comes from within it. */
  private end(socket: Encrypted, refuse: () => void): void {
    socket._handle?.readStop?.()
    this.forget(socket)
    this.soon(refuse)
  }

  private forget(socket: Encrypted): void {
    this.sockets.delete(socket)
    this.held?.delete(socket)
  }

  private heard(socket: Encrypted): void {
    const now = this.now()
    if (this.began === undefined) {
      this.began = now
      this.soon(() => this.nextTurn())
    }
    if (this.held !== undefined) this.hold(socket, this.held)
    else if (now - this.began >= INPUT_MS) this.holdAll()
    if (this.sockets.delete(socket)) this.sockets.add(socket)
  }

  private holdAll(): void {
    this.held = new Set()
    for (const socket of this.sockets) this.hold(socket, this.held)
  }

  private hold(socket: Encrypted, held: Set<Encrypted>): void {
    if (!this.sockets.has(socket) || socket._handle?.reading !== true) return
    socket._handle.readStop?.()
    held.add(socket)
  }

  private nextTurn(): void {
    const { held } = this
    this.began = undefined
    this.held = undefined
    this.keyUpdates.clear()
    if (held === undefined) return
    // They are read in the order in which they are started.
    for (const socket of this.sockets) if (held.has(socket)) readOn(socket)
  }
}

/** Unless the stream has been paused meanwhile. */
function readOn({ _handle: handle }: Encrypted): void {
  if (handle?.reading === true) handle.readStart?.()
}

/** That of the process. */
const input = new TlsInput(elapsed, soon)

/** @param refuse disconnects a client, with a code of its own */
export function boundInput(server: Server, refuse: (socket: TLSSocket, code: string) => void): void {
  server.on('secureConnection', (socket: TLSSocket) => {
    input.add(socket)
    // With SSL_OP_NO_RENEGOTIATION, OpenSSL would answer each of any number of attempts, and nobody would be told.
    const { _handle: handle } = socket as Encrypted
    if (handle)
      handle.onhandshakestart = () =>
        input.handshakeBegan(socket, () => refuse(socket, 'ERR_TLS_RENEGOTIATION_DISABLED'))
  })
  server.on('keylog', (line: Buffer, socket: TLSSocket) => {
    if (line.toString('latin1', 0, KEY_UPDATE.length) === KEY_UPDATE)
      input.keyUpdated(socket, () => refuse(socket, 'ERR_TLS_KEY_UPDATES'))
  })
}

/** The client has logged in. */
export function releaseInput(socket: object): void {
  input.release(socket as Encrypted)
}
