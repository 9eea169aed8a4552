// hot: per message
/** One client: its socket, its channels, its frames. Owns the states of a connection and the answer to every error. */
import type { Socket } from 'node:net'
import type { Broker } from '../broker/broker.ts'
import { Channel } from '../channel/channel.ts'
import { dispatch } from '../channel/dispatch.ts'
import { publish } from '../channel/publish.ts'
import {
  CLOSE_OK_MS_MAX,
  COMMIT_BYTES_MAX,
  FRAME_BYTES_MAX_BEFORE_LOGIN,
  FRAME_ERROR_MS,
  OUTPUT_BYTES_MAX,
} from '../limits.ts'
import type { Caller } from '../operations/caller.ts'
import { AmqpError, cutToShortString, frameError, ReplyCode } from '../protocol/errors.ts'
import type { FieldTable } from '../protocol/field-table.ts'
import { type FrameHandler, FrameReader } from '../protocol/frame-reader.ts'
import { MethodId } from '../protocol/generated/constants.ts'
import { decodeBasicPublish, decodeMethod } from '../protocol/generated/decode.ts'
import type { AnyMethod, ServerMethod } from '../protocol/generated/methods.ts'
import { plainView } from '../util/copy.ts'
import { ChannelTable } from './channel-table.ts'
import type { Heartbeat, HeartbeatPeer } from './heartbeat.ts'
import { Negotiation } from './negotiation.ts'
import { Output } from './output.ts'
import type { Server } from './server.ts'

const HEARTBEAT_FRAME = new Uint8Array([8, 0, 0, 0, 0, 0, 0, 0xce])
const PROTOCOL_HEADER_BYTES = 8

/** `closing`: the server has sent connection.close and waits for the answer. */
export type ConnectionState = 'negotiating' | 'open' | 'closing' | 'closed'

export class Connection implements FrameHandler, HeartbeatPeer {
  readonly server: Server
  readonly broker: Broker
  readonly output: Output
  readonly socket: Socket
  /** `host:port -> host:port` */
  readonly name: string
  state: ConnectionState = 'negotiating'
  /** No frames are handled until an operation is on disk. */
  suspended = false
  /** Octets of a frame, as negotiated; 0 = no limit. */
  frameBytesMax = 0
  channelMax = 0
  octetsReceived = 0
  heartbeat: Heartbeat | undefined
  /** Set by the negotiation. */
  caller: Caller | undefined
  clientProperties: FieldTable | undefined
  private readonly negotiation: Negotiation
  private readonly reader: FrameReader
  private readonly channels = new ChannelTable()
  /** Input that came while the connection was suspended. */
  private backlog: Buffer[] = []
  private readonly header: number[] = []
  /** The stream can no longer be read: whatever comes is dropped. */
  private deaf = false
  private chunk: Buffer | undefined
  private onFlushed: (() => void) | undefined
  private flushNumber = 0
  private outputFull = false
  private capabilities: FieldTable | undefined

  constructor(server: Server, socket: Socket) {
    this.server = server
    this.broker = server.broker
    this.socket = socket
    this.name = `${socket.remoteAddress}:${socket.remotePort} -> ${socket.localAddress}:${socket.localPort}`
    this.output = new Output(socket, server.broker.turn)
    this.reader = new FrameReader(this, FRAME_BYTES_MAX_BEFORE_LOGIN)
    this.negotiation = new Negotiation(this)
    socket.on('data', (chunk: Buffer) => this.received(chunk))
    socket.on('drain', () => this.drained())
    socket.on('error', (error) =>
      server.logger.debug({ connection: this.name, error: error.message }, 'socket error'),
    )
    socket.on('close', () => this.ended())
  }

  get octetsSent(): number {
    return this.output.written
  }

