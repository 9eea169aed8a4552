// hot: per message
/** One client: its socket, its channels, its frames. Owns the states of a connection and the answer to every error. */
import type { Server as NetServer, Socket } from 'node:net'
import { TLSSocket, Server as TlsServer } from 'node:tls'
import type { Broker } from '../broker/broker.ts'
import { type Steps, WAIT } from '../broker/jobs.ts'
import type { Channel } from '../channel/channel.ts'
import type { ChannelLimits, Client, DurableWaiter } from '../channel/client.ts'
import { CHANNELS_PER_STEP, CLOSE_OK_MS_MAX, FRAME_ERROR_MS, SOCKET_END_MS } from '../limits.ts'
import type { Caller } from '../operations/caller.ts'
import { Output } from '../output/output.ts'
import { type Sending, SendTimeout } from '../output/send-timeout.ts'
import { AmqpError, cutToShortString, ReplyCode } from '../protocol/errors.ts'
import type { FieldTable } from '../protocol/field-table.ts'
import { MethodId } from '../protocol/generated/constants.ts'
import type { ServerMethod } from '../protocol/generated/methods.ts'
import { type Clock, clockOf } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { charged } from '../util/owner.ts'
import { announces } from './capabilities.ts'
import { ChannelTable } from './channel-table.ts'
import type { Heartbeat, HeartbeatPeer } from './heartbeat.ts'
import { Intake } from './intake.ts'
import { Negotiation } from './negotiation.ts'
import { PAUSE_ALARM, PAUSE_WORK, Pauses } from './pauses.ts'
import { Peer } from './peer.ts'
import { readShared } from './reading.ts'
import { Replies } from './replies.ts'
import { applyRights } from './rights.ts'
import type { Server } from './server.ts'
import { TurnShare } from './turn-share.ts'

const HEARTBEAT_FRAME = new Uint8Array([8, 0, 0, 0, 0, 0, 0, 0xce])

/** Turns in which it is checked whether earlier work is done; after that, it is checked less often. */
const LOOKS_MAX = 1000

function* nothing(): Steps {}

/** `closing`: the server has sent connection.close and waits for the answer. */
export type ConnectionState = 'negotiating' | 'open' | 'closing' | 'closed'

export class Connection implements Client, HeartbeatPeer, Sending {
  readonly server: Server
  readonly broker: Broker
  readonly output: Output
  readonly socket: Socket
  readonly peer: Peer
  mechanism = ''
  endReason = 'the client closed the socket'
  /** The client's own TLS, if it uses any: with TLS between nodes, a relayed client comes over that of the other node. */
  readonly tls: TLSSocket | undefined
  readonly connectedAt: number
  /** Charges errors of timers to this connection. */
  readonly clock: Clock
  /** `host:port -> host:port` */
  name: string
  state: ConnectionState = 'negotiating'
  /** Maximum octets of a frame, as negotiated; 0 = no limit. */
  frameBytesMax = 0
  channelMax = 0
  heartbeat: Heartbeat | undefined
  /** Set by the negotiation. */
  caller: Caller | undefined
  clientProperties: FieldTable | undefined
  readonly negotiation: Negotiation
  private readonly sendTimeout: SendTimeout
  readonly channels = new ChannelTable()
  private readonly pauses: Pauses
  readonly pace: TurnShare
  readonly replies: Replies
  readonly intake: Intake
  /** Whether it is no longer counted. */
  private released = false

  constructor(server: Server, accepted: Socket, listener: NetServer | undefined) {
    this.server = server
    this.broker = server.broker
    const { socket, reused } = readShared(listener, accepted, this)
    this.socket = socket
    this.tls = listener instanceof TlsServer && accepted instanceof TLSSocket ? accepted : undefined
    // With TLS, the header has come before the handshake. In a WebSocket, it could only be the client's own.
    const announced = listener !== undefined && this.tls === undefined
    this.peer = new Peer(socket, announced ? server.proxies : undefined)
    this.connectedAt = server.broker.clock.now()
    this.name = this.peer.name
    this.clock = clockOf(this, server.broker.clock)
    const sending = { watch: () => this.sendTimeout.watch() }
    this.output = new Output(socket, server.broker.turn, { failed: (error) => this.broke(error) }, sending)
    this.sendTimeout = new SendTimeout(server.admission.limits.sendTimeoutMs, this.clock, this)
    this.pauses = new Pauses(socket)
    this.pace = new TurnShare(this, this.pauses)
    this.replies = new Replies(this, this.pauses)
    this.intake = new Intake(this, this.pauses, this.pace, reused)
    this.negotiation = new Negotiation(this)
    socket.on('drain', () => charged(this, () => this.drained()))
    socket.on('error', (error) =>
      server.logger.debug({ connection: this.name, error: error.message }, 'socket error'),
    )
    server.endings.watch(socket, reused, this.output, { failed: (e) => this.note(e) }, () => this.ended())
  }

