/**
 * The bytes of a WebSocket as a stream. Message and frame boundaries mean nothing to AMQP, so payload is passed on as it
 * arrives and nothing is buffered, however long a message is and however many frames it has.
 */
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { SOCKET_END_MS, TURN_MS } from '../limits.ts'
import { plainAddress } from '../util/address.ts'
import { ShareOfTurn, startTimer, stopTimer, whenThereIsTime } from '../util/timers.ts'
import { boundInputOf, startInputOf, stopInputOf } from '../util/tls-input.ts'

// Opcodes: RFC 6455, section 5.2.
const CONTINUATION = 0
const TEXT = 1
const BINARY = 2
const CLOSE = 8
const PING = 9
const PONG = 10

const FIN = 0x80
const MASKED = 0x80
const RESERVED = 0x70
const LENGTH = 0x7f
/** Length codes: the length follows in 2 bytes, or in 8. */
const LENGTH_IN_2 = 126
const LENGTH_IN_8 = 127
const CONTROL_BYTES_MAX = 125
const HEADER_BYTES_MAX = 14

const NORMAL = 1000
const PROTOCOL_ERROR = 1002

class ProtocolError extends Error {}

/** The size of a frame header in octets. @param second its second octet */
function headerSize(second: number): number {
  const length = second & LENGTH
  const more = length === LENGTH_IN_8 ? 8 : length === LENGTH_IN_2 ? 2 : 0
  return 2 + more + 4
}

function frameHeader(opcode: number, size: number): Buffer {
  if (size < LENGTH_IN_2) return Buffer.from([FIN | opcode, size])
  if (size < 65_536) return Buffer.from([FIN | opcode, LENGTH_IN_2, size >> 8, size & 0xff])
  const header = Buffer.alloc(10)
  header[0] = FIN | opcode
  header[1] = LENGTH_IN_8
  header.writeBigUInt64BE(BigInt(size), 2)
  return header
}

function closeFrame(code: number): Buffer {
  return Buffer.concat([frameHeader(CLOSE, 2), Buffer.from([code >> 8, code & 0xff])])
}

/** The share of a turn of all WebSockets. Frames without payload never reach the AMQP connection that limits input. */
const reading = new ShareOfTurn(TURN_MS)

type Done = (error?: Error | null) => void

export class WebSocketStream extends Duplex {
  readonly carrier: Socket
  private readonly header = Buffer.alloc(HEADER_BYTES_MAX)
  private headerBytes = 0
  private opcode = CONTINUATION
  /** Whether a message is incomplete: its last frame so far was not final. */
  private inMessage = false
  /** Bytes of the frame's payload that have not arrived yet. */
  private missing = 0
  /** Bytes of the payload that have arrived, modulo 4: the position in the mask. */
  private phase = 0
  private readonly mask = new Uint8Array(4)
  /** The payload of a control frame so far. */
  private readonly control = Buffer.alloc(CONTROL_BYTES_MAX)
  private controlBytes = 0
  /** The last ping received while a pong is being sent: only this one is answered, so pongs cannot pile up. */
  private ping: Buffer | undefined
  private pongUnderWay = false
  private ending = false
  /** Whether a chunk waits for a later turn. */
  private waits = false
  private endTimer: ReturnType<typeof startTimer> | undefined

  /** @param carrier the socket, on which the response to the upgrade has just been sent */
  constructor(carrier: Socket) {
    super()
    this.carrier = carrier
    boundInputOf(carrier)
    carrier.on('data', (chunk: Buffer) => this.arrived(chunk))
    carrier.on('end', () => this.endCarrier())
    carrier.on('close', () => {
      stopTimer(this.endTimer)
      this.destroy()
    })
  }

  override _read(): void {
    if (!this.waits) this.carrier.resume()
  }

  override _write(octets: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.send([octets], octets.length, done)
  }

  override _writev(chunks: { chunk: Buffer }[], done: Done): void {
    let size = 0
    for (const { chunk } of chunks) size += chunk.length
    this.send(
      chunks.map(({ chunk }) => chunk),
      size,
      done,
    )
  }

  /** Sends the parts as one message. */
  private send(parts: readonly Buffer[], size: number, done: Done): void {
    const { carrier } = this
    carrier.cork()
    carrier.write(frameHeader(BINARY, size))
    for (const [i, part] of parts.entries()) {
      if (i < parts.length - 1) carrier.write(part)
      else carrier.write(part, done)
    }
    carrier.uncork()
  }

  /** Sends a close frame. The client answers with its own, or is disconnected by the AMQP connection. */
  override _final(done: Done): void {
    if (this.ending) done()
    else this.carrier.write(closeFrame(NORMAL), done)
  }

  override _destroy(error: Error | null, done: Done): void {
    this.carrier.destroy()
    done(error)
  }

