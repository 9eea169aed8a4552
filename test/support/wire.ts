/** A small AMQP client that can say anything, in any order: for what client libraries cannot be made to send. */
import { connect, type Socket } from 'node:net'
import { FieldTable, type PlainValue } from '../../src/protocol/field-table.ts'
import { type FrameHandler, FrameReader } from '../../src/protocol/frame-reader.ts'
import { encodeMethodFrame, FrameWriter } from '../../src/protocol/frame-writer.ts'
import {
  FRAME_BODY,
  FRAME_HEADER,
  MethodId,
  methodNames,
  PROTOCOL_HEADER,
} from '../../src/protocol/generated/constants.ts'
import { decodeMethod } from '../../src/protocol/generated/decode.ts'
import type { AnyMethod } from '../../src/protocol/generated/methods.ts'
import {
  decodeProperties,
  encodeProperties,
  type Properties,
} from '../../src/protocol/generated/properties.ts'
import { Conversation } from './record.ts'
import { until, WAIT_MS_MAX } from './until.ts'

export interface Received {
  readonly channel: number
  readonly method: AnyMethod
  properties?: Properties
  body?: Buffer
}

type MethodName<M> = M extends { id: infer I } ? I : never
export type MethodOf<Id> = Extract<AnyMethod, { id: Id }>

/** Everything about a method but its id, with the usual values filled in. */
export type Partially<Id extends MethodName<AnyMethod>> = Partial<Omit<MethodOf<Id>, 'id'>>

const defaults: Record<string, unknown> = {
  ticket: 0,
  arguments: FieldTable.empty,
  nowait: false,
  passive: false,
  durable: false,
  exclusive: false,
  autoDelete: false,
  internal: false,
  noLocal: false,
  noAck: false,
  mandatory: false,
  immediate: false,
  multiple: false,
  requeue: false,
  ifUnused: false,
  ifEmpty: false,
  queue: '',
  exchange: '',
  routingKey: '',
  consumerTag: '',
  outOfBand: '',
  prefetchSize: 0,
  prefetchCount: 0,
  global: false,
  replyCode: 200,
  replyText: 'bye',
  classId: 0,
  methodId: 0,
}

export function table(plain: { [name: string]: PlainValue }): FieldTable {
  return FieldTable.from(plain)
}

export class Wire implements FrameHandler {
  suspended = false
  /** All that came and was not asked for yet. */
  readonly inbox: Received[] = []
  heartbeats = 0
  closed = false
  /** Octets before the first frame: the answer to a wrong protocol header. */
  raw = Buffer.alloc(0)
  readonly socket: Socket
  private readonly reader = new FrameReader(this, 0)
  private pending: { entry: Received; missing: number; parts: Buffer[] } | undefined
  private readonly plain: boolean
  private wake: (() => void)[] = []
  private readonly conversation = new Conversation()

  constructor(socket: Socket, plain: boolean) {
    this.socket = socket
    this.plain = plain
    socket.on('data', (chunk: Buffer) => {
      if (this.plain) this.raw = Buffer.concat([this.raw, chunk])
      else this.reader.read(chunk)
      this.notify()
    })
    socket.on('error', () => {})
    const ended = (): void => {
      this.closed = true
      this.notify()
    }
    // The stream of a WebSocket only ends.
    socket.on('end', ended).on('close', ended)
  }

  private notify(): void {
    const list = this.wake
    this.wake = []
    for (const f of list) f()
  }

  /** A TCP connection on which nothing has been said. With `plain` the answer is kept as octets in `raw`. */
  static async socket(url: string, plain = false): Promise<Wire> {
    const { hostname, port } = new URL(url)
    const socket = connect({ port: Number(port), host: hostname, noDelay: true })
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return new Wire(socket, plain)
  }

  /** A connection after the handshake. */
  static async open(url: string, o: HandshakeOptions = {}): Promise<Wire> {
    const w = await Wire.socket(url)
    try {
      return await Wire.handshake(w, o)
    } catch (error) {
      w.socket.destroy()
      throw error
    }
  }

  /** The same over a socket that is there already. */
  static over(socket: Socket, o: HandshakeOptions = {}): Promise<Wire> {
    return Wire.handshake(new Wire(socket, false), o)
  }

