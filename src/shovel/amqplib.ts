/**
 * amqplib, modified to pass contents through unchanged. The original decodes headers to JavaScript values and guesses
 * types when it encodes them: numbers beyond 2^53 are rounded, 1.0 becomes an integer, and octets that are not UTF-8
 * are lost. Here the properties keep their original octets and are written from them. Only a private copy of its
 * modules is modified: the program's own amqplib, if there is one, is unaffected.
 */
import type { EventEmitter } from 'node:events'
import { dirname, join } from 'node:path'
import type { Duplex } from 'node:stream'
import type { ConfirmChannel, ConsumeMessage } from 'amqplib'
import nodeRequire from '#require'
import { TURN_MS } from '../limits.ts'
import { MethodId } from '../protocol/generated/constants.ts'
import { ShareOfTurn, soon, whenThereIsTime } from '../util/timers.ts'
import { type Confirmed, Confirms } from './confirms.ts'
import {
  LINK_ANSWERS_MAX,
  LINK_FRAMES_MIN,
  LINK_OCTETS_PER_FRAME,
  LINK_OUTPUT_BYTES_MAX,
} from './link-limits.ts'

/** The encoded flags and properties, as in a content header. */
const RAW = Symbol('properties')

const BASIC_PROPERTIES = 60
const FRAME_HEADER = 2
const FRAME_END = 0xce
/** Octets of class, weight and body size. */
const HEADER_PREFIX = 12

export interface OpenFields {
  readonly clientProperties: object
  readonly mechanism: string
  readonly response: Buffer
  readonly locale: string
  readonly channelMax: number
  readonly frameMax: number
  /** In seconds; 0 = none, null = as the server proposes */
  readonly heartbeat: number | null
  readonly maxFrameSize: number
  /** Octets of a message that arrives: the link fails beyond. */
  readonly messageBytesMax: number
  readonly virtualHost: string
  readonly capabilities: string
  readonly insist: number
}

/** A decoded frame: `id` is that of a method, `size` that of a content header, `content` that of a body. */
interface Frame {
  readonly channel: number
  readonly id?: number
  readonly size?: number
  readonly content?: Buffer
}

interface RawConnection extends EventEmitter {
  recvFrame(): Frame | false
  /** Whether anything was received since the last call. */
  checkRecv(): boolean
  /** Input that is not decoded yet. */
  readonly rest: Buffer
  open(fields: OpenFields, done: (error: Error | null) => void): void
  readonly serverProperties: object
  readonly stream: Duplex
  /** Channels by number, each with the frames that wait for the stream. */
  readonly channels: readonly ({ readonly buffer: Duplex; readonly channel: object } | null | undefined)[]
}

/** The part of amqplib's ChannelModel that is used. */
export interface Client extends EventEmitter {
  readonly connection: RawConnection
  createConfirmChannel(): Promise<LinkChannel>
  createChannel(): Promise<LinkChannel>
  close(): Promise<void>
}

export interface LinkChannel extends ConfirmChannel {
  sendMessage(fields: object, properties: object, content: Buffer): boolean
}

interface Modules {
  readonly Connection: new (stream: Duplex) => RawConnection
  readonly ChannelModel: new (connection: RawConnection) => Client
}

interface Defs {
  decode(id: number, octets: Buffer): object
  encodeProperties(id: number, channel: number, size: number, fields: object): Buffer
}

function headerFrame(channel: number, size: number, properties: Buffer): Buffer {
  const payload = HEADER_PREFIX + properties.length
  const frame = Buffer.allocUnsafe(7 + payload + 1)
  frame.writeUInt8(FRAME_HEADER, 0)
  frame.writeUInt16BE(channel, 1)
  frame.writeUInt32BE(payload, 3)
  frame.writeUInt16BE(BASIC_PROPERTIES, 7)
  frame.writeUInt16BE(0, 9)
  frame.writeBigUInt64BE(BigInt(size), 11)
  properties.copy(frame, 7 + HEADER_PREFIX)
  frame.writeUInt8(FRAME_END, 7 + payload)
  return frame
}

