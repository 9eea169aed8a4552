/**
 * Feeds the HTTP parser in small pieces: without a login, a client may send a thousand requests in one packet to any
 * port. A request is parsed after the previous one has been answered, and the work for all connections in one turn is
 * limited, so that other work is not starved.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import { HTTP_PIECE_BYTES, SOCKET_END_MS, TURN_MS } from '../limits.ts'
import { plainAddress } from '../util/address.ts'
import { endInput, hearErrors } from '../util/sockets.ts'
import { ShareOfTurn, startTimer, stopTimer, whenThereIsTime } from '../util/timers.ts'
import { joinPieces } from './joined-body.ts'

/** Piece size for a body whose length is known and whose end is not near. */
const BODY_PIECE_BYTES = 65_536

/** ms that the other end of a connection may take to close it. */
const CLOSING_MS_MAX = 5000

const nothing = Buffer.alloc(0)

/** The share of a turn of all connections. */
const parsing = new ShareOfTurn(TURN_MS)

/** Number of connections whose input waits for a turn; they are parsed before any other. */
let waiting = 0

/** Bytes not yet passed to the HTTP parser when a connection switches to another protocol. */
const rests = new WeakMap<Socket, () => Buffer>()

export function restOf(socket: Socket): Buffer {
  return rests.get(socket)?.() ?? nothing
}

/**
 * Lets the HTTP server close a connection only after its other end has done so. If a body is refused before all of it has
 * arrived, the answer would otherwise be lost: the other end, which still sends, would notice the broken connection first.
 * For the connections of other nodes, which close at the end of an answer.
 */
export function closeWhenRead(socket: Socket): void {
  closeLater(socket, CLOSING_MS_MAX, () => {
    socket.removeAllListeners('data').resume()
    socket.once('end', () => socket.destroy())
  })
}

/**
 * Lets a client that is still sending a body hear why it is refused: closed at once, with input that nobody has read, the
 * connection would be reset, and the answer could be lost. It reads nothing more, and closes the connection a little later.
 */
function closeWhenHeard(socket: Socket): void {
  closeLater(socket, SOCKET_END_MS, () => endInput(socket))
}

/** @param left what becomes of further input until the connection is closed */
function closeLater(socket: Socket, ms: number, left: () => void): void {
  socket.destroySoon = () => {
    restOf(socket)
    left()
    const timer = startTimer(() => socket.destroy(), ms)
    socket.once('close', () => stopTimer(timer))
    socket.end()
  }
}

/** Starts to control the input of the server. */
export function parseBitByBit(server: Server): void {
  const intakes = new WeakMap<Socket, Intake>()
  server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
    intakes.set(socket, new Intake(socket))
  })
  server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
    // The reader of a body may have stopped listening when the client disconnects.
    hearErrors(request)
    joinPieces(request)
    intakes.get(request.socket)?.requested(request, response)
    response.once('prefinish', () => {
      // Those of other nodes are closed in another way.
      if (!request.complete && !Object.hasOwn(request.socket, 'destroySoon')) closeWhenHeard(request.socket)
    })
  })
  // Node's own answer would keep the connection open for more requests.
  server.on('checkExpectation', (_request: IncomingMessage, response: ServerResponse) => {
    response.writeHead(417, { connection: 'close' }).end()
  })
}

class Intake {
  private readonly socket: Socket
  private readonly address: string
  /** The listeners of the HTTP parser: they receive every piece immediately. */
  private readonly parse: readonly ((chunk: Buffer) => void)[]
  private held: Buffer = nothing
  /** The last request that has begun. */
  private request: IncomingMessage | undefined
  /** Number of requests without an answer. */
  private unanswered = 0
  /** Number of the next bytes that can only belong to the request's body. */
  private ofBody = 0
  private busy = false
  private waits = false
  /** Whether the input is somebody else's, or nobody's any more. */
  private over = false
  /** Whether the turn of this connection has come. */
  private isNext = false

  constructor(socket: Socket) {
    this.socket = socket
    this.address = plainAddress(socket.remoteAddress)
    this.parse = socket.listeners('data') as ((chunk: Buffer) => void)[]
    // Node feeds the parser directly from the handle unless there is another listener.
    socket.on('data', this.take)
    for (const listener of this.parse) socket.off('data', listener)
    socket.on('resume', this.run)
    socket.on('drain', this.run)
    rests.set(socket, () => {
      this.over = true
      socket.off('data', this.take).off('resume', this.run).off('drain', this.run)
      const { held } = this
      this.held = nothing
      return held
    })
  }

  requested(request: IncomingMessage, response: ServerResponse): void {
    this.request = request
    this.unanswered++
    const length = Number(request.headers['content-length'] ?? 0)
    this.ofBody = Number.isSafeInteger(length) ? length - HTTP_PIECE_BYTES : 0
    response.on('close', () => {
      this.unanswered--
      this.run()
    })
  }

  private readonly take = (chunk: Buffer): void => {
    this.held = this.held.length === 0 ? chunk : Buffer.concat([this.held, chunk])
    this.run()
  }

  private readonly run = (): void => {
    if (this.over) return
    if (!this.busy && !this.waits) this.parseHeld()
    this.holdBack()
  }

  private parseHeld(): void {
    this.busy = true
    while (this.held.length > 0 && this.mayGoOn()) {
      if (!this.isNext && (waiting > 0 || !parsing.hasTime())) {
        this.inNextTurn()
        break
      }
      this.isNext = false
      const size = Math.min(this.ofBody, BODY_PIECE_BYTES)
      const piece = this.held.subarray(0, Math.max(size, HTTP_PIECE_BYTES))
      this.held = this.held.subarray(piece.length)
      this.ofBody -= piece.length
      for (const listener of this.parse) listener.call(this.socket, piece)
    }
    this.busy = false
  }

  /** Whether the next octets belong to the only open request, or there is no open request. */
  private mayGoOn(): boolean {
    const { socket, request } = this
    // Node's parser accepts no input while this is set.
    if (socket.destroyed || (socket as { _paused?: boolean })._paused === true) return false
    return this.unanswered === 0 || (this.unanswered === 1 && request?.complete === false)
  }

  private inNextTurn(): void {
    this.waits = true
    waiting++
    whenThereIsTime(() => {
      waiting--
      this.waits = false
      this.isNext = true
      this.run()
      this.isNext = false
    }, this.address)
  }

  /**
   * Stops reading until there is room. The HTTP parser may also have paused the socket, for a body that is not being
   * read.
   */
  private holdBack(): void {
    const { socket, request } = this
    if (socket.destroyed) this.held = nothing
    else if (this.held.length > 0) socket.pause()
    else if (socket.isPaused() && !isFull(request)) socket.resume()
  }
}

function isFull(request: IncomingMessage | undefined): boolean {
  return (
    request?.complete === false &&
    request.readableLength > 0 &&
    request.readableLength >= request.readableHighWaterMark
  )
}
