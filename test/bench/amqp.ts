/** The client side of the benchmark: raw frames written ahead of time, and a reader that only counts. */
import { connect, type Socket } from 'node:net'
import { FieldTable, type PlainValue } from '../../src/protocol/field-table.ts'
import { FrameWriter } from '../../src/protocol/frame-writer.ts'
import {
  FRAME_BODY,
  FRAME_HEADER,
  MethodId,
  PROTOCOL_HEADER,
} from '../../src/protocol/generated/constants.ts'
import type { AnyMethod } from '../../src/protocol/generated/methods.ts'

const DELIVER = 0x003c003c
const ACK = 0x003c0050
const NACK = 0x003c0078
/** Octets read at once; the memory is used again and again. */
const READ_BYTES = 256 * 1024
const LARGE_BODY_BYTES = 16 * 1024

export interface Handlers {
  /** A delivery is complete; `body` is where its first body frame's payload began. */
  onMessage?: (tag: number, buffer: Buffer, body: number, size: number) => void
  onConfirm?: (tag: number, multiple: boolean, refused: boolean) => void
  /** An alarm keeps the broker from reading this connection, or does not any more. */
  onBlocked?: (blocked: boolean) => void
}

/** One connection with channel 1 open. */
export class Client {
  readonly socket: Socket
  handlers: Handlers = {}
  closedBecause = ''
  private rest = Buffer.alloc(0)
  private waiting: { id: number; resolve: () => void; reject: (e: Error) => void }[] = []
  private deliveryTag = 0
  private bodyLeft = 0
  private bodySize = 0
  /** Octets of a large body frame that are still to pass. */
  private skip = 0

  private constructor(socket: Socket) {
    this.socket = socket
  }

  static async open(url: string, readBytes = READ_BYTES): Promise<Client> {
    const u = new URL(url)
    let client: Client | undefined
    const socket = connect({
      host: u.hostname,
      port: Number(u.port || 5672),
      noDelay: true,
      onread: {
        buffer: Buffer.alloc(readBytes),
        callback: (n: number, buffer: Uint8Array) => {
          client?.read(buffer as Buffer, n)
          return true
        },
      },
    })
    client = new Client(socket)
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    socket.on('error', (e) => client?.fail(e))
    socket.on('close', () => client?.fail(new Error(`closed by the broker ${client.closedBecause}`)))
    const user = decodeURIComponent(u.username || 'guest')
    const password = decodeURIComponent(u.password || 'guest')
    const started = client.wait(MethodId.ConnectionStart)
    socket.write(PROTOCOL_HEADER)
    await started
    const response = Buffer.from(`\0${user}\0${password}`)
    const clientProperties = FieldTable.from({ capabilities: { 'connection.blocked': true } })
    const startOk = { clientProperties, mechanism: 'PLAIN', response, locale: 'en_US' }
    await client.call({ id: MethodId.ConnectionStartOk, ...startOk }, MethodId.ConnectionTune, 0)
    client.send({ id: MethodId.ConnectionTuneOk, channelMax: 2047, frameMax: 131072, heartbeat: 0 }, 0)
    const open = {
      virtualHost: decodeURIComponent(u.pathname.slice(1)) || '/',
      capabilities: '',
      insist: false,
    }
    await client.call({ id: MethodId.ConnectionOpen, ...open }, MethodId.ConnectionOpenOk, 0)
    await client.call({ id: MethodId.ChannelOpen, outOfBand: '' }, MethodId.ChannelOpenOk)
    return client
  }

  private fail(e: Error): void {
    for (const w of this.waiting) w.reject(e)
    this.waiting = []
  }

  private wait(id: number): Promise<void> {
    return new Promise((resolve, reject) => this.waiting.push({ id, resolve, reject }))
  }

  send(m: AnyMethod, channel = 1): void {
    const w = new FrameWriter()
    w.method(channel, m)
    this.socket.write(Buffer.from(w.view()))
  }

  async call(m: AnyMethod, answer: number, channel = 1): Promise<void> {
    const done = this.wait(answer)
    this.send(m, channel)
    await done
  }

  async declare(
    queue: string,
    durable: boolean,
    args: { [name: string]: PlainValue } = {},
    exclusive = false,
  ): Promise<void> {
    const flags = { passive: false, durable, exclusive, autoDelete: false, nowait: false }
    const m = {
      id: MethodId.QueueDeclare,
      ticket: 0,
      queue,
      ...flags,
      arguments: FieldTable.from(args),
    } as const
    await this.call(m, MethodId.QueueDeclareOk)
  }

  async deleteQueue(queue: string): Promise<void> {
    const flags = { ifUnused: false, ifEmpty: false, nowait: false }
    await this.call({ id: MethodId.QueueDelete, ticket: 0, queue, ...flags }, MethodId.QueueDeleteOk)
  }

  async exchange(exchange: string, type: string): Promise<void> {
    const flags = { passive: false, durable: false, autoDelete: false, internal: false, nowait: false }
    const m = {
      id: MethodId.ExchangeDeclare,
      ticket: 0,
      exchange,
      type,
      ...flags,
      arguments: FieldTable.empty,
    } as const
    await this.call(m, MethodId.ExchangeDeclareOk)
  }

  async deleteExchange(exchange: string): Promise<void> {
    await this.call(
      { id: MethodId.ExchangeDelete, ticket: 0, exchange, ifUnused: false, nowait: false },
      MethodId.ExchangeDeleteOk,
    )
  }

