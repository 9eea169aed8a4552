/**
 * What an HTTP connection sends is parsed bit by bit: clients may put a thousand requests into one packet, to any port, and
 * need no login for that. The next request is looked at when the one before is answered, and of all connections together so
 * much that the others have their turn.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import { HTTP_PIECE_BYTES, TURN_MS } from '../limits.ts'
import { hearErrors } from '../util/sockets.ts'
import { elapsed, soon, whenThereIsTime } from '../util/timers.ts'

/** Of a body whose length is known, and that is not near its end. */
const BODY_PIECE_BYTES = 65_536

const nothing = Buffer.alloc(0)

/** When the first of all connections was parsed in this turn. */
let began: number | undefined

function hasTime(): boolean {
  if (began === undefined) {
    began = elapsed()
    soon(() => {
      began = undefined
    })
  }
  return elapsed() - began < TURN_MS
}

/** What HTTP's parser has not had yet, where a connection has become something else. */
const rests = new WeakMap<Socket, () => Buffer>()

export function restOf(socket: Socket): Buffer {
  return rests.get(socket)?.() ?? nothing
}

/** Watches over the server from now on. */
export function parseBitByBit(server: Server): void {
  const intakes = new WeakMap<Socket, Intake>()
  server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
    intakes.set(socket, new Intake(socket))
  })
  server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
    // Whoever reads a body does not always listen to the end of it, when its client leaves.
    hearErrors(request)
    intakes.get(request.socket)?.requested(request, response)
  })
  // Node's own answer leaves the connection open for more of them.
  server.on('checkExpectation', (_request: IncomingMessage, response: ServerResponse) => {
    response.writeHead(417, { connection: 'close' }).end()
  })
}

class Intake {
  private readonly socket: Socket
  /** HTTP's own listeners: they have each piece at once. */
  private readonly parse: readonly ((chunk: Buffer) => void)[]
  private held: Buffer = nothing
  /** The last one that has begun. */
  private request: IncomingMessage | undefined
  /** Requests that have no answer yet. */
  private unanswered = 0
  /** Octets that can only be of the request's body. */
  private ofBody = 0
  private busy = false
  private waits = false

  constructor(socket: Socket) {
    this.socket = socket
    this.parse = socket.listeners('data') as ((chunk: Buffer) => void)[]
    // Node hands a parser the octets beneath the socket, unless somebody else listens.
    socket.on('data', this.take)
    for (const listener of this.parse) socket.off('data', listener)
    socket.on('resume', this.run)
    socket.on('drain', this.run)
    rests.set(socket, () => {
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
    if (!this.busy && !this.waits) this.parseHeld()
    this.holdBack()
  }

  private parseHeld(): void {
    this.busy = true
    while (this.held.length > 0 && this.mayGoOn()) {
      if (!hasTime()) {
        this.inNextTurn()
        break
      }
      const size = Math.min(this.ofBody, BODY_PIECE_BYTES)
      const piece = this.held.subarray(0, Math.max(size, HTTP_PIECE_BYTES))
      this.held = this.held.subarray(piece.length)
      this.ofBody -= piece.length
      for (const listener of this.parse) listener.call(this.socket, piece)
    }
    this.busy = false
  }

  /** The next octets belong to the only request, or there is none. */
  private mayGoOn(): boolean {
    const { socket, request } = this
    // Node's parser takes nothing while it is set.
    if (socket.destroyed || (socket as { _paused?: boolean })._paused === true) return false
    return this.unanswered === 0 || (this.unanswered === 1 && request?.complete === false)
  }

  private inNextTurn(): void {
    this.waits = true
    whenThereIsTime(() => {
      this.waits = false
      this.run()
    })
  }

  /** More comes when there is room for it. HTTP may have stopped it, too, for a body that nobody reads. */
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
