// hot: per message
/** Dispatches the frames of a connection to its channels. */
import { Channel } from '../channel/channel.ts'
import { dispatch } from '../channel/dispatch.ts'
import { checkPublish, publish } from '../channel/publish.ts'
import type { Caller } from '../operations/caller.ts'
import { AmqpError, frameError, ReplyCode } from '../protocol/errors.ts'
import type { FrameHandler } from '../protocol/frame-reader.ts'
import { MethodId } from '../protocol/generated/constants.ts'
import { decodeBasicPublish, decodeMethod } from '../protocol/generated/decode.ts'
import type { AnyMethod } from '../protocol/generated/methods.ts'
import { noOctets, Octets, plainView } from '../util/copy.ts'
import type { Connection } from './connection.ts'
import type { Pauses } from './pauses.ts'
import type { Server } from './server.ts'

/** Acknowledgements are cheap and frequent, so the clock is read only after this many. */
const ACKS_BETWEEN_LOOKS = 16

/** Methods that can dead-letter messages. */
const DEADLY: ReadonlySet<number> = new Set([
  MethodId.BasicReject,
  MethodId.BasicNack,
  MethodId.BasicRecover,
  MethodId.BasicRecoverAsync,
  MethodId.TxCommit,
])

export class Frames implements FrameHandler {
  /** Whether all further frames are dropped. */
  dropped = false
  /** Whether the client has ever published a message, or has begun to. */
  hasPublished = false
  /** Whether the chunk that is being read can have dead-lettered messages. */
  hasRejected = false
  private acks = 0
  private readonly connection: Connection
  private readonly server: Server
  private readonly pauses: Pauses
  /** The chunk that is being read, and its octets in the form from which they are copied. */
  private chunk: Buffer | undefined
  private octets = noOctets

  constructor(connection: Connection, pauses: Pauses) {
    this.connection = connection
    this.pauses = pauses
    this.server = connection.server
  }

  get suspended(): boolean {
    return this.dropped || this.pauses.framesWait
  }

  /** Whether publishes are held, because an alarm is active. */
  get holdsPublishes(): boolean {
    return this.server.blocking
  }

  /** Begins another chunk, and releases the previous one. */
  newChunk(): void {
    this.hasRejected = false
    this.chunk = undefined
    this.octets = noOctets
  }

  onPublish(
    number: number,
    buffer: Buffer,
    method: number,
    header: number,
    end: number,
    bodySize: number,
  ): void {
    this.hasPublished = true
    const ch = this.connection.channels.find(number)
    const exchangeBytes = buffer[method + 6] as number
    const keyAt = method + 7 + exchangeBytes
    const bitsAt = keyAt + 1 + (buffer[keyAt] as number)
    if (
      ch === undefined ||
      ch.closing ||
      this.connection.state !== 'open' ||
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
      this.octets = new Octets(plainView(buffer))
    }
    m.octets = this.octets
    m.namesStart = method + 6
    m.namesEnd = bitsAt
    m.contentStart = header - 8
    m.contentEnd = end
    m.bodySize = bodySize
    m.adoptable = false
    try {
      publish(ch, m, buffer[bitsAt] as number)
    } catch (error) {
      this.connection.failed(error, number, MethodId.BasicPublish)
    }
  }

  onMethod(number: number, buffer: Buffer, start: number, end: number): void {
    const id = buffer.readUInt32BE(start)
    try {
      if (number === 0) this.connectionMethod(id, buffer, start, end)
      else this.channelMethod(number, id, buffer, start, end)
    } catch (error) {
      this.connection.failed(error, number, id)
    }
  }

  private connectionMethod(id: number, buffer: Buffer, start: number, end: number): void {
    if (
      this.connection.state === 'closing' &&
      id !== MethodId.ConnectionClose &&
      id !== MethodId.ConnectionCloseOk
    )
      return
    this.connection.negotiation.method(this.decode(id, buffer, start, end))
  }