/** Must run before the library's other modules import functions of `defs`. */
function keepOctets(defs: Defs): void {
  const { decode, encodeProperties } = defs
  defs.decode = (id, octets) =>
    id === BASIC_PROPERTIES ? { [RAW]: Buffer.from(octets) } : decode(id, octets)
  defs.encodeProperties = (id, channel, size, fields) => {
    const raw = (fields as { [RAW]?: Buffer })[RAW]
    return raw === undefined ? encodeProperties(id, channel, size, fields) : headerFrame(channel, size, raw)
  }
}

let modules: Modules | undefined

/** Confirms of the channels on which they are enabled. */
const confirms = new WeakMap<object, Confirms>()
const nobody = {}

function load(): Modules {
  const folder = join(dirname(nodeRequire.resolve('amqplib')), 'lib')
  const inFolder = (): string[] => Object.keys(nodeRequire.cache).filter((file) => file.startsWith(folder))
  const others = new Map(inFolder().map((file) => [file, nodeRequire.cache[file]]))
  for (const file of others.keys()) delete nodeRequire.cache[file]
  try {
    keepOctets(nodeRequire(join(folder, 'defs.js')) as Defs)
    const { Connection } = nodeRequire(join(folder, 'connection.js')) as Modules
    const { ChannelModel } = nodeRequire(join(folder, 'channel_model.js')) as Modules
    return { Connection, ChannelModel }
  } finally {
    for (const file of inFolder()) delete nodeRequire.cache[file]
    for (const [file, module] of others) nodeRequire.cache[file] = module
  }
}

/** Frames without content that are handled between two checks of the time. */
const FRAMES_PER_LOOK = 16
/** Octets that count as one more frame: a table of 128 KiB takes some ms to decode, whatever it is in. */
const OCTETS_PER_FRAME = 1024
/** Octets of a frame before its payload; the size of the payload is the last of its fields. */
const FRAME_HEAD = 7

const holds = new WeakMap<RawConnection, (on: boolean) => void>()

/** Stops reading what the other broker sends, or continues. */
export function holdInput({ connection }: Client, on: boolean): void {
  holds.get(connection)?.(on)
}

/** Shared by all links. */
const reading = new ShareOfTurn(TURN_MS)

/**
 * Spreads the library's work over turns: it would handle all input that has arrived, up to 2 MiB in a turn, which may
 * be a hundred thousand frames. When the time of the turn is used up, it is told that there are no more frames, and in
 * a later turn that the stream is readable again.
 */
function takeTurns(connection: RawConnection): void {
  const receive = connection.recvFrame.bind(connection)
  let left = FRAMES_PER_LOOK
  let waits = false
  let held = false
  const heard = connection.checkRecv.bind(connection)
  // The other broker's heartbeats are not read meanwhile.
  connection.checkRecv = () => heard() || held
  holds.set(connection, (on) => {
    held = on
    if (!on) soon(() => connection.stream.emit('readable'))
  })
  connection.recvFrame = () => {
    if (waits || held) return false
    const { rest } = connection
    left -= 1 + (rest.length < FRAME_HEAD ? 0 : rest.readUInt32BE(FRAME_HEAD - 4) / OCTETS_PER_FRAME)
    if (left > 0) return receive()
    left = FRAMES_PER_LOOK
    if (reading.hasTime()) return receive()
    waits = true
    whenThereIsTime(() => {
      waits = false
      connection.stream.emit('readable')
    })
    return false
  }
}

/**
 * Limits the frames of messages. The library collects the frames of a message until its announced size is reached, and
 * keeps each frame: the other broker must not announce a message that never ends, or send it in frames that cost more
 * than they carry. A message that is too large is refused here, before it is in memory, with the words of a broker.
 */
