/**
 * Lets the handshakes of a TLS server take turns. Each costs a signature, 0.6 ms with RSA of 2048 bits and 4 ms with
 * 4096, and Node.js handles all input that has arrived from a thousand clients before anything else gets its turn.
 *
 * So a handshake begins when its ClientHello is complete and the turn has time for it. Since later messages can cost as
 * much (after a HelloRetryRequest, or with RSA key exchange), only a limited number of handshakes are in progress.
 * Addresses take turns: an address with very many handshakes that stall delays only its own.
 */
import type { RequestListener } from 'node:http'
import { createServer, type Server as HttpsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Server, TLSSocket, TlsOptions } from 'node:tls'
import { plainAddress } from './address.ts'
import type { Certificates } from './certificates.ts'
import { FairQueue } from './fair-queue.ts'
import { HandshakeInput } from './handshake-input.ts'
import { dropGone, hearErrorsOfServer } from './sockets.ts'
import { elapsed, soon, startTimer, stopTimer, whenThereIsTime } from './timers.ts'
import { contextOf, type TlsSettings } from './tls.ts'
import { boundInput, boundInputOf, releaseInput } from './tls-input.ts'

const HANDSHAKE = 22
const RECORD_HEADER_BYTES = 5
const MESSAGE_HEADER_BYTES = 4
/**
 * Octets at which a handshake begins even if its ClientHello is incomplete. Nobody can have more to say before an answer:
 * thousands of clients may wait for their turn, and what they sent is kept.
 */
const HELLO_BYTES_MAX = 16 * 1024

/** Maximum handshakes of a listener in progress; further ones wait. */
export const TLS_HANDSHAKES_MAX = 128

/** ms after which, if others wait, the oldest handshake of the address with the most in progress is given up. */
const UNDER_WAY_MS = 1_000

/** ms within which a ClientHello must arrive, unless a setting says otherwise: Node's default. */
const HELLO_MS_MAX = 120_000

type Start = (socket: Socket) => void

/** Whether the first handshake message is complete, or can never be. */
export function isHelloComplete(b: Buffer): boolean {
  if (b.length >= HELLO_BYTES_MAX) return true
  let missing: number | undefined
  for (let at = 0; at < b.length; ) {
    if (b[at] !== HANDSHAKE) return true
    if (b.length < at + RECORD_HEADER_BYTES) return false
    const size = b.readUInt16BE(at + 3)
    const start = at + RECORD_HEADER_BYTES
    if (missing === undefined) {
      // OpenSSL refuses a first record that is too short for this header.
      if (size < MESSAGE_HEADER_BYTES) return true
      if (b.length < start + MESSAGE_HEADER_BYTES) return false
      missing = MESSAGE_HEADER_BYTES + b.readUIntBE(start + 1, 3)
    }
    if (size === 0) return true
    missing -= Math.min(size, b.length - start)
    if (missing <= 0) return true
    at = start + size
  }
  return false
}

/** A socket whose ClientHello is complete. */
interface Hello {
  readonly socket: Socket
  readonly address: string
}

interface UnderWay {
  readonly address: string
  /** In ms of `elapsed`. */
  readonly since: number
}

function failure(code: string, text: string): NodeJS.ErrnoException {
  return Object.assign(new Error(text), { code })
}

class Handshakes {
  private readonly server: Server
  /** Hands an accepted socket to Node.js, which begins the handshake. */
  private readonly start: Start
  private readonly waitMs: number
  /** Sockets with a complete ClientHello. */
  private readonly waiting = new FairQueue<Hello>()
  /** Handshakes in progress, oldest first. */
  private readonly underWay = new Map<Socket, UnderWay>()
  /** Limits the input of handshakes in progress. */
  private readonly input = new HandshakeInput<Socket>(elapsed, soon, (ms, action) => {
    startTimer(action, ms).unref()
  })
  private scheduled = false
  private timer: ReturnType<typeof startTimer> | undefined

  constructor(server: Server, start: Start, waitMs: number) {
    this.server = server
    this.start = start
    this.waitMs = waitMs
  }