  private received(chunk: Buffer): void {
    this.octetsReceived += chunk.length
    if (this.suspended) this.backlog.push(chunk)
    else this.consume(chunk)
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
    this.chunk = undefined
    try {
      const input = this.header.length < PROTOCOL_HEADER_BYTES ? this.afterHeader(chunk) : chunk
      if (this.deaf || input.length === 0) return
      const used = this.reader.read(input)
      if (used < input.length) this.backlog.unshift(input.subarray(used))
    } catch (error) {
      this.failed(error, 0, 0)
    }
    if (this.broker.commit.pendingBytes > COMMIT_BYTES_MAX) this.suspendUntilFlushed(undefined)
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
    this.suspended = true
    this.socket.pause()
    this.onFlushed = action
    this.flushNumber = commit.dirty ? commit.number : commit.number - 1
    commit.hurry()
    turn.schedule()
    this.server.awaitFlush(this)
  }

  /** A batch is on disk. False where the connection waits for no further one. */
  flushed(): boolean {
    if (!this.suspended || this.state === 'closed') return false
    if (this.broker.commit.flushed < this.flushNumber) return true
    const action = this.onFlushed
    this.onFlushed = undefined
    this.suspended = false
    if (action !== undefined) action()
    // Should it suspend itself again, it has put itself on the list again.
    this.goOn()
    return false
  }

  private goOn(): void {
    while (!this.suspended && this.backlog.length > 0) this.consume(this.backlog.shift() as Buffer)
    if (!this.suspended && !this.outputFull) this.socket.resume()
  }

  private drained(): void {
    for (const ch of this.channels) ch.resumeConsumers()
    if (!this.outputFull) return
    this.outputFull = false
    if (!this.suspended) this.socket.resume()
  }

  // --- frames ---

  onPublish(
    number: number,
    buffer: Buffer,
    method: number,
    header: number,
    end: number,
    bodySize: number,
  ): void {
    const ch = this.channels.find(number)
    const exchangeBytes = buffer[method + 6] as number
    const keyAt = method + 7 + exchangeBytes
    const bitsAt = keyAt + 1 + (buffer[keyAt] as number)
    if (
      ch === undefined ||
      ch.closing ||
      this.state !== 'open' ||
      !ch.assembly.idle ||
      bitsAt !== header - 9
    ) {
      this.onMethod(number, buffer, method, header - 8)
      const bodyAt = bodySize === 0 ? end : end - 8 - bodySize
      this.onHeader(number, buffer, header, bodyAt - 1)
      if (bodySize > 0) this.onBody(number, buffer, end - 1 - bodySize, end - 1)
      return
    }
    const m = this.server.incoming
    if (this.chunk !== buffer) {
      this.chunk = buffer
      this.server.chunkView = plainView(buffer)
    }
    m.source = this.server.chunkView
    m.namesStart = method + 6
    m.namesEnd = bitsAt
    m.contentStart = header - 8
    m.contentEnd = end
    m.bodySize = bodySize
    m.adoptable = false
    try {
      publish(ch, m, buffer[bitsAt] as number)
    } catch (error) {
      this.failed(error, number, MethodId.BasicPublish)
    }
  }

  onMethod(number: number, buffer: Buffer, start: number, end: number): void {
    const id = buffer.readUInt32BE(start)
    try {
      if (number === 0) this.connectionMethod(id, buffer, start, end)
      else this.channelMethod(number, id, buffer, start, end)
    } catch (error) {
      this.failed(error, number, id)
    }
  }

  private connectionMethod(id: number, buffer: Buffer, start: number, end: number): void {
    if (this.state === 'closing' && id !== MethodId.ConnectionClose && id !== MethodId.ConnectionCloseOk)
      return
    this.negotiation.method(this.decode(id, buffer, start, end))
  }

  private channelMethod(number: number, id: number, buffer: Buffer, start: number, end: number): void {
    if (this.state !== 'open') {
      if (this.state === 'negotiating') throw this.negotiation.unexpected()
      return
    }
    const ch = this.channels.find(number)
    if (ch === undefined) {
      const m = this.decode(id, buffer, start, end)
      if (m.id !== MethodId.ChannelOpen)
        throw new AmqpError(ReplyCode.ChannelError, "expected 'channel.open'")
      this.openChannel(number)
      return
    }
    if (ch.closing) {
      if (id === MethodId.ChannelCloseOk) this.channels.remove(ch)
      else if (id === MethodId.ChannelClose) ch.send({ id: MethodId.ChannelCloseOk })
      return
    }
    ch.assembly.expectMethod()
    const args = buffer.subarray(start + 4, end)
    if (id === MethodId.BasicPublish) ch.assembly.begin(decodeBasicPublish(args), args)
    else dispatch(ch, this.decode(id, buffer, start, end))
  }

