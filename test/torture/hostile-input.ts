/** What hostile clients send: whole valid sessions and requests, and then something in them changed. */
import { encodeMethodFrame, FrameWriter } from '../../src/protocol/frame-writer.ts'
import {
  FRAME_BODY,
  FRAME_HEADER,
  MethodId,
  PROTOCOL_HEADER,
} from '../../src/protocol/generated/constants.ts'
import type { AnyMethod } from '../../src/protocol/generated/methods.ts'
import type { Properties } from '../../src/protocol/generated/properties.ts'
import type { FuzzCall } from '../management/hostile.ts'
import { headerPayload, methodFrom, type Partially, publishFrames, table } from '../support/wire.ts'
import type { Random } from './random.ts'

export interface Login {
  readonly user: string
  readonly password: string
  readonly vhost: string
}

function pick<T>(random: Random, list: readonly T[]): T {
  return list[random(list.length)] as T
}

const names = ['a', 'b', 'c', 'd', '', 'amq.topic', 'amq.headers', 'x1', 'x2', 'x3', 'ü', 'n'.repeat(255)]
const keys = ['', 'a', 'a.b.c', '#', '*.*', '.'.repeat(200), 'k'.repeat(255), '\u{1f600}']
const numbers = [0, 1, 2, 7, 100, 255, 65_535, 2 ** 31 - 1, 2 ** 32 - 1]
const types = ['direct', 'fanout', 'topic', 'headers', 'x-consistent-hash', 'x-random', 'x-recent-history']
const argumentNames = [
  'x-queue-type',
  'x-max-length',
  'x-message-ttl',
  'x-expires',
  'x-max-priority',
  'x-dead-letter-exchange',
  'x-dead-letter-routing-key',
  'x-overflow',
  'x-single-active-consumer',
  'x-deduplication',
  'x-stream-offset',
  'x-priority',
  'x-match',
  'x-delay',
  'alternate-exchange',
  'x-delivery-limit',
  'x-queue-mode',
  'x-max-age',
]
const values = [
  0,
  1,
  -1,
  5,
  255,
  2 ** 31,
  1e300,
  'first',
  'last',
  'stream',
  'quorum',
  'classic',
  'drop-head',
  'reject-publish',
  'any',
  'all-with-x',
  '1h',
  '',
  'x1',
  'a',
  true,
  false,
  null,
  [1, ['x']],
  { deep: { er: [] } },
] as const

export function argumentsOf(random: Random): ReturnType<typeof table> {
  const out: Record<string, (typeof values)[number]> = {}
  for (let n = random(4); n > 0; n--) out[pick(random, argumentNames)] = pick(random, values)
  return table(out as Parameters<typeof table>[0])
}

function propertiesOf(random: Random): Properties {
  const out: Properties = {}
  if (random(3) === 0) out.headers = argumentsOf(random)
  if (random(4) === 0) out.expiration = pick(random, ['0', '1', '60000', '-1', 'x', '9'.repeat(30)])
  if (random(4) === 0) out.deliveryMode = pick(random, [0, 1, 2, 3])
  if (random(4) === 0) out.priority = pick(random, [0, 5, 255])
  if (random(6) === 0) out.replyTo = 'amq.rabbitmq.reply-to'
  if (random(6) === 0) out.headers = table({ CC: ['a', 'b', 5], BCC: 'a', 'x-delay': 5, 'x-death': [1] })
  return out
}

