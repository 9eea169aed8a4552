// hot: per message
/** One client: its socket, its channels, its frames. Owns the states of a connection and the answer to every error. */
import type { Server as NetServer, Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Broker } from '../broker/broker.ts'
import type { Channel } from '../channel/channel.ts'
import {
  CLOSE_OK_MS_MAX,
  FRAME_BYTES_MAX_BEFORE_LOGIN,
  FRAME_ERROR_MS,
  OUTPUT_BYTES_MAX,
  READ_BYTES_PER_TURN,
  SOCKET_END_MS,
} from '../limits.ts'
import type { Caller } from '../operations/caller.ts'
import { AmqpError, cutToShortString, ReplyCode } from '../protocol/errors.ts'
import type { FieldTable } from '../protocol/field-table.ts'
import { FrameReader } from '../protocol/frame-reader.ts'
import { MethodId } from '../protocol/generated/constants.ts'
import type { ServerMethod } from '../protocol/generated/methods.ts'
import { announces } from './capabilities.ts'
import { ChannelTable } from './channel-table.ts'
import { Frames } from './frames.ts'
import type { Heartbeat, HeartbeatPeer } from './heartbeat.ts'
import { Negotiation } from './negotiation.ts'
import { Output } from './output.ts'
import { Peer } from './peer.ts'
import { readShared } from './reading.ts'
import type { Server } from './server.ts'

const HEARTBEAT_FRAME = new Uint8Array([8, 0, 0, 0, 0, 0, 0, 0xce])
const PROTOCOL_HEADER_BYTES = 8

/** `closing`: the server has sent connection.close and waits for the answer. */
export type ConnectionState = 'negotiating' | 'open' | 'closing' | 'closed'

export class Connection implements HeartbeatPeer {
  readonly server: Server
  readonly broker: Broker
  readonly output: Output
  readonly socket: Socket
  readonly peer: Peer
  mechanism = ''
  endReason = 'the client closed the socket'
  /** TLS. */
  readonly secure: boolean
  readonly connectedAt: number
  blocked = false
  /** `host:port -> host:port` */
  name: string
  state: ConnectionState = 'negotiating'
  /** Octets of a frame, as negotiated; 0 = no limit. */
  frameBytesMax = 0
  channelMax = 0
  octetsReceived = 0
  heartbeat: Heartbeat | undefined
  /** Set by the negotiation. */
  caller: Caller | undefined
  clientProperties: FieldTable | undefined
  readonly negotiation: Negotiation
  readonly channels = new ChannelTable()
  private readonly frames: Frames
  private readonly reader: FrameReader
  /** Input that came while the connection was suspended. */
  private backlog: Buffer[] = []
  private readonly header: number[] = []
  /** What was read is valid only during the call that brings it. */
  private readonly chunksAreReused: boolean
  /** The stream can no longer be read: whatever comes is dropped. */
  private deaf = false
  private onFlushed: (() => void) | undefined
  private flushNumber = 0
  private outputFull = false
  private turnNumber = 0
  private turnOctets = 0
  private waitsForTurn = false
  /** It counts no more. */
  private released = false

  constructor(server: Server, accepted: Socket, listener: NetServer | undefined) {
    this.server = server
    this.broker = server.broker
    const { socket, reused } = readShared(listener, accepted, (chunk) => this.received(chunk))
    this.socket = socket
    this.chunksAreReused = reused
    this.peer = new Peer(socket, server.proxies)
    this.secure = accepted instanceof TLSSocket
    this.connectedAt = server.broker.clock.now()
    this.name = this.peer.name
    this.output = new Output(socket, server.broker.turn)
    this.frames = new Frames(this)
    this.reader = new FrameReader(this.frames, FRAME_BYTES_MAX_BEFORE_LOGIN)
    this.negotiation = new Negotiation(this)
    socket.on('drain', () => this.drained())
    socket.on('error', (error) =>
      server.logger.debug({ connection: this.name, error: error.message }, 'socket error'),
    )
    socket.on('close', () => this.ended())
  }

  get octetsSent(): number {
    return this.output.written
  }

  get readingPaused(): boolean {
    return this.frames.suspended || this.outputFull || this.blocked
  }

  private afterProxyHeader(chunk: Buffer): Buffer | undefined {
    try {
      return this.peer.read(chunk)
    } catch (error) {
      this.server.logger.warn({ connection: this.name, err: error }, 'connection refused')
      this.socket.destroy()
      return undefined
    } finally {
      this.name = this.peer.name
    }
  }

  private received(given: Buffer): void {
    const chunk = this.peer.expectsHeader ? this.afterProxyHeader(given) : given
    if (chunk === undefined) return
    this.octetsReceived += chunk.length
    if (this.frames.suspended) this.backlog.push(this.kept(chunk))
    else this.consume(chunk)
    this.takeTurns(chunk.length)
  }

