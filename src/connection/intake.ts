// hot: per message
/**
 * What a connection has received, and when it is handled: the disk, an alarm, the connection's own output and the other
 * connections may have to come first. Until then the socket is not read, and what was read already waits here.
 */
import type { Channel } from '../channel/channel.ts'
import { OUTPUT_BYTES_MAX, READ_BYTES_PER_TURN, TURN_MS } from '../limits.ts'
import { FrameReader } from '../protocol/frame-reader.ts'
import { MethodId } from '../protocol/generated/constants.ts'
import type { ServerMethod } from '../protocol/generated/methods.ts'
import type { Connection } from './connection.ts'
import { Frames } from './frames.ts'

const PROTOCOL_HEADER_BYTES = 8

export class Intake {
  /** An alarm is on, and the connection has tried to publish since. */
  blocked = false
  octets = 0
  readonly reader: FrameReader
  private readonly connection: Connection
  private readonly frames: Frames
  /** What was read is valid only during the call that brings it. */
  private readonly chunksAreReused: boolean
  private readonly header: number[] = []
  private backlog: Buffer[] = []
  /** The stream can no longer be read: whatever comes is dropped. */
  private deaf = false
  /** An operation, or too much of everything, has to reach the disk first. */
  private awaitsFlush = false
  private onFlushed: (() => void) | undefined
  private flushNumber = 0
  private outputFull = false
  /** It has had its share of the turn: as much input as a turn reads, or ... */
  private waitsForTurn = false
  /** ... as many copies of messages, or as much time. */
  private shareSpent = false
  /** What it has begun and goes on with in the next turn. */
  private step: (() => boolean) | undefined
  private turnNumber = 0
  private turnOctets = 0
  private turnCopies = 0
  /** ms that were spent on it in this turn, in calls before the one that began at `began`. */
  private turnMs = 0
  private began = 0
  /** What the operation under way has to tell the connection's channels. */
  private notices: (() => void)[] | undefined

  /** @param chunksAreReused what `received` is given is valid only during the call */
  constructor(connection: Connection, chunksAreReused: boolean) {
    this.connection = connection
    this.chunksAreReused = chunksAreReused
    this.frames = new Frames(connection)
    this.reader = new FrameReader(this.frames, connection.server.admission.limits.initialFrameMax)
  }

  /** The client may be talking without being heard. */
  get paused(): boolean {
    return this.frames.suspended || this.outputFull
  }

  failed(error: unknown): void {
    this.connection.failed(error)
  }

  received(chunk: Buffer): void {
    this.octets += chunk.length
    if (this.frames.suspended) this.backlog.push(this.chunksAreReused ? Buffer.from(chunk) : chunk)
    else this.consume(chunk, this.chunksAreReused)
    this.takeTurns(chunk.length)
  }

  private consume(chunk: Buffer, borrowed: boolean): void {
    const { clock } = this.connection.broker
    this.noteTurn()
    this.began = clock.elapsed()
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
    this.turnMs += clock.elapsed() - this.began
    if (!this.awaitsFlush && !this.blocked && this.connection.broker.overloaded)
      this.suspendUntilFlushed(undefined)
    this.holdWhileOutputIsFull()
  }

  /** A few octets can ask for very much: this is looked at after each request. */
  holdWhileOutputIsFull(): void {
    if (this.outputFull || this.connection.output.waiting <= OUTPUT_BYTES_MAX) return
    this.outputFull = true
    this.suspend()
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
    this.awaitsFlush = false
    this.blocked = false
    this.shareSpent = false
    this.goOn()
  }

  private goOn(): void {
    this.frames.suspended = this.blocked || this.awaitsFlush || this.shareSpent || this.outputFull
    while (!this.frames.suspended && this.backlog.length > 0)
      this.consume(this.backlog.shift() as Buffer, false)
    this.readOn()
  }

  private readOn(): void {
    if (!this.paused && !this.waitsForTurn) this.connection.socket.resume()
  }

  private suspend(): void {
    this.frames.suspended = true
    this.connection.socket.pause()
  }

  // --- turns ---

  /** Nobody reads without end while others wait: a socket that has had its share goes on in the next turn. */
  private takeTurns(octets: number): void {
    this.noteTurn()
    this.turnOctets += octets
    if (this.turnOctets >= READ_BYTES_PER_TURN) this.waitForTurn()
  }