  /** Whether it has not opened a vhost yet. */
  get isStranger(): boolean {
    return this.caller === undefined
  }

  get octetsSent(): number {
    return this.output.written
  }

  get octetsReceived(): number {
    return this.intake.octets
  }

  get blocked(): boolean {
    return this.pauses.has(PAUSE_ALARM)
  }

  get readingPaused(): boolean {
    return this.pauses.framesWait
  }

  private afterProxyHeader(chunk: Buffer): Buffer | undefined {
    try {
      return this.peer.read(chunk)
    } catch (error) {
      this.server.doorLines.warn({ connection: this.name, err: error }, 'connection refused')
      this.socket.destroy()
      return undefined
    } finally {
      this.name = this.peer.name
      this.server.unopened.moved(this.socket, this.peer.address)
    }
  }

  received(given: Buffer): void {
    try {
      const chunk = this.peer.expectsHeader ? this.afterProxyHeader(given) : given
      if (chunk !== undefined) this.intake.received(chunk)
    } catch (error) {
      this.failed(error)
    }
  }

  resumeReading(): void {
    this.intake.resumeReading()
  }

  /** Sets the frame limit, which holds from tune-ok on. */
  setFrameBytesMax(max: number): void {
    this.frameBytesMax = max
    this.intake.reader.frameBytesMax = max
  }

  /** Called when tags or permissions of its user have changed. */
  rightsChanged(): void {
    for (const _ of applyRights(this));
  }

  /** Called when its socket is full: there are no deliveries until it has drained. Nothing drains after the end. */
  congested(): void {
    if (this.state !== 'closed') this.server.backpressure.began(this)
  }

  private drained(): void {
    this.server.backpressure.ended(this)
    for (const ch of this.channels) ch.resumeConsumers()
    this.intake.drained()
  }

  // --- errors and endings ---

  /** Answers an error: closes the channel or the connection with its code and text. */
  failed(error: unknown, number = 0, id = 0): void {
    const known = error instanceof AmqpError
    if (!known) this.note(error)
    try {
      this.answer(known ? error : new AmqpError(ReplyCode.InternalError, '', { cause: error }), number, id)
    } catch (another) {
      this.broke(another)
    }
  }

  private note(error: unknown): void {
    this.broker.failures.note('connection', { connection: this.name }, error)
  }

  /** Closes the socket without notice, because the connection's state or output is corrupt. */
  broke(error: unknown): void {
    this.note(error)
    this.output.breakOff()
    this.socket.destroy()
  }

  private answer(e: AmqpError, number: number, id: number): void {
    if (this.state === 'closing' || this.state === 'closed') return
    const ch = number === 0 ? undefined : this.channels.find(number)
    const fields = { connection: this.name, channel: number, code: e.code, text: e.replyText }
    if (e.closes === 'channel' && ch !== undefined) {
      this.server.loggers.channel.warn(fields, 'channel error')
      this.closeChannelWith(ch, e, id)
    } else {
      const lines = this.state === 'negotiating' ? this.server.doorLines : this.server.logger
      lines.warn(fields, 'connection error')
      this.close(e.code, e.replyText, id)
    }
    if (e.code !== ReplyCode.FrameError) return
    this.intake.stopListening()
    this.closeSocketAfter(FRAME_ERROR_MS)
  }

  private closeChannelWith(ch: Channel, e: AmqpError, id: number): void {
    ch.close()
    this.inBackground(this.afterWork(() => ch.releasing()))
    ch.send({
      id: MethodId.ChannelClose,
      replyCode: e.code,
      replyText: e.replyText,
      classId: id >>> 16,
      methodId: id & 0xffff,
    })
  }

  /** Closes a channel at the client's request. @param tell sends the reply, once the channel's number is free */
  closeChannel(ch: Channel, tell: () => void): void {
    ch.close()
    this.pace.work(ch.releasing(), () => {
      if (!this.channelGone(ch)) return
      tell()
    })
  }

  /** Frees the channel's number. False if the channel has been removed already, with its connection. */
  channelGone(ch: Channel): boolean {
    if (this.channels.find(ch.number) !== ch) return false
    this.channels.remove(ch)
    this.broker.counters.channelsClosed++
    this.caller?.vhost.gone.channels.addChannel(ch.counters)
    if (this.caller !== undefined) this.server.admission.leaveChannels(this.caller.user, 1)
    return true
  }