  /** The octets of a chunk, to stay as they are. */
  private kept(chunk: Buffer): Buffer {
    return this.chunksAreReused ? Buffer.from(chunk) : chunk
  }

  /** Nobody reads without end while others wait: a socket that has had its share goes on in the next turn. */
  private takeTurns(octets: number): void {
    const { turn } = this.broker
    if (this.turnNumber !== turn.number) {
      this.turnNumber = turn.number
      this.turnOctets = 0
    }
    this.turnOctets += octets
    if (this.turnOctets < READ_BYTES_PER_TURN || this.waitsForTurn) return
    this.waitsForTurn = true
    this.socket.pause()
    if (!this.server.congestion.pause(this)) turn.resumeLater(this)
  }

  resumeReading(): void {
    this.waitsForTurn = false
    this.readOn()
  }

  private readOn(): void {
    if (!this.readingPaused && !this.waitsForTurn) this.socket.resume()
  }

  /** The octets behind the protocol header, which is handled here. */
  private afterHeader(chunk: Buffer): Buffer {
    const rest = Math.min(PROTOCOL_HEADER_BYTES - this.header.length, chunk.length)
    for (let i = 0; i < rest; i++) this.header.push(chunk[i] as number)
    if (this.header.length === PROTOCOL_HEADER_BYTES && !this.negotiation.protocolHeader(this.header))
      this.deaf = true
    return chunk.subarray(rest)
  }

  private consume(chunk: Buffer): void {
    this.frames.newChunk()
    try {
      const input = this.header.length < PROTOCOL_HEADER_BYTES ? this.afterHeader(chunk) : chunk
      if (this.deaf || input.length === 0) return
      const used = this.reader.read(input)
      if (used < input.length) this.backlog.unshift(this.kept(input.subarray(used)))
    } catch (error) {
      this.failed(error, 0, 0)
    }
    if (!this.frames.suspended && this.broker.overloaded) this.suspendUntilFlushed(undefined)
    if (this.output.waiting > OUTPUT_BYTES_MAX) {
      this.outputFull = true
      this.socket.pause()
    }
  }

  /** Frame limits hold from tune-ok on. */
  setFrameBytesMax(max: number): void {
    this.frameBytesMax = max
    this.reader.frameBytesMax = max
  }

  /**
   * Runs an operation and sends its reply, where it changed something durable only once that is on disk; until then
   * the connection's next frames wait.
   * @param anyChange wait for whatever is on its way to the disk, not just for changes of metadata
   */
  stored(operation: () => ServerMethod | undefined, ch: Channel, anyChange = false): void {
    const { commit, turn } = this.broker
    turn.pumpNow()
    const before = commit.changes
    const reply = operation()
    if (reply === undefined) return
    const waits = anyChange ? commit.dirty : commit.changes !== before
    if (!waits) ch.send(reply)
    else
      this.suspendUntilFlushed(() => {
        if (!ch.closing) ch.send(reply)
      })
  }

  private suspendUntilFlushed(action: (() => void) | undefined): void {
    const { commit, turn } = this.broker
    this.frames.suspended = true
    this.socket.pause()
    this.onFlushed = action
    this.flushNumber = commit.dirty ? commit.number : commit.number - 1
    commit.hurry()
    turn.schedule()
    this.server.awaitFlush(this)
  }

  /** A batch is on disk. False where the connection waits for no further one. */
  flushed(): boolean {
    if (!this.frames.suspended || this.state === 'closed') return false
    if (this.broker.commit.flushed < this.flushNumber) return true
    const action = this.onFlushed
    this.onFlushed = undefined
    this.frames.suspended = this.blocked
    if (action !== undefined) action()
    // Should it suspend itself again, it has put itself on the list again.
    this.goOn()
    return false
  }

  private goOn(): void {
    while (!this.frames.suspended && this.backlog.length > 0) this.consume(this.backlog.shift() as Buffer)
    this.readOn()
  }

  /** An alarm is on, and the connection has just published: it is not read until the alarm is over. */
  block(): void {
    if (this.blocked || this.state !== 'open') return
    this.blocked = true
    this.frames.suspended = true
    this.socket.pause()
    if (this.clientHas('connection.blocked'))
      this.output.method(0, { id: MethodId.ConnectionBlocked, reason: this.server.alarms.reason })
    this.output.flush()
  }

  unblock(): void {
    if (!this.blocked) return
    this.blocked = false
    if (this.state !== 'open') return
    if (this.clientHas('connection.blocked')) this.output.method(0, { id: MethodId.ConnectionUnblocked })
    this.output.flush()
    if (this.flushNumber > this.broker.commit.flushed && this.onFlushed !== undefined) return
    this.frames.suspended = false
    this.goOn()
  }