  /** @throws AmqpError 501 */
  private decode(id: number, buffer: Buffer, start: number, end: number): AnyMethod {
    const m = decodeMethod(id, buffer.subarray(start + 4, end))
    if (m === undefined) throw frameError(`unknown method ${id >>> 16}.${id & 0xffff}`)
    return m
  }

  private openChannel(number: number): void {
    if (this.channels.size >= this.channelMax)
      throw new AmqpError(
        ReplyCode.NotAllowed,
        `number of channels opened (${this.channels.size}) has reached the negotiated channel_max (${this.channelMax})`,
      )
    const ch = new Channel(this, number, this.caller as Caller)
    this.channels.add(ch)
    ch.send({ id: MethodId.ChannelOpenOk, channelId: Buffer.alloc(0) })
  }

  onHeader(number: number, buffer: Buffer, start: number, end: number): void {
    const ch = this.contentChannel(number)
    if (ch === undefined) return
    try {
      ch.assembly.header(buffer, start, end)
      if (ch.assembly.complete) this.publishAssembled(ch)
    } catch (error) {
      this.failed(error, number, MethodId.BasicPublish)
    }
  }

  onBody(number: number, buffer: Buffer, start: number, end: number): void {
    const ch = this.contentChannel(number)
    if (ch === undefined) return
    try {
      ch.assembly.body(buffer, start, end)
      if (ch.assembly.complete) this.publishAssembled(ch)
    } catch (error) {
      this.failed(error, number, MethodId.BasicPublish)
    }
  }

  /** undefined where content on that channel is to be ignored, or was an error. */
  private contentChannel(number: number): Channel | undefined {
    if (this.state !== 'open') return undefined
    const ch = this.channels.find(number)
    if (ch === undefined)
      this.failed(new AmqpError(ReplyCode.ChannelError, "expected 'channel.open'"), number, 0)
    return ch?.closing ? undefined : ch
  }

  private publishAssembled(ch: Channel): void {
    const { method, builder } = ch.assembly
    ch.assembly.reset()
    if (method === undefined || builder === undefined) return
    const m = this.server.incoming
    builder.fill(m)
    publish(ch, m, (method.mandatory ? 1 : 0) | (method.immediate ? 2 : 0))
  }

  onHeartbeat(number: number): void {
    if (number !== 0)
      this.failed(new AmqpError(ReplyCode.UnexpectedFrame, `unexpected heartbeat on channel ${number}`), 0, 0)
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
    this.server.logger.warn(fields, e.closes === 'channel' && ch ? 'channel error' : 'connection error')
    if (e.closes === 'channel' && ch !== undefined) this.closeChannelWith(ch, e, id)
    else this.close(e.code, e.replyText, id)
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
    this.channels.remove(ch)
  }

  /** Sends connection.close and waits for the answer, for a while. */
  close(code: ReplyCode, replyText: string, id = 0): void {
    if (this.state === 'closing' || this.state === 'closed') return
    this.state = 'closing'
    this.releaseAll()
    this.output.method(0, {
      id: MethodId.ConnectionClose,
      replyCode: code,
      replyText: cutToShortString(replyText),
      classId: id >>> 16,
      methodId: id & 0xffff,
    })
    this.suspended = false
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
    this.closeSocketAfter(1000)
  }

  /** Channels end, what was unacked goes back, exclusive queues go. */
  releaseAll(): void {
    for (const ch of this.channels) {
      ch.sendConfirms()
      ch.closing = true
      ch.release()
    }
    this.channels.clear()
    this.caller?.vhost.removeOwned(this)
    this.heartbeat?.stop()
  }

  private ended(): void {
    if (this.state === 'closed') return
    this.state = 'closed'
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
    if (this.capabilities === undefined) {
      const v = this.clientProperties?.get('capabilities')
      if (v?.type !== 'F') return false
      this.capabilities = v.value
    }
    const value = this.capabilities.get(capability)
    return value?.type === 't' && value.value
  }
}