  accepted(socket: Socket): void {
    let hello: Buffer = Buffer.alloc(0)
    const take = (chunk: Buffer): void => {
      hello = hello.length === 0 ? chunk : Buffer.concat([hello, chunk])
      if (hello.length > HELLO_BYTES_MAX) {
        refuse('ERR_TLS_LONG_HELLO', 'too much before the TLS handshake')
        return
      }
      if (!isHelloComplete(hello)) return
      stop()
      socket.pause()
      socket.unshift(hello)
      this.enqueue(socket)
    }
    const refuse = (code: string, text: string): void => {
      stop()
      this.server.emit('tlsClientError', failure(code, text), socket as TLSSocket)
      socket.destroy()
    }
    const hungUp = (): void => refuse('ECONNRESET', 'the client has gone before its TLS handshake')
    const timer = startTimer(() => refuse('ERR_TLS_HANDSHAKE_TIMEOUT', 'TLS handshake timeout'), this.waitMs)
    const stop = (): void => {
      stopTimer(timer)
      releaseInput(socket)
      socket.off('data', take).off('end', hungUp).off('close', hungUp)
    }
    // Thousands of clients may send it octet by octet.
    boundInputOf(socket)
    socket.on('data', take).on('end', hungUp).on('close', hungUp)
  }

  /** Called when the handshake of a socket has ended. */
  ended(socket: Socket | undefined, failed: boolean): void {
    if (socket === undefined || !this.underWay.delete(socket)) return
    this.input.ended(socket, failed)
    this.schedule()
  }

  private enqueue(socket: Socket): void {
    const address = plainAddress(socket.remoteAddress)
    const hello = { socket, address }
    this.waiting.push(address, hello)
    socket.once('close', () => {
      this.waiting.remove(address, hello)
      this.ended(socket, true)
    })
    this.schedule()
  }

  private schedule(): void {
    if (this.scheduled || this.waiting.size === 0 || !this.hasRoom()) return
    this.scheduled = true
    whenThereIsTime(() => {
      this.scheduled = false
      this.startNext()
      this.schedule()
    })
  }

  private hasRoom(): boolean {
    if (this.underWay.size < TLS_HANDSHAKES_MAX) return true
    const [oldest, since] = this.oldestOfMost()
    const left = UNDER_WAY_MS - (elapsed() - since)
    if (left <= 0) oldest?.destroy()
    else
      this.timer ??= startTimer(() => {
        this.timer = undefined
        this.schedule()
      }, left)
    return false
  }

  /** The oldest handshake of the address that has the most in progress, and when it began. */
  private oldestOfMost(): [Socket | undefined, number] {
    const counts = new Map<string, number>()
    for (const { address } of this.underWay.values()) counts.set(address, (counts.get(address) ?? 0) + 1)
    const most = Math.max(...counts.values())
    for (const [socket, { address, since }] of this.underWay)
      if (counts.get(address) === most) return [socket, since]
    return [undefined, 0]
  }

  private startNext(): void {
    const next = this.waiting.shift()
    if (next === undefined) return
    const rest = this.input.restOf(next.address)
    if (rest > 0) {
      this.postpone(next, rest)
      return
    }
    this.input.add(next.socket, next.address)
    this.underWay.set(next.socket, { address: next.address, since: elapsed() })
    this.start(next.socket)
  }

  private postpone(hello: Hello, ms: number): void {
    const timer = startTimer(() => {
      if (hello.socket.destroyed) return
      this.waiting.push(hello.address, hello)
      this.schedule()
    }, ms)
    hello.socket.once('close', () => stopTimer(timer))
  }
}

/** The accepted socket below a TLS socket. */
function below(socket: TLSSocket): Socket | undefined {
  return (socket as unknown as { _parent?: Socket })._parent
}

/** Call before the server has listeners other than Node's own. @param options with which the server was made */
export function paceHandshakes(
  server: Server,
  { handshakeTimeout: waitMs = HELLO_MS_MAX }: TlsOptions,
): void {
  const listeners = server.listeners('connection') as Start[]
  const handshakes = new Handshakes(
    server,
    (socket) => {
      for (const listener of listeners) listener.call(server, socket)
    },
    waitMs,
  )
  for (const listener of listeners) server.off('connection', listener)
  hearErrorsOfServer(server)
  dropGone(server, 'secureConnection')
  server.on('connection', (socket: Socket) => handshakes.accepted(socket))
  server.on('secureConnection', (socket: TLSSocket) => handshakes.ended(below(socket), false))
  server.on('tlsClientError', (_, socket: TLSSocket) => handshakes.ended(below(socket), true))
  boundInput(server, (socket, code) => {
    server.emit('tlsClientError', failure(code, 'the client is disconnected'), socket)
    socket.destroy()
  })
}

/** Makes an HTTPS server whose handshakes take turns. @throws as contextOf */
export function createPacedServer(
  tls: TlsSettings,
  certificates: Certificates,
  answer: RequestListener,
): HttpsServer {
  const options = contextOf(tls)
  const server = createServer(options, answer)
  paceHandshakes(server, options)
  certificates.add(server, tls, options)
  server.once('close', () => certificates.remove(server))
  return server
}