  private static async handshake(w: Wire, o: HandshakeOptions): Promise<Wire> {
    w.write(PROTOCOL_HEADER)
    await w.expect(0, MethodId.ConnectionStart)
    w.sendStartOk(o)
    const tune = await w.expect(0, MethodId.ConnectionTune)
    w.send(0, MethodId.ConnectionTuneOk, {
      channelMax: o.channelMax ?? tune.channelMax,
      frameMax: o.frameMax ?? tune.frameMax,
      heartbeat: o.heartbeat ?? 0,
    })
    w.send(0, MethodId.ConnectionOpen, { virtualHost: o.vhost ?? '/', capabilities: '', insist: false })
    await w.expect(0, MethodId.ConnectionOpenOk)
    return w
  }

  sendStartOk(o: HandshakeOptions): void {
    this.send(0, MethodId.ConnectionStartOk, {
      clientProperties: table({
        ...o.clientProperties,
        capabilities: { consumer_cancel_notify: true, authentication_failure_close: true, ...o.capabilities },
      }),
      mechanism: o.mechanism ?? 'PLAIN',
      response: o.response ?? Buffer.from(`\0${o.user ?? 'guest'}\0${o.password ?? 'guest'}`),
      locale: 'en_US',
    })
  }

  write(octets: Uint8Array): void {
    this.socket.write(octets)
  }

  send<Id extends MethodName<AnyMethod>>(channel: number, id: Id, fields: Partially<Id> = {}): void {
    const m = methodFrom(id, fields)
    this.conversation.sent(channel, m as AnyMethod)
    this.write(encodeMethodFrame(channel, m))
  }

  /** Sends and waits for the answer of the given kind; anything else that comes first is an error. */
  async call<Id extends MethodName<AnyMethod>, R extends MethodName<AnyMethod>>(
    channel: number,
    id: Id,
    fields: Partially<Id>,
    answer: R,
  ): Promise<MethodOf<R>> {
    this.send(channel, id, fields)
    return this.expect(channel, answer)
  }

  async channel(number = 1): Promise<number> {
    await this.call(number, MethodId.ChannelOpen, {}, MethodId.ChannelOpenOk)
    return number
  }

  publish(channel: number, m: PublishOptions): void {
    const method = publishOf(m)
    this.conversation.sent(channel, method)
    this.write(contentFrames(channel, method, m))
  }

  /** The next thing on the channel, or on one of several. */
  async next(...channels: readonly number[]): Promise<Received> {
    const end = Date.now() + WAIT_MS_MAX
    for (;;) {
      const at = this.inbox.findIndex((r) => channels.includes(r.channel))
      if (at >= 0) return this.inbox.splice(at, 1)[0] as Received
      if (this.closed) throw new Error('the broker has closed the socket')
      if (Date.now() > end) throw new Error(`nothing came on channel ${channels}`)
      await this.change(end - Date.now())
    }
  }