  /** Handles a chunk. If the turn has no time left, the chunk waits for a later one, and the socket is paused. */
  private arrived(chunk: Buffer): void {
    if (reading.hasTime()) {
      this.receive(chunk)
      return
    }
    this.waits = true
    this.carrier.pause()
    stopInputOf(this.carrier)
    whenThereIsTime(() => {
      this.waits = false
      startInputOf(this.carrier)
      this.carrier.resume()
      this.receive(chunk)
    }, plainAddress(this.carrier.remoteAddress))
  }

  private receive(chunk: Buffer): void {
    if (this.ending || this.destroyed) return
    let payload = 0
    try {
      payload = this.unpack(chunk)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.endCarrier(closeFrame(PROTOCOL_ERROR))
    }
    if (payload > 0 && !this.push(chunk.subarray(0, payload))) this.carrier.pause()
  }

  /**
   * Moves all payload to the front of the chunk, so that frames of one octet do not become a buffer each. Returns the
   * size of the payload.
   */
  private unpack(chunk: Buffer): number {
    let to = 0
    for (let at = 0; at < chunk.length && !this.ending; ) {
      if (this.missing === 0) {
        at = this.readHeader(chunk, at)
        continue
      }
      const end = Math.min(chunk.length, at + this.missing)
      this.missing -= end - at
      to = this.isControl ? this.readControl(chunk, at, end, to) : this.unmask(chunk, at, end, chunk, to)
      at = end
    }
    return to
  }

  private get isControl(): boolean {
    return this.opcode >= CLOSE
  }

  private unmask(from: Uint8Array, start: number, end: number, target: Uint8Array, at: number): number {
    const { mask, phase } = this
    let o = at
    for (let i = start; i < end; i++, o++)
      target[o] = (from[i] as number) ^ (mask[(phase + i - start) & 3] as number)
    this.phase = (phase + end - start) & 3
    return o
  }

  /** Reads header bytes; returns the position after the header, or the end of the chunk. */
  private readHeader(chunk: Buffer, start: number): number {
    const { header } = this
    let at = start
    while (at < chunk.length) {
      header[this.headerBytes++] = chunk[at++] as number
      if (this.headerBytes >= 2 && this.headerBytes === headerSize(header[1] as number)) {
        this.begin(this.headerBytes)
        this.headerBytes = 0
        break
      }
    }
    return at
  }

  private begin(size: number): void {
    const { header } = this
    const [first = 0, second = 0] = header
    const isLast = (first & FIN) !== 0
    this.opcode = first & 15
    this.missing = payloadSize(header, second & LENGTH)
    this.phase = 0
    this.controlBytes = 0
    this.mask.set(header.subarray(size - 4, size))
    if ((first & RESERVED) !== 0 || (second & MASKED) === 0) throw new ProtocolError()
    if (this.isControl) {
      const known = this.opcode === CLOSE || this.opcode === PING || this.opcode === PONG
      if (!known || !isLast || this.missing > CONTROL_BYTES_MAX) throw new ProtocolError()
      if (this.missing === 0) this.controlled()
      return
    }
    const continues = this.opcode === CONTINUATION
    if ((!continues && this.opcode !== TEXT && this.opcode !== BINARY) || continues !== this.inMessage)
      throw new ProtocolError()
    this.inMessage = !isLast
  }

  private readControl(chunk: Buffer, start: number, end: number, to: number): number {
    this.controlBytes = this.unmask(chunk, start, end, this.control, this.controlBytes)
    if (this.missing === 0) this.controlled()
    return to
  }

  /** Handles a complete control frame. */
  private controlled(): void {
    const payload = Buffer.from(this.control.subarray(0, this.controlBytes))
    if (this.opcode === PING) this.pong(payload)
    else if (this.opcode === CLOSE)
      this.endCarrier(Buffer.concat([frameHeader(CLOSE, payload.length), payload]))
  }

  private pong(payload: Buffer): void {
    if (this.pongUnderWay) {
      this.ping = payload
      return
    }
    this.pongUnderWay = true
    this.carrier.write(Buffer.concat([frameHeader(PONG, payload.length), payload]), () => {
      this.pongUnderWay = false
      const { ping } = this
      this.ping = undefined
      if (ping !== undefined && !this.ending) this.pong(ping)
    })
  }

  /** Ends the socket, after the closing handshake or a protocol error. @param last the last frame to send */
  private endCarrier(last?: Buffer): void {
    if (this.ending) return
    this.ending = true
    const { carrier } = this
    this.endTimer = startTimer(() => carrier.destroy(), SOCKET_END_MS)
    const gone = (): void => void carrier.destroy()
    if (last === undefined) carrier.end(gone)
    else carrier.end(last, gone)
  }
}

/** @param length the 7 bits of the second octet */
function payloadSize(header: Buffer, length: number): number {
  if (length < LENGTH_IN_2) return length
  if (length === LENGTH_IN_2) return header.readUInt16BE(2)
  const size = header.readBigUInt64BE(2)
  if (size > Number.MAX_SAFE_INTEGER) throw new ProtocolError()
  return Number(size)
}