  bindNoWait(
    queue: string,
    exchange: string,
    routingKey: string,
    args: { [name: string]: PlainValue } = {},
  ): void {
    this.send({
      id: MethodId.QueueBind,
      ticket: 0,
      queue,
      exchange,
      routingKey,
      nowait: true,
      arguments: FieldTable.from(args),
    })
  }

  async qos(prefetchCount: number): Promise<void> {
    await this.call(
      { id: MethodId.BasicQos, prefetchSize: 0, prefetchCount, global: false },
      MethodId.BasicQosOk,
    )
  }

  async confirmSelect(): Promise<void> {
    await this.call({ id: MethodId.ConfirmSelect, nowait: false }, MethodId.ConfirmSelectOk)
  }

  async consume(queue: string, noAck: boolean): Promise<void> {
    const flags = { noLocal: false, noAck, exclusive: false, nowait: false }
    const m = { id: MethodId.BasicConsume, ticket: 0, queue, consumerTag: 'c', ...flags } as const
    await this.call({ ...m, arguments: FieldTable.empty }, MethodId.BasicConsumeOk)
  }

  close(): void {
    this.socket.removeAllListeners('close')
    this.socket.destroy()
  }

  private read(buffer: Buffer, n: number): void {
    let b = buffer.subarray(0, n)
    if (this.rest.length > 0) b = Buffer.concat([this.rest, b])
    let at = 0
    if (this.skip > 0) {
      at = Math.min(this.skip, b.length)
      this.skip -= at
      if (this.skip > 0) return
      if (this.bodyLeft === 0) this.handlers.onMessage?.(this.deliveryTag, b, 0, this.bodySize)
    }
    while (b.length - at >= 8) {
      const size = b.readUInt32BE(at + 3)
      const end = at + 8 + size
      if (end > b.length) {
        // A large body is counted as it passes, not put together.
        if (b[at] !== FRAME_BODY || size < LARGE_BODY_BYTES) break
        this.skip = end - b.length
        this.bodyLeft -= size
        at = b.length
        break
      }
      this.frame(b, at, size)
      at = end
    }
    this.rest = at === b.length ? Buffer.alloc(0) : Buffer.from(b.subarray(at))
  }

  private frame(b: Buffer, at: number, size: number): void {
    const type = b[at]
    if (type === 1) this.method(b, at + 7)
    else if (type === FRAME_HEADER) {
      this.bodySize = b.readUInt32BE(at + 15)
      this.bodyLeft = this.bodySize
      if (this.bodySize === 0) this.handlers.onMessage?.(this.deliveryTag, b, at + 7, 0)
    } else if (type === FRAME_BODY) {
      this.bodyLeft -= size
      if (this.bodyLeft === 0) this.handlers.onMessage?.(this.deliveryTag, b, at + 7, this.bodySize)
    }
  }

  private method(b: Buffer, at: number): void {
    const id = b.readUInt32BE(at)
    if (id === DELIVER) {
      const tagAt = at + 5 + (b[at + 4] as number)
      this.deliveryTag = b.readUInt32BE(tagAt) * 4294967296 + b.readUInt32BE(tagAt + 4)
    } else if (id === ACK || id === NACK) {
      const tag = b.readUInt32BE(at + 4) * 4294967296 + b.readUInt32BE(at + 8)
      this.handlers.onConfirm?.(tag, ((b[at + 12] as number) & 1) !== 0, id === NACK)
    } else if (id === MethodId.ConnectionBlocked || id === MethodId.ConnectionUnblocked) {
      this.handlers.onBlocked?.(id === MethodId.ConnectionBlocked)
    } else if (id === MethodId.ConnectionClose || id === MethodId.ChannelClose) {
      this.closedBecause = b.toString('utf8', at + 7, at + 7 + (b[at + 6] as number))
      this.fail(new Error(this.closedBecause))
    } else {
      const i = this.waiting.findIndex((w) => w.id === id)
      if (i >= 0) this.waiting.splice(i, 1)[0]?.resolve()
    }
  }
}

/** A publish as it goes over the wire, and where its body begins. */
export function publishFrame(
  exchange: string,
  routingKey: string,
  body: Buffer,
  deliveryMode: number,
  headers?: { [name: string]: PlainValue },
): { bytes: Buffer; bodyAt: number } {
  const w = new FrameWriter(body.length + 512)
  w.method(1, {
    id: MethodId.BasicPublish,
    ticket: 0,
    exchange,
    routingKey,
    mandatory: false,
    immediate: false,
  })
  const h = new FrameWriter()
  h.u32(60 << 16)
  h.u64(body.length)
  h.u16(headers === undefined ? 0x1000 : 0x3000)
  if (headers !== undefined) h.table(FieldTable.from(headers))
  h.u8(deliveryMode)
  w.frame(FRAME_HEADER, 1, h.view())
  const bodyAt = w.length + 7
  for (let at = 0; at < body.length; at += 131_064) w.frame(FRAME_BODY, 1, body.subarray(at, at + 131_064))
  return { bytes: Buffer.from(w.view()), bodyAt }
}

export function ackFrame(tag: number, multiple: boolean): Buffer {
  const b = Buffer.from('010001000000' + '0d' + '003c0050' + '0000000000000000' + '00' + 'ce', 'hex')
  b.writeUInt32BE(Math.floor(tag / 4294967296), 11)
  b.writeUInt32BE(tag >>> 0, 15)
  b[19] = multiple ? 1 : 0
  return b
}
