/** Another broker that says what no broker should: the shovel fails with a reason, and nothing else happens. */
import { expect, it } from 'vitest'
import { MESSAGE_BYTES_MAX } from '../../src/limits.ts'
import { encodeMethodFrame } from '../../src/protocol/frame-writer.ts'
import { FRAME_BODY, FRAME_HEADER, MethodId } from '../../src/protocol/generated/constants.ts'
import { LINK_FRAMES_MIN } from '../../src/shovel/link-limits.ts'
import { inFrontOfOther, put, state, useTwoBrokers } from './two-brokers.ts'

useTwoBrokers()

const FRAME_END = 0xce
const BASIC = 60
const CONSUME_OK = Buffer.from([0, BASIC, 0, 21])
const METHOD = 1

function frame(type: number, channel: number, payload: Buffer, size = payload.length): Buffer {
  const head = Buffer.alloc(7)
  head.writeUInt8(type)
  head.writeUInt16BE(channel, 1)
  head.writeUInt32BE(size, 3)
  return Buffer.concat([head, payload, Buffer.from([FRAME_END])])
}

/** What a consumer gets: the method and the header of a message of that size, and frames of its body. */
function delivery(
  channel: number,
  consumerTag: string,
  tag: number,
  size: bigint,
  ...bodies: Buffer[]
): Buffer {
  const header = Buffer.alloc(14)
  header.writeUInt16BE(BASIC)
  header.writeBigInt64BE(size, 4)
  const method = {
    id: MethodId.BasicDeliver,
    consumerTag,
    deliveryTag: tag,
    redelivered: false,
    exchange: '',
    routingKey: 'k',
  } as const
  return Buffer.concat([
    encodeMethodFrame(channel, method),
    frame(FRAME_HEADER, channel, header),
    ...bodies.map((b) => frame(FRAME_BODY, channel, b)),
  ])
}

/** Its address. It says what a real broker says until its first consumer is there, or nothing of that. */
async function lyingBroker(
  first: Buffer | undefined,
  toConsumer: (channel: number, consumerTag: string) => Buffer,
): Promise<string> {
  const url = await inFrontOfOther((client, broker) => {
    if (first !== undefined) client.write(first)
    client.pipe(broker)
    broker.on('data', (chunk) => {
      if (first !== undefined) return
      client.write(chunk)
      const at = chunk.indexOf(CONSUME_OK)
      if (at < 0) return
      const tag = at + CONSUME_OK.length
      const consumerTag = chunk.toString('utf8', tag + 1, tag + 1 + chunk.readUInt8(tag))
      client.write(toConsumer(chunk.readUInt16BE(at - 6), consumerTag))
    })
  })
  return url.href
}

const PREFETCH = 3
const nothing = Buffer.alloc(0)

it.each([
  {
    what: 'a frame that is longer than agreed',
    first: frame(METHOD, 0, nothing, 2 ** 31),
    say: () => nothing,
    reason: 'Frame size 2147483648 exceeds',
  },
  {
    what: 'a message without an end',
    say: (channel: number, tag: string) => delivery(channel, tag, 1, 2n ** 40n),
    reason: `message size ${2 ** 40} is larger`,
  },
  {
    what: 'a message that is larger than this broker takes',
    say: (channel: number, tag: string) => delivery(channel, tag, 1, BigInt(MESSAGE_BYTES_MAX + 1)),
    reason: `PRECONDITION_FAILED - message size ${MESSAGE_BYTES_MAX + 1} is larger than configured max size ${MESSAGE_BYTES_MAX}`,
  },
  {
    what: 'a message of a negative length',
    say: (channel: number, tag: string) => delivery(channel, tag, 1, -1n),
    reason: 'announces a message of -1 octets',
  },
  {
    what: 'a message in frames without content',
    say: (channel: number, tag: string) =>
      delivery(channel, tag, 1, 10n, ...new Array<Buffer>(LINK_FRAMES_MIN + 2).fill(nothing)),
    reason: 'a message in too many frames',
  },
  {
    what: 'more messages than it was asked for',
    say: (channel: number, tag: string) =>
      Buffer.concat(
        Array.from({ length: PREFETCH + 1 }, (_, i) => delivery(channel, tag, i + 1, 1n, Buffer.from('x'))),
      ),
    reason: `more than the ${PREFETCH} messages of src-prefetch-count`,
  },
])('$what ends a shovel with a reason', async ({ first, say, reason }) => {
  await put('s', {
    'src-uri': await lyingBroker(first, say),
    'src-queue': 'from',
    'src-prefetch-count': PREFETCH,
    'dest-uri': 'amqp://',
    'dest-queue': 'to',
    'reconnect-delay': 0,
  })
  expect(await state('s', 'terminated')).toMatchObject({ reason: expect.stringContaining(reason) })
})