  /** A message has gone to that many queues, which is more work than its octets tell. */
  fannedOut(copies: number): void {
    this.noteTurn()
    this.turnCopies += copies
    if (this.turnCopies < this.connection.broker.turn.copiesShare || this.connection.state !== 'open') return
    this.shareSpent = true
    this.suspend()
    this.waitForTurn()
  }

  /** After a request that may have been much work. */
  handled(): void {
    const { connection } = this
    if (this.frames.suspended || connection.state !== 'open') return
    if (this.turnMs + connection.broker.clock.elapsed() - this.began < TURN_MS) return
    this.shareSpent = true
    this.suspend()
    this.waitForTurn()
  }

  /** Does what may take several turns, until `step` returns true; the connection's next frames wait. */
  work(step: () => boolean): void {
    if (step()) return
    this.step = step
    this.shareSpent = true
    this.suspend()
    this.waitForTurn()
  }

  private noteTurn(): void {
    const { number } = this.connection.broker.turn
    if (this.turnNumber === number) return
    this.turnNumber = number
    this.turnOctets = 0
    this.turnCopies = 0
    this.turnMs = 0
  }

  private waitForTurn(): void {
    if (this.waitsForTurn) return
    const { connection } = this
    this.waitsForTurn = true
    connection.socket.pause()
    if (!connection.server.congestion.pause(connection)) connection.broker.turn.resumeLater(connection)
  }

  resumeReading(): void {
    this.waitsForTurn = false
    this.shareSpent = false
    const { step } = this
    this.step = undefined
    if (step !== undefined && this.connection.state === 'open') this.work(step)
    this.goOn()
  }

  // --- the disk ---

  /**
   * Runs an operation and sends its reply, where it changed something durable only once that is on disk; until then
   * the connection's next frames wait.
   * @param anyChange wait for whatever is on its way to the disk, not just for changes of metadata
   */
  stored(operation: () => ServerMethod | undefined, ch: Channel, anyChange = false): void {
    const { commit, turn } = this.connection.broker
    turn.pumpNow()
    const before = commit.changes
    const notices: (() => void)[] = []
    this.notices = notices
    let reply: ServerMethod | undefined
    try {
      reply = operation()
    } finally {
      this.notices = undefined
    }
    const answer = (): void => {
      if (reply !== undefined && !ch.closing) ch.send(reply)
      for (const notice of notices) notice()
    }
    const waits = anyChange ? commit.dirty : commit.changes !== before
    if (reply === undefined || !waits) answer()
    else this.suspendUntilFlushed(answer)
  }

  /** Tells a channel what has happened: behind the reply, where an operation of this connection is the reason. */
  tell(notice: () => void): void {
    if (this.notices === undefined) notice()
    else this.notices.push(notice)
  }

  private suspendUntilFlushed(action: (() => void) | undefined): void {
    const { commit, turn } = this.connection.broker
    this.awaitsFlush = true
    this.suspend()
    this.onFlushed = action
    this.flushNumber = commit.dirty ? commit.number : commit.number - 1
    commit.hurry()
    turn.schedule()
    this.connection.server.awaitFlush(this)
  }

  /** A batch is on disk. False where the connection waits for no further one. */
  flushed(): boolean {
    const { connection } = this
    if (!this.awaitsFlush || connection.state === 'closed') return false
    if (connection.broker.commit.flushed < this.flushNumber) return true
    const action = this.onFlushed
    this.onFlushed = undefined
    this.awaitsFlush = false
    if (action !== undefined) action()
    // Should it suspend itself again, it has put itself on the list again.
    this.goOn()
    return false
  }

  // --- alarms ---

  /** An alarm is on, and a publish has begun: the rest of it, and what comes behind, waits until the alarm is over. */
  block(): void {
    const { connection } = this
    if (this.blocked || connection.state !== 'open') return
    this.blocked = true
    this.suspend()
    if (connection.clientHas('connection.blocked'))
      connection.output.method(0, { id: MethodId.ConnectionBlocked, reason: connection.server.alarms.reason })
    connection.output.flush()
  }

  unblock(): void {
    if (!this.blocked) return
    const { connection } = this
    this.blocked = false
    if (connection.state !== 'open') return
    if (connection.clientHas('connection.blocked'))
      connection.output.method(0, { id: MethodId.ConnectionUnblocked })
    connection.output.flush()
    this.goOn()
  }

  // --- its own output ---

  /** The socket has taken what waited for it. */
  drained(): void {
    if (!this.outputFull) return
    this.outputFull = false
    this.goOn()
  }
}