  private inBackground(steps: Steps, done?: () => void): void {
    this.broker.turn.jobs.begin(steps, { failed: (error) => this.note(error) }, done)
  }

  /** Runs the steps once everything that the client has requested before is done. */
  private *afterWork(steps: () => Steps): Steps {
    for (let looks = 0; this.pauses.has(PAUSE_WORK); looks++) yield looks < LOOKS_MAX ? undefined : WAIT
    yield* steps()
  }

  /** Sends connection.close and waits for the reply, for a limited time. */
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
    this.intake.closing()
    this.closeSocketAfter(CLOSE_OK_MS_MAX)
  }

  closeSocketAfter(ms: number): void {
    const timer = this.clock.after(ms, () => this.socket.destroy())
    this.socket.once('close', () => timer.cancel())
  }

  /** Ends the socket once all output has been sent. Further input is dropped. */
  endSocket(): void {
    this.intake.stopListening()
    this.output.finish()
    this.socket.end()
    this.closeSocketAfter(SOCKET_END_MS)
  }

  /**
   * Ends the channels, requeues unacknowledged messages, and deletes exclusive queues.
   * @param done called when all of that is done, which may take several turns
   */
  releaseAll(done?: () => void): void {
    const channels = [...this.channels]
    for (const ch of channels) {
      charged({ failed: (error) => this.note(error) }, () => ch.sendConfirms())
      ch.closing = true
    }
    const { caller } = this
    const { user } = this.negotiation
    if (user !== undefined) this.server.rights.remove(user.name, this)
    if (caller !== undefined && !this.released) {
      this.released = true
      this.server.admission.leaveChannels(caller.user, this.channels.size)
      this.broker.counters.channelsClosed += this.channels.size
      this.broker.counters.connectionsClosed++
      caller.vhost.gone.addConnection(this)
      this.server.admission.leave(caller.user, caller.vhost.name)
    }
    this.channels.clear()
    this.heartbeat?.stop()
    this.inBackground(
      this.afterWork(() => this.releasing(channels)),
      done,
    )
  }

  /** A failure does not prevent the other endings. All consumers are cancelled before anything is requeued. */
  private *releasing(channels: readonly Channel[]): Steps {
    const { caller } = this
    const endings = [
      ...channels.map((ch) => () => ch.cancelling()),
      ...channels.map((ch) => () => ch.returning()),
      () => caller?.vhost.removingOwned(this) ?? nothing(),
    ]
    for (const [i, ending] of endings.entries()) {
      if (i > 0 && i % CHANNELS_PER_STEP === 0) yield
      try {
        yield* ending()
      } catch (error) {
        this.note(error)
      }
    }
  }

  private ended(): void {
    if (this.state === 'closed') return
    this.state = 'closed'
    this.server.backpressure.ended(this)
    this.releaseAll()
    this.intake.ended()
    this.sendTimeout.stop()
    this.output.close()
    this.negotiation.ended()
    this.server.ended(this)
  }

  sendHeartbeat(): void {
    this.output.put(HEARTBEAT_FRAME)
    this.output.flush()
  }

  get waiting(): number {
    return this.output.waiting
  }

  get octetsGone(): number {
    return this.output.octetsGone
  }

  get octetsQueued(): number {
    return this.output.octetsQueued
  }

  stalled(): void {
    this.endReason = 'the client took nothing of what was sent to it'
    this.server.logger.warn({ connection: this.name, octets: this.waiting }, 'send timeout')
    this.socket.destroy()
  }

  peerIsGone(): void {
    this.server.logger.warn({ connection: this.name }, 'missed heartbeats from client')
    this.socket.destroy()
  }

  // --- what its channels need ---

  get limits(): ChannelLimits {
    return this.server.admission.limits
  }

  get channelLogger(): Logger {
    return this.server.loggers.channel
  }

  replyWhenDurable(ch: Channel, operation: () => ServerMethod | undefined): void {
    this.replies.whenDurable(ch, operation)
  }

  replyWhenAllDurable(ch: Channel, steps: Steps<ServerMethod>, id: MethodId, waits: Steps<boolean>): void {
    this.replies.whenAllDurable(ch, steps, id, waits)
  }

  notify(send: () => void): void {
    this.replies.notify(send)
  }

  awaitDurable(w: DurableWaiter): void {
    this.server.awaitDurable(w)
  }

  has(capability: string): boolean {
    return announces(this.clientProperties, capability)
  }
}