  private channelMethod(number: number, id: number, buffer: Buffer, start: number, end: number): void {
    if (this.connection.state !== 'open') {
      if (this.connection.state === 'negotiating') throw this.connection.negotiation.unexpected()
      return
    }
    const ch = this.connection.channels.find(number)
    if (ch === undefined) {
      const m = this.decode(id, buffer, start, end)
      if (m.id !== MethodId.ChannelOpen)
        throw new AmqpError(ReplyCode.ChannelError, "expected 'channel.open'")
      this.openChannel(number)
      return
    }
    if (ch.closing) {
      if (id === MethodId.ChannelCloseOk) this.connection.channelGone(ch)
      else if (id === MethodId.ChannelClose) ch.send({ id: MethodId.ChannelCloseOk })
      return
    }
    ch.assembly.expectMethod()
    const args = buffer.subarray(start + 4, end)
    if (id === MethodId.BasicAck) {
      dispatch(ch, this.decode(id, buffer, start, end))
      if (++this.acks % ACKS_BETWEEN_LOOKS === 0) this.connection.pace.handled()
    } else if (id === MethodId.BasicPublish) {
      this.hasPublished = true
      ch.assembly.begin(decodeBasicPublish(args), args)
      this.blockInAlarm()
    } else {
      if (DEADLY.has(id)) this.hasRejected = true
      dispatch(ch, this.decode(id, buffer, start, end))
      this.connection.intake.holdWhileOutputIsFull()
      this.connection.pace.handled()
    }
  }

  /** During an alarm, content that has begun waits too: thousands of channels may each have begun a large body. */
  private blockInAlarm(): void {
    if (this.server.blocking) this.connection.intake.block()
  }

  /** @throws AmqpError 501 */
  private decode(id: number, buffer: Buffer, start: number, end: number): AnyMethod {
    const m = decodeMethod(id, buffer.subarray(start + 4, end))
    if (m === undefined) throw frameError(`unknown method ${id >>> 16}.${id & 0xffff}`)
    return m
  }

  private openChannel(number: number): void {
    if (this.connection.channels.size >= this.connection.channelMax)
      throw new AmqpError(
        ReplyCode.NotAllowed,
        `number of channels opened (${this.connection.channels.size}) has reached the negotiated channel_max (${this.connection.channelMax})`,
      )
    const { server, caller } = this.connection
    server.admission.enterChannel((caller as Caller).user)
    server.broker.counters.channelsOpened++
    const ch = new Channel(this.connection, number, caller as Caller)
    this.connection.channels.add(ch)
    ch.send({ id: MethodId.ChannelOpenOk, channelId: Buffer.alloc(0) })
  }

  onHeader(number: number, buffer: Buffer, start: number, end: number): void {
    const ch = this.contentChannel(number)
    if (ch === undefined) return
    try {
      ch.assembly.header(buffer, start, end)
      const { method, builder } = ch.assembly
      // Checked already at the header, not only when the body is complete.
      checkPublish(ch, builder?.bodySize ?? 0, method?.immediate === true)
      if (ch.assembly.complete) this.publishAssembled(ch)
      else this.blockInAlarm()
    } catch (error) {
      this.connection.failed(error, number, MethodId.BasicPublish)
    }
  }

  onBody(number: number, buffer: Buffer, start: number, end: number): void {
    const ch = this.contentChannel(number)
    if (ch === undefined) return
    try {
      ch.assembly.body(buffer, start, end)
      if (ch.assembly.complete) this.publishAssembled(ch)
      else this.blockInAlarm()
    } catch (error) {
      this.connection.failed(error, number, MethodId.BasicPublish)
    }
  }

  /** The channel for content; undefined if content on that channel is ignored or was an error. */
  private contentChannel(number: number): Channel | undefined {
    if (this.connection.state !== 'open') return undefined
    const ch = this.connection.channels.find(number)
    if (ch === undefined)
      this.connection.failed(new AmqpError(ReplyCode.ChannelError, "expected 'channel.open'"), number, 0)
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
    // Frames that are ignored while closing must not cause an error each.
    if (number !== 0 && this.connection.state !== 'closing')
      this.connection.failed(
        new AmqpError(ReplyCode.UnexpectedFrame, `unexpected heartbeat on channel ${number}`),
        0,
        0,
      )
  }
}