/** A method with fields that a client could have meant. */
export function anyMethod(random: Random): AnyMethod {
  const flag = (): boolean => random(3) === 0
  const name = (): string => pick(random, names)
  const tag = (): number => pick(random, [0, 1, 2, 3, 1000, 2 ** 40])
  const queue = { queue: name(), arguments: argumentsOf(random), nowait: flag() }
  const bind = { ...queue, exchange: name(), routingKey: pick(random, keys) }
  const ends = { source: name(), destination: name(), routingKey: pick(random, keys), nowait: flag() }
  const makers: readonly (() => AnyMethod)[] = [
    () =>
      methodFrom(MethodId.QueueDeclare, {
        ...queue,
        passive: flag(),
        durable: flag(),
        exclusive: flag(),
        autoDelete: flag(),
      }),
    () => methodFrom(MethodId.QueueBind, bind),
    () => methodFrom(MethodId.QueueUnbind, bind),
    () => methodFrom(MethodId.QueuePurge, queue),
    () => methodFrom(MethodId.QueueDelete, { ...queue, ifUnused: flag(), ifEmpty: flag() }),
    () =>
      methodFrom(MethodId.ExchangeDeclare, {
        exchange: name(),
        type: pick(random, types),
        passive: flag(),
        internal: flag(),
        autoDelete: flag(),
        arguments: argumentsOf(random),
      }),
    () => methodFrom(MethodId.ExchangeDelete, { exchange: name(), ifUnused: flag(), nowait: flag() }),
    () => methodFrom(MethodId.ExchangeBind, { ...ends, arguments: argumentsOf(random) }),
    () => methodFrom(MethodId.ExchangeUnbind, { ...ends, arguments: argumentsOf(random) }),
    () =>
      methodFrom(MethodId.BasicConsume, {
        ...queue,
        consumerTag: pick(random, ['', 'c1', 'c2']),
        noAck: flag(),
        exclusive: flag(),
        noLocal: flag(),
      }),
    () => methodFrom(MethodId.BasicCancel, { consumerTag: pick(random, ['', 'c1', 'c2']), nowait: flag() }),
    () => methodFrom(MethodId.BasicGet, { queue: name(), noAck: flag() }),
    () => methodFrom(MethodId.BasicAck, { deliveryTag: tag(), multiple: flag() }),
    () => methodFrom(MethodId.BasicNack, { deliveryTag: tag(), multiple: flag(), requeue: flag() }),
    () => methodFrom(MethodId.BasicReject, { deliveryTag: tag(), requeue: flag() }),
    () => methodFrom(MethodId.BasicRecover, { requeue: flag() }),
    () =>
      methodFrom(MethodId.BasicQos, {
        prefetchSize: pick(random, [0, 0, 1]),
        prefetchCount: pick(random, numbers) & 0xffff,
        global: flag(),
      }),
    () => methodFrom(MethodId.ConfirmSelect, { nowait: flag() }),
    () => methodFrom(MethodId.TxSelect, {}),
    () => methodFrom(MethodId.TxCommit, {}),
    () => methodFrom(MethodId.TxRollback, {}),
    () => methodFrom(MethodId.ChannelFlow, { active: flag() }),
    () => methodFrom(MethodId.ChannelOpen, {}),
    () => methodFrom(MethodId.ChannelClose, {}),
    () => methodFrom(MethodId.ChannelCloseOk, {}),
    () => methodFrom(MethodId.BasicDeliver, { consumerTag: '', deliveryTag: 1, redelivered: false }),
  ]
  return pick(random, makers)()
}

/** The octets of a login: the protocol's header, start-ok, tune-ok and open without waiting for an answer. */
export function loginFrames({ user, password, vhost }: Login): Buffer[] {
  const capabilities = { consumer_cancel_notify: true, authentication_failure_close: true }
  return [
    PROTOCOL_HEADER as Buffer,
    encodeMethodFrame(
      0,
      methodFrom(MethodId.ConnectionStartOk, {
        clientProperties: table({ capabilities }),
        mechanism: 'PLAIN',
        response: Buffer.from(`\0${user}\0${password}`),
        locale: 'en_US',
      }),
    ),
    encodeMethodFrame(
      0,
      methodFrom(MethodId.ConnectionTuneOk, { channelMax: 2047, frameMax: 131_072, heartbeat: 0 }),
    ),
    encodeMethodFrame(
      0,
      methodFrom(MethodId.ConnectionOpen, {
        virtualHost: vhost,
        capabilities: '',
        insist: false,
      } as Partially<typeof MethodId.ConnectionOpen>),
    ),
  ]
}

/** Parts of a session, each of them a frame or a publish. */
function sessionFrames(random: Random, login: Login): Buffer[] {
  return [...loginFrames(login), ...workFrames(random)]
}

/** What a session does once it is open. */
export function workFrames(random: Random): Buffer[] {
  const out: Buffer[] = []
  for (const channel of [1, 2]) out.push(encodeMethodFrame(channel, methodFrom(MethodId.ChannelOpen, {})))
  for (let n = 1 + random(30); n > 0; n--) {
    const channel = 1 + random(2)
    if (random(3) > 0) out.push(encodeMethodFrame(channel, anyMethod(random)))
    else
      out.push(
        publishFrames(channel, {
          exchange: pick(random, names),
          routingKey: pick(random, keys),
          mandatory: random(3) === 0,
          immediate: random(20) === 0,
          properties: propertiesOf(random),
          body: Buffer.alloc(pick(random, [0, 1, 100, 5000])),
          split: pick(random, [1000, 4000]),
        }),
      )
  }
  return out
}

