/**
 * Limits the time that input takes in a turn of the event loop. OpenSSL decrypts whatever libuv has read, half a
 * megabyte for each connection in a turn: 20,000 records of one octet take 0.2 s, and so do 19,000 KeyUpdates or 15,000
 * attempts to renegotiate, which carry no data at all. Without TLS, 3,000 clients that send 64 kB each at the same time
 * take 0.2 s before anything is done with it. So when the turn's time is used up, no further connection is read in it,
 * and connections that were not read come first in the next turn.
 *
 * Only clients that have not logged in are held back like this.
 */
import type { Server, TLSSocket } from 'node:tls'
import { elapsed, soon } from './timers.ts'

/** Maximum ms in a turn, from its first input on. */
const INPUT_MS = 20

/** Maximum key updates of a client in one turn, beyond which it is disconnected: genuine ones come after gigabytes. */
export const KEY_UPDATES_MAX = 8

/** Begins the `keylog` line of each KeyUpdate of a client, in the format of SSLKEYLOGFILE. */
const KEY_UPDATE = 'CLIENT_TRAFFIC_SECRET_N'

/** Node.js's handle of a socket; `reading` says whether the stream wants input. */
interface Handle {
  readonly reading?: boolean
  /** Called by Node.js whenever a handshake begins. */
  onhandshakestart?: () => void
  readStart?(): void
  readStop?(): void
}

/** The members used of a socket. */
export interface Bounded {
  readonly _handle?: Handle | null
  push(chunk: unknown, encoding?: BufferEncoding): boolean
  once(event: 'close', listener: () => void): unknown
}

export class TlsInput {
  private readonly now: () => number
  private readonly soon: (action: () => void) => void
  /** Sockets of clients that have not logged in; those that have waited longest come first. */
  private readonly sockets = new Set<Bounded>()
  private readonly keyUpdates = new Map<Bounded, number>()
  private began: number | undefined
  private held: Set<Bounded> | undefined
  /** Sockets of which enough is waiting to be handled. */
  private readonly stopped = new Set<Bounded>()

  /** @param then runs an action in the next turn */
  constructor(now: () => number, then: (action: () => void) => void) {
    this.now = now
    this.soon = then
  }

  /** Counts the socket's input from now on, until `release`. */
  add(socket: Bounded): void {
    if (this.sockets.has(socket)) return
    const push = socket.push
    socket.push = (chunk, encoding) => {
      this.came(socket)
      return push.call(socket, chunk, encoding)
    }
    this.addSilent(socket)
  }

  /** The same for a socket whose input does not pass through its stream: `came` is called for each piece of it. */
  addSilent(socket: Bounded): void {
    this.sockets.add(socket)
    socket.once('close', () => this.forget(socket))
  }

  came(socket: Bounded): void {
    if (this.sockets.has(socket)) this.heard(socket)
  }

  /**
   * Reads nothing more until `start` or `release`, as what was read has to wait. A stream that is merely paused would read
   * another 64 KiB, of each of thousands of clients.
   */
  stop(socket: Bounded): void {
    if (!this.sockets.has(socket) || this.stopped.has(socket)) return
    this.stopped.add(socket)
    if (socket._handle?.reading === true) socket._handle.readStop?.()
  }

  start(socket: Bounded): void {
    if (this.stopped.delete(socket) && this.held?.has(socket) !== true) readOn(socket)
  }

  /** Called when the client has logged in. */
  release(socket: Bounded): void {
    if (!this.sockets.has(socket)) return
    // The stream's own, without deleting a property: that would make all others of the socket slow.
    if (Object.hasOwn(socket, 'push')) socket.push = Object.getPrototypeOf(socket).push
    if (this.held?.has(socket) === true || this.stopped.has(socket)) readOn(socket)
    this.forget(socket)
  }

  /** Called for each key update. @param refuse called if there are too many in a turn */
  keyUpdated(socket: Bounded, refuse: () => void): void {
    this.heard(socket)
    const count = (this.keyUpdates.get(socket) ?? 0) + 1
    this.keyUpdates.set(socket, count)
    if (count === KEY_UPDATES_MAX + 1) this.end(socket, refuse)
  }

  /**
   * Called at a renegotiation, which is refused: a client let in with one certificate must not show another one later.
   */
  handshakeBegan(socket: Bounded, refuse: () => void): void {
    this.heard(socket)
    this.end(socket, refuse)
  }

  /** Stops reading. `refuse` frees memory of OpenSSL, so it has to wait: this is called from within OpenSSL. */
  private end(socket: Bounded, refuse: () => void): void {
    socket._handle?.readStop?.()
    this.forget(socket)
    this.soon(refuse)
  }

  private forget(socket: Bounded): void {
    this.sockets.delete(socket)
    this.held?.delete(socket)
    this.stopped.delete(socket)
  }

  private heard(socket: Bounded): void {
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

  private hold(socket: Bounded, held: Set<Bounded>): void {
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
    // Sockets are read in the order in which reading is started.
    for (const socket of this.sockets) if (held.has(socket) && !this.stopped.has(socket)) readOn(socket)
  }
}

/** Resumes reading, unless the stream has been paused meanwhile. */
function readOn({ _handle: handle }: Bounded): void {
  if (handle?.reading === true) handle.readStart?.()
}

/** Shared by all servers of the process. */
const input = new TlsInput(elapsed, soon)

/** Limits the TLS input of a server's clients. @param refuse disconnects a client; receives an error code */
export function boundInput(server: Server, refuse: (socket: TLSSocket, code: string) => void): void {
  server.on('secureConnection', (socket: TLSSocket) => {
    input.add(socket)
    // With SSL_OP_NO_RENEGOTIATION, OpenSSL would answer any number of attempts, without notice.
    const { _handle: handle } = socket as Bounded
    if (handle)
      handle.onhandshakestart = () =>
        input.handshakeBegan(socket, () => refuse(socket, 'ERR_TLS_RENEGOTIATION_DISABLED'))
  })
  server.on('keylog', (line: Buffer, socket: TLSSocket) => {
    if (line.toString('latin1', 0, KEY_UPDATE.length) === KEY_UPDATE)
      input.keyUpdated(socket, () => refuse(socket, 'ERR_TLS_KEY_UPDATES'))
  })
}

/** Limits the input of a client until it has logged in. @param socket as for `releaseInput` */
export function boundInputOf(socket: object): void {
  input.add(carrierOf(socket))
}

/**
 * Reads nothing more from the client until `startInputOf`. No effect once it has logged in.
 * @param socket as for `releaseInput`
 */
export function stopInputOf(socket: object): void {
  input.stop(carrierOf(socket))
}

export function startInputOf(socket: object): void {
  input.start(carrierOf(socket))
}

/** The same for a socket that reads into a buffer of its own. Returns a function to be called for each piece of input. */
export function boundReadsOf(socket: object): () => void {
  input.addSilent(socket as Bounded)
  return () => input.came(socket as Bounded)
}

/** Called when the client has logged in. @param socket or a stream with the socket that carries it, as a WebSocket */
export function releaseInput(socket: object): void {
  input.release(carrierOf(socket))
}

function carrierOf(socket: object): Bounded {
  const { carrier = socket } = socket as { readonly carrier?: object }
  return carrier as Bounded
}
