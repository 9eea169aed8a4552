// hot: per message
/** What a connection has received, frame by frame; what was read while it is paused waits here. */
import { OUTPUT_BYTES_MAX } from '../limits.ts'
import { FrameReader } from '../protocol/frame-reader.ts'
import { MethodId } from '../protocol/generated/constants.ts'
import type { Connection } from './connection.ts'
import { Frames } from './frames.ts'
import { PAUSE_ALARM, PAUSE_DISK, PAUSE_FENCE, PAUSE_OUTPUT, PAUSE_SHARE, type Pauses } from './pauses.ts'
import type { TurnShare } from './turn-share.ts'

const PROTOCOL_HEADER_BYTES = 8

export class Intake {
  octets = 0
  /** Pieces in which they came. */
  chunks = 0
  readonly reader: FrameReader
  private readonly connection: Connection
  private readonly pauses: Pauses
  private readonly share: TurnShare
  private readonly frames: Frames
  /** What was read is valid only during the call that brings it. */
  private readonly chunksAreReused: boolean
  private readonly header: number[] = []
  private backlog: Buffer[] = []
  /** The stream can no longer be read: whatever comes is dropped. */
  private deaf = false

  /** @param chunksAreReused what `received` is given is valid only during the call */
  constructor(connection: Connection, pauses: Pauses, share: TurnShare, chunksAreReused: boolean) {
    this.connection = connection
    this.pauses = pauses
    this.share = share
    this.chunksAreReused = chunksAreReused
    this.frames = new Frames(connection, pauses)
    const { broker, server } = connection
    const frameMax = server.admission.limits.initialFrameMax ?? broker.semantics.initialFrameMax
    this.reader = new FrameReader(this.frames, frameMax)
  }

  received(chunk: Buffer): void {
    this.octets += chunk.length
    this.chunks++
    if (this.connection.broker.turn.isShut) this.fence()
    if (this.pauses.framesWait) this.backlog.push(this.chunksAreReused ? Buffer.from(chunk) : chunk)
    else this.consume(chunk, this.chunksAreReused)
    this.share.read(chunk.length)
  }

  private consume(chunk: Buffer, borrowed: boolean): void {
    this.share.begin()
    this.frames.newChunk()
    try {
      const input = this.header.length < PROTOCOL_HEADER_BYTES ? this.afterHeader(chunk) : chunk
      if (this.deaf || input.length === 0) return
      const used = this.reader.read(input)
      if (used < input.length) {
        const rest = input.subarray(used)
        this.backlog.unshift(borrowed ? Buffer.from(rest) : rest)
      }
    } catch (error) {
      this.connection.failed(error, 0, 0)
    }
    this.share.end()
    if (!this.pauses.has(PAUSE_DISK | PAUSE_ALARM) && this.connection.broker.overloaded)
      this.connection.replies.holdUntilDurable(undefined)
    this.holdWhileOutputIsFull()
  }

  /** A few octets can ask for very much: this is looked at after each request. */
  holdWhileOutputIsFull(): void {
    if (!this.pauses.has(PAUSE_OUTPUT) && this.connection.output.waiting > OUTPUT_BYTES_MAX)
      this.pauses.add(PAUSE_OUTPUT)
  }

  /** The octets behind the protocol header, which is handled here. */
  private afterHeader(chunk: Buffer): Buffer {
    const { header } = this
    const rest = Math.min(PROTOCOL_HEADER_BYTES - header.length, chunk.length)
    for (let i = 0; i < rest; i++) header.push(chunk[i] as number)
    if (header.length === PROTOCOL_HEADER_BYTES && !this.connection.negotiation.protocolHeader(header))
      this.deaf = true
    return chunk.subarray(rest)
  }

  /** Whatever comes from now on is dropped. */
  stopListening(): void {
    this.deaf = true
  }

  /** What is on its way in and out of the socket is of no use any more. */
  ended(): void {
    this.backlog = []
  }

  /** The connection is closing: what comes now is the answer to that, and not held back by anything. */
  closing(): void {
    this.pauses.remove(PAUSE_DISK | PAUSE_ALARM | PAUSE_SHARE | PAUSE_FENCE)
    this.goOn()
  }

  /** Nobody may be served: what comes waits for `unfence`. */
  fence(): void {
    const { state } = this.connection
    if (state !== 'closing' && state !== 'closed') this.pauses.add(PAUSE_FENCE)
  }

  unfence(): void {
    if (!this.pauses.has(PAUSE_FENCE)) return
    this.pauses.remove(PAUSE_FENCE)
    this.goOn()
  }

  /** A pause may be over. */
  goOn(): void {
    while (!this.pauses.framesWait && this.backlog.length > 0)
      this.consume(this.backlog.shift() as Buffer, false)
    this.pauses.readOn()
  }

  resumeReading(): void {
    this.share.resumed()
    this.goOn()
  }

  /** The socket has taken what waited for it. */
  drained(): void {
    if (!this.pauses.has(PAUSE_OUTPUT)) return
    this.pauses.remove(PAUSE_OUTPUT)
    this.goOn()
  }

  /** An alarm is on, and a publish has begun: the rest of it, and what comes behind, waits until the alarm is over. */
  block(): void {
    const { connection } = this
    if (this.pauses.has(PAUSE_ALARM) || connection.state !== 'open') return
    this.pauses.add(PAUSE_ALARM)
    if (connection.has('connection.blocked'))
      connection.output.method(0, { id: MethodId.ConnectionBlocked, reason: connection.server.alarms.reason })
    connection.output.flush()
  }

  unblock(): void {
    if (!this.pauses.has(PAUSE_ALARM)) return
    const { connection } = this
    this.pauses.remove(PAUSE_ALARM)
    if (connection.state !== 'open') return
    if (connection.has('connection.blocked'))
      connection.output.method(0, { id: MethodId.ConnectionUnblocked })
    connection.output.flush()
    this.goOn()
  }
}
