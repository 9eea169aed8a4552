// hot: per message
/** The input of a connection, frame by frame, with the backlog that was read while it is paused. */
import { OUTPUT_BYTES_MAX } from '../limits.ts'
import { FrameReader } from '../protocol/frame-reader.ts'
import { MethodId } from '../protocol/generated/constants.ts'
import { charged } from '../util/owner.ts'
import { startInputOf, stopInputOf } from '../util/tls-input.ts'
import type { Connection } from './connection.ts'
import { Frames } from './frames.ts'
import {
  PAUSE_ALARM,
  PAUSE_DISK,
  PAUSE_END,
  PAUSE_FENCE,
  PAUSE_OUTPUT,
  PAUSE_SHARE,
  type Pauses,
} from './pauses.ts'
import type { TurnShare } from './turn-share.ts'

const PROTOCOL_HEADER_BYTES = 8

export class Intake {
  octets = 0
  /** Number of chunks received. */
  chunks = 0
  readonly reader: FrameReader
  private readonly connection: Connection
  private readonly pauses: Pauses
  private readonly share: TurnShare
  private readonly frames: Frames
  /** Whether chunks are valid only during the call that delivers them. */
  private readonly chunksAreReused: boolean
  private readonly header: number[] = []
  private backlog: Buffer[] = []

  /** @param chunksAreReused chunks passed to `received` are valid only during the call */
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
    if (this.frames.dropped) return
    if (this.connection.broker.turn.isShut) this.fence()
    if (this.share.isLate || this.addsToCrowd) this.postpone()
    if (this.pauses.framesWait) this.backlog.push(this.chunksAreReused ? Buffer.from(chunk) : chunk)
    else this.consume(chunk, this.chunksAreReused)
    this.share.read(chunk.length)
  }

  private consume(chunk: Buffer, borrowed: boolean): void {
    this.share.begin()
    this.frames.newChunk()
    const { commit } = this.connection.broker
    const { changes } = commit
    try {
      const input = this.header.length < PROTOCOL_HEADER_BYTES ? this.afterHeader(chunk) : chunk
      if (this.frames.dropped || input.length === 0) return
      const used = this.reader.read(input)
      if (used < input.length && !this.frames.dropped) {
        const rest = input.subarray(used)
        this.backlog.unshift(borrowed ? Buffer.from(rest) : rest)
      }
    } catch (error) {
      this.connection.failed(error, 0, 0)
    }
    this.share.end()
    this.holdWhileOverloaded(commit.changes !== changes)
    this.holdWhileOutputIsFull()
  }

  /**
   * Holds those who add to what waits for the disk. All others go on, or nobody could log in to consume what waits.
   * @param hasChanged whether the input has changed stored objects
   */
  private holdWhileOverloaded(hasChanged: boolean): void {
    if (!hasChanged && !this.frames.hasPublished && !this.frames.hasRejected) return
    if (!this.pauses.has(PAUSE_DISK | PAUSE_ALARM) && this.connection.broker.overloaded)
      this.connection.replies.holdUntilDurable(undefined)
  }

  /** Checked after each request, because a small request can cause much output. */
  holdWhileOutputIsFull(): void {
    if (!this.pauses.has(PAUSE_OUTPUT) && this.connection.output.waiting > OUTPUT_BYTES_MAX)
      this.pauses.add(PAUSE_OUTPUT)
  }

  /** Handles the protocol header; returns the octets after it. */
  private afterHeader(chunk: Buffer): Buffer {
    const { header } = this
    const rest = Math.min(PROTOCOL_HEADER_BYTES - header.length, chunk.length)
    for (let i = 0; i < rest; i++) header.push(chunk[i] as number)
    if (header.length === PROTOCOL_HEADER_BYTES && !this.connection.negotiation.protocolHeader(header))
      this.stopListening()
    return chunk.subarray(rest)
  }

  /** Drops all further input, from the next frame on: it cannot be parsed, or nothing more may come. */
  stopListening(): void {
    this.frames.dropped = true
    this.backlog = []
  }

  /** Releases the backlog of a closed socket. */
  ended(): void {
    this.backlog = []
  }

  /** Called for a connection that will be closed in its turn: until then it gets no replies and no deliveries. */
  hold(): void {
    const { connection } = this
    if (connection.state === 'closing' || connection.state === 'closed') return
    this.pauses.add(PAUSE_END)
    for (const ch of connection.channels) {
      charged(connection, () => ch.sendConfirms())
      ch.closing = true
    }
  }

  get isHeld(): boolean {
    return this.pauses.has(PAUSE_END)
  }

  /** Called when the connection is closing: the client's reply must not be held back. */
  closing(): void {
    this.pauses.remove(PAUSE_DISK | PAUSE_ALARM | PAUSE_SHARE | PAUSE_FENCE | PAUSE_END)
    this.goOn()
  }

  /** Called when the node must not serve clients: input waits for `unfence`. */
  fence(): void {
    const { state } = this.connection
    if (state !== 'closing' && state !== 'closed') this.pauses.add(PAUSE_FENCE)
  }

  unfence(): void {
    if (!this.pauses.has(PAUSE_FENCE)) return
    this.pauses.remove(PAUSE_FENCE)
    this.goOn()
  }

  /** Continues if no pause is left. */
  goOn(): void {
    while (!this.pauses.framesWait && this.backlog.length > 0)
      if (this.share.isLate) this.postpone()
      else this.consume(this.backlog.shift() as Buffer, false)
    this.pauses.readOn()
  }

  /** Whether the client publishes, and should wait. */
  private get addsToCrowd(): boolean {
    return this.frames.hasPublished && this.connection.broker.refusedLetters.isCrowded
  }

  resumeReading(): void {
    const { connection } = this
    if (this.frames.hasPublished && connection.server.crowding.holds(connection)) return
    startInputOf(connection.socket)
    this.share.resumed()
    this.goOn()
  }

  private postpone(): void {
    stopInputOf(this.connection.socket)
    this.share.postpone()
  }

  /** Called when the socket has drained. */
  drained(): void {
    if (!this.pauses.has(PAUSE_OUTPUT)) return
    this.pauses.remove(PAUSE_OUTPUT)
    this.goOn()
  }

  /**
   * Called when a publish has begun during an alarm: its content and all further input wait until the alarm is cleared.
   */
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