  /** It gets no deliveries until its socket has drained. */
  congested(): void {
    this.server.congestion.began(this)
  }

  private drained(): void {
    this.server.congestion.ended(this)
    for (const ch of this.channels) ch.resumeConsumers()
    if (!this.outputFull) return
    this.outputFull = false
    this.readOn()
  }

  // --- errors and endings ---

  /** The answer to every error: the channel or the connection is closed with its code and text. */
  failed(error: unknown, number: number, id: number): void {
    if (this.state === 'closing' || this.state === 'closed') return
    const known = error instanceof AmqpError
    if (!known) this.server.logger.error({ connection: this.name, err: error }, 'internal error')
    const e = known ? error : new AmqpError(ReplyCode.InternalError, '', { cause: error })
    const ch = number === 0 ? undefined : this.channels.find(number)
    const fields = { connection: this.name, channel: number, code: e.code, text: e.replyText }
    if (e.closes === 'channel' && ch !== undefined) {
      this.server.loggers.channel.warn(fields, 'channel error')
      this.closeChannelWith(ch, e, id)
    } else {
      this.server.logger.warn(fields, 'connection error')
      this.close(e.code, e.replyText, id)
    }
    if (e.code !== ReplyCode.FrameError) return
    this.deaf = true
    this.closeSocketAfter(FRAME_ERROR_MS)
  }

  private closeChannelWith(ch: Channel, e: AmqpError, id: number): void {
    this.broker.turn.pumpNow()
    ch.sendConfirms()
    ch.closing = true
    ch.assembly.reset()
    ch.release()
    ch.send({
      id: MethodId.ChannelClose,
      replyCode: e.code,
      replyText: e.replyText,
      classId: id >>> 16,
      methodId: id & 0xffff,
    })
  }

  /** The client has closed the channel: its number is free as soon as it has been told. */
  closeChannel(ch: Channel): void {
    this.broker.turn.pumpNow()
    ch.sendConfirms()
    ch.closing = true
    ch.release()
    this.channelGone(ch)
  }

  /** Its number is free. */
  channelGone(ch: Channel): void {
    this.channels.remove(ch)
    this.broker.counters.channelsClosed++
    if (this.caller !== undefined) this.server.admission.leaveChannels(this.caller.user, 1)
  }

  /** Sends connection.close and waits for the answer, for a while. */
  close(code: ReplyCode, replyText: string, id = 0): void {
    if (this.state === 'closing' || this.state === 'closed') return
    this.state = 'closing'
    this.endReason = replyText
    this.releaseAll()
    this.output.method(0, {
      id: MethodId.ConnectionClose,
      replyCode: code,
      replyText: cutToShortString(replyText),
      classId: id >>> 16,
      methodId: id & 0xffff,
    })
    this.frames.suspended = false
    this.goOn()
    this.closeSocketAfter(CLOSE_OK_MS_MAX)
  }

  closeSocketAfter(ms: number): void {
    const timer = this.broker.clock.after(ms, () => this.socket.destroy())
    this.socket.once('close', () => timer.cancel())
  }

  /** Ends the socket once what was written is out. */
  endSocket(): void {
    this.output.flush()
    this.socket.end()
    this.closeSocketAfter(SOCKET_END_MS)
  }

  /** Channels end, what was unacked goes back, exclusive queues go. */
  releaseAll(): void {
    for (const ch of this.channels) {
      ch.sendConfirms()
      ch.closing = true
      ch.release()
    }
    const { caller } = this
    if (caller !== undefined && !this.released) {
      this.released = true
      this.server.admission.leaveChannels(caller.user, this.channels.size)
      this.broker.counters.channelsClosed += this.channels.size
      this.broker.counters.connectionsClosed++
      this.server.admission.leave(caller.user, caller.vhost.name)
    }
    this.channels.clear()
    caller?.vhost.removeOwned(this)
    this.heartbeat?.stop()
  }

  private ended(): void {
    if (this.state === 'closed') return
    this.state = 'closed'
    this.server.congestion.ended(this)
    this.releaseAll()
    this.backlog = []
    this.output.close()
    this.negotiation.ended()
    this.server.ended(this)
  }

  sendHeartbeat(): void {
    this.output.put(HEARTBEAT_FRAME)
  }

  peerIsGone(): void {
    this.server.logger.warn({ connection: this.name }, 'missed heartbeats from client')
    this.socket.destroy()
  }

  /** What the client has announced in its capabilities. */
  clientHas(capability: string): boolean {
    return announces(this.clientProperties, capability)
  }
}