  private change(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.wake.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  /** The next thing on the channel, which must be that method. */
  async receive<Id extends MethodName<AnyMethod>>(
    channel: number,
    id: Id,
  ): Promise<Received & { method: MethodOf<Id> }> {
    const r = await this.next(channel)
    if (r.method.id !== id)
      throw new Error(`expected ${methodNames[id]}, got ${methodNames[r.method.id]} ${describe(r.method)}`)
    return r as Received & { method: MethodOf<Id> }
  }

  async expect<Id extends MethodName<AnyMethod>>(channel: number, id: Id): Promise<MethodOf<Id>> {
    return (await this.receive(channel, id)).method
  }

  /** The channel is closed with that code and text (a part of it, or a pattern). The number is free afterwards. */
  async channelError(
    channel: number,
  ): Promise<{ code: number; text: string; classId: number; methodId: number }> {
    const m = await this.expect(channel, MethodId.ChannelClose)
    this.send(channel, MethodId.ChannelCloseOk)
    return { code: m.replyCode, text: m.replyText, classId: m.classId, methodId: m.methodId }
  }

  async connectionError(): Promise<{ code: number; text: string; classId: number; methodId: number }> {
    const m = await this.expect(0, MethodId.ConnectionClose)
    this.send(0, MethodId.ConnectionCloseOk)
    return { code: m.replyCode, text: m.replyText, classId: m.classId, methodId: m.methodId }
  }

  /** Resolves when the broker has closed the socket. */
  async gone(): Promise<void> {
    await until(() => this.closed, 'the end of the connection')
  }

  /** Resolves when the broker has ended the connection, with a close or without. */
  async over(): Promise<void> {
    const isOver = (): boolean =>
      this.closed || this.inbox.some((r) => r.method.id === MethodId.ConnectionClose)
    await until(isOver, 'the end of the connection')
    this.socket.destroy()
  }

  async close(): Promise<void> {
    if (this.closed) return
    this.send(0, MethodId.ConnectionClose)
    await this.expect(0, MethodId.ConnectionCloseOk)
    this.socket.destroy()
  }

  // --- FrameHandler ---

  onMethod(channel: number, buffer: Buffer, start: number, end: number): void {
    const id = buffer.readUInt32BE(start)
    const method = decodeMethod(id, Buffer.from(buffer.subarray(start + 4, end)))
    if (method === undefined) throw new Error(`unknown method ${id}`)
    this.conversation.received(channel, method)
    const entry: Received = { channel, method }
    const hasContent =
      id === MethodId.BasicDeliver || id === MethodId.BasicGetOk || id === MethodId.BasicReturn
    if (hasContent) this.pending = { entry, missing: -1, parts: [] }
    else this.inbox.push(entry)
  }

  onHeader(_channel: number, buffer: Buffer, start: number, end: number): void {
    if (this.pending === undefined) throw new Error('header without method')
    this.pending.missing = Number(buffer.readBigUInt64BE(start + 4))
    this.pending.entry.properties = decodeProperties(buffer.readUInt16BE(start + 12), buffer, start + 14, end)
    this.finish()
  }

  onBody(_channel: number, buffer: Buffer, start: number, end: number): void {
    if (this.pending === undefined) throw new Error('body without method')
    this.pending.parts.push(Buffer.from(buffer.subarray(start, end)))
    this.pending.missing -= end - start
    this.finish()
  }

  private finish(): void {
    if (this.pending?.missing !== 0) return
    this.pending.entry.body = Buffer.concat(this.pending.parts)
    this.inbox.push(this.pending.entry)
    this.pending = undefined
  }

  onPublish(): void {
    throw new Error('a server does not publish')
  }

  onHeartbeat(): void {
    this.heartbeats++
  }
}

function describe(m: AnyMethod): string {
  return m.id === MethodId.ChannelClose || m.id === MethodId.ConnectionClose ? m.replyText : ''
}

export interface HandshakeOptions {
  user?: string
  password?: string
  vhost?: string
  mechanism?: string
  response?: Buffer
  channelMax?: number
  frameMax?: number
  heartbeat?: number
  capabilities?: { [name: string]: boolean }
  clientProperties?: Parameters<typeof table>[0]
}

export interface PublishOptions {
  exchange?: string
  routingKey?: string
  mandatory?: boolean
  immediate?: boolean
  properties?: Properties
  body?: Buffer | string
  /** Largest body frame payload. */
  split?: number
}

export function methodFrom<Id extends MethodName<AnyMethod>>(id: Id, fields: Partially<Id>): MethodOf<Id> {
  // Inherited, not copied: an object with so many members of its own is a slow one.
  return Object.assign(Object.create(defaults), fields, { id }) as MethodOf<Id>
}

/** Its own, because tests publish by the ten thousand. */
function publishOf(m: PublishOptions): MethodOf<typeof MethodId.BasicPublish> {
  const { exchange = '', routingKey = '', mandatory = false, immediate = false } = m
  return { id: MethodId.BasicPublish, ticket: 0, exchange, routingKey, mandatory, immediate }
}

export function headerPayload(bodySize: number | bigint, properties?: Properties): Buffer {
  if (properties === undefined) {
    const plain = Buffer.alloc(14)
    plain[1] = 60
    plain.writeBigUInt64BE(BigInt(bodySize), 4)
    return plain
  }
  const w = new FrameWriter()
  w.u16(60)
  w.u16(0)
  w.u64(bodySize)
  encodeProperties(w, properties)
  return Buffer.from(w.view())
}

export function publishFrames(channel: number, m: PublishOptions): Buffer {
  return contentFrames(channel, publishOf(m), m)
}

function contentFrames(channel: number, method: AnyMethod, m: PublishOptions): Buffer {
  const body = Buffer.from(m.body ?? '')
  const w = new FrameWriter(256 + body.length)
  w.method(channel, method)
  w.frame(FRAME_HEADER, channel, headerPayload(body.length, m.properties))
  const split = m.split ?? 100_000
  for (let at = 0; at < body.length; at += split) w.frame(FRAME_BODY, channel, body.subarray(at, at + split))
  return w.view()
}