function boundContents(connection: RawConnection, bytesMax: number): void {
  const receive = connection.recvFrame.bind(connection)
  /** Frames that the message of each channel may still have. */
  const left = new Map<number, number>()
  connection.recvFrame = () => {
    const frame = receive()
    if (frame === false) return false
    checkOutput(connection, frame)
    checkConfirm(connection, frame)
    const { channel, size, content } = frame
    if (size !== undefined) {
      if (size < 0) throw new Error(`the other broker announces a message of ${size} octets`)
      if (size > bytesMax)
        throw new Error(
          `PRECONDITION_FAILED - message size ${size} is larger than configured max size ${bytesMax}`,
        )
      left.set(channel, LINK_FRAMES_MIN + Math.ceil(size / LINK_OCTETS_PER_FRAME))
    } else if (content !== undefined) {
      const more = (left.get(channel) ?? 0) - 1
      if (more < 0) throw new Error('the other broker sends a message in too many frames')
      left.set(channel, more)
    }
    return frame
  }
}

/**
 * Checks that the other broker reads the replies that it causes: each repeated close is answered by a close-ok, and
 * deliveries by acknowledgements. @throws Error
 */
function checkOutput({ stream, channels }: RawConnection, { channel, id }: Frame): void {
  const waiting = id === MethodId.BasicDeliver ? channels[channel]?.buffer : undefined
  const answers = waiting === undefined ? 0 : waiting.writableLength + waiting.readableLength
  if (stream.writableLength > LINK_OUTPUT_BYTES_MAX || answers > LINK_ANSWERS_MAX)
    throw new Error('the other broker does not read what it is answered')
}

/** Rejects confirms on channels without them, since the library would accept them on any channel. @throws Error */
function checkConfirm({ channels }: RawConnection, { channel: number, id }: Frame): void {
  if (id !== MethodId.BasicAck && id !== MethodId.BasicNack) return
  const { channel = nobody } = channels[number] ?? {}
  if (!confirms.has(channel))
    throw new Error('the other broker confirms messages on a channel without confirms')
}

/** Logs in over a connected stream. @throws the error of the handshake */
export async function openClient(stream: Duplex, fields: OpenFields): Promise<Client> {
  modules ??= load()
  const connection = new modules.Connection(stream)
  boundContents(connection, fields.messageBytesMax)
  takeTurns(connection)
  const { ChannelModel } = modules
  await new Promise<void>((resolve, reject) =>
    connection.open(fields, (error) => (error === null ? resolve() : reject(error))),
  )
  return new ChannelModel(connection)
}

/** The encoded flags and properties of a delivered message. */
export function propertiesOf(m: ConsumeMessage): Buffer {
  return (m.properties as unknown as { [RAW]: Buffer })[RAW]
}

export interface Publication {
  readonly exchange: string
  readonly routingKey: string
  readonly mandatory?: boolean
  readonly properties: Buffer
  readonly content: Buffer
}

/**
 * Makes confirms of this channel be handled here and no longer by the library.
 * @param wrong called if the other broker confirms a message that it was not sent
 */
export function hearConfirms(ch: LinkChannel, wrong: (error: Error) => void): void {
  const own = new Confirms()
  confirms.set(ch, own)
  const hear = (event: string, taken: boolean): void => {
    ch.removeAllListeners(event)
    ch.on(event, ({ deliveryTag, multiple }: { deliveryTag: number; multiple: boolean }) => {
      try {
        own.answered(deliveryTag, multiple, taken)
      } catch (error) {
        wrong(error as Error)
      }
    })
  }
  hear('ack', true)
  hear('nack', false)
}

/**
 * @param settled on a channel of `hearConfirms`: called when the broker has confirmed or rejected the message
 * @returns false if the channel's output buffer is full, until `drain`
 */
export function publish(
  ch: LinkChannel,
  { exchange, routingKey, mandatory = false, properties, content }: Publication,
  settled: Confirmed,
): boolean {
  const room = ch.sendMessage(
    { exchange, routingKey, mandatory, immediate: false, ticket: 0 },
    { [RAW]: properties },
    content,
  )
  confirms.get(ch)?.sent(settled)
  return room
}