/** Octets in which something is not as it was. */
function damaged(random: Random, octets: Buffer): Buffer {
  const out = Buffer.from(octets)
  const at = random(out.length)
  switch (random(7)) {
    case 0:
      out[at] = random(256)
      return out
    case 1:
      out[at] = (out[at] as number) ^ (1 << random(8))
      return out
    case 2:
      return out.subarray(0, at)
    case 3:
      return Buffer.concat([out.subarray(0, at), Buffer.alloc(1 + random(20), random(256)), out.subarray(at)])
    case 4:
      return Buffer.concat([out.subarray(0, at), out.subarray(at + 1 + random(8))])
    case 5:
      // A length, as likely as not.
      if (out.length >= 7)
        out.writeUInt32BE(pick(random, numbers), Math.min(3 + random(2) * 8, out.length - 4))
      return out
    default:
      if (at + 2 <= out.length) out.writeUInt16BE(pick(random, numbers) & 0xffff, at)
      return out
  }
}

export function oddFrame(random: Random): Buffer {
  const w = new FrameWriter()
  const channel = pick(random, [0, 1, 2, 3, 65_535])
  const size = pick(random, [0, 1, -1, 2 ** 40, 100])
  switch (random(4)) {
    case 0:
      w.frame(FRAME_HEADER, channel, headerPayload(BigInt(size) & 0xffffffffffffffffn, propertiesOf(random)))
      break
    case 1:
      w.frame(FRAME_BODY, channel, Buffer.alloc(random(300)))
      break
    case 2:
      w.frame(random(256), channel, Buffer.alloc(random(300), random(256)))
      break
    default:
      w.method(channel, anyMethod(random))
  }
  return Buffer.from(w.view())
}

/** A session with a few changes: in the octets, or in the order and number of its parts. */
export function hostileSession(random: Random, login: Login): Buffer {
  const parts = sessionFrames(random, login)
  for (let n = random(4); n > 0; n--) {
    const at = random(parts.length)
    const part = parts[at] as Buffer
    switch (random(6)) {
      case 0:
        parts.splice(at, 1)
        break
      case 1:
        parts.splice(at, 0, part)
        break
      case 2:
        parts.splice(random(parts.length), 0, part)
        break
      case 3:
        parts.splice(at, 0, oddFrame(random))
        break
      default:
        parts[at] = damaged(random, part.length === 0 ? Buffer.from([0]) : part)
    }
    if (parts.length === 0) break
  }
  return Buffer.concat(parts)
}

const headers = [
  'Expect: 100-continue',
  'Expect: all',
  'Connection: close',
  'Connection: Upgrade\r\nUpgrade: websocket',
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
  'Accept: text/event-stream',
  'Content-Type: multipart/form-data; boundary=x',
  'Content-Type: \xff',
  'Accept-Encoding: gzip',
  'X-Reason: \xe9',
  `X-Reason: ${'r'.repeat(300)}`,
  'Range: bytes=0-',
  'Content-Length: 0',
  'Transfer-Encoding: chunked',
]

/** A request as the description of the API has it, with some headers and, as often as not, something changed. */
export function hostileRequest(random: Random, call: FuzzCall, { user, password }: Login): Buffer {
  const body = call.body === undefined ? Buffer.alloc(0) : Buffer.from(call.body)
  const isChunked = random(6) === 0
  const lines = [
    `${call.method} ${call.path} HTTP/1.${random(10) === 0 ? 0 : 1}`,
    'Host: a',
    `Authorization: Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
    ...(random(3) === 0 ? [pick(random, headers)] : []),
    ...(body.length === 0
      ? []
      : [isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${body.length}`]),
  ]
  const size = `${body.length.toString(16)}\r\n`
  const content =
    isChunked && body.length > 0
      ? Buffer.concat([Buffer.from(size), body, Buffer.from('\r\n0\r\nA: b\r\n\r\n')])
      : body
  const octets = Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), content])
  const once = random(2) === 0 ? octets : damaged(random, octets)
  return random(10) === 0 ? Buffer.concat([once, once, octets]) : once
}
