/** WebSockets as octets: whatever their clients cut them into, nothing of it is kept, and nothing is lost. */
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createBroker } from '../../src/index.ts'
import { WebSocketStream } from '../../src/management/websocket-stream.ts'
import { PROTOCOL_HEADER } from '../../src/protocol/generated/constants.ts'
import { hearErrors } from '../../src/util/sockets.ts'
import { until } from '../support/until.ts'

const CONTINUATION = 0
const TEXT = 1
const BINARY = 2
const CLOSE = 8
const PING = 9
const PONG = 10

let server: Server

beforeAll(async () => {
  server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterAll(() => void server.close())

/** Both ends of a connection, that of the server as a WebSocket. */
async function pair(): Promise<{ client: Socket; stream: WebSocketStream }> {
  const { port } = server.address() as { port: number }
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const client = connect(port, '127.0.0.1')
  hearErrors(client)
  const [carrier] = await accepted
  hearErrors(carrier)
  const stream = new WebSocketStream(carrier)
  hearErrors(stream)
  onTestFinished(() => {
    client.destroy()
    carrier.destroy()
  })
  return { client, stream }
}

/** As clients send it. */
function frame(
  opcode: number,
  payload: Uint8Array,
  { fin = true, mask = [1, 2, 3, 4], long = false } = {},
): Buffer {
  const { length } = payload
  const second = long || length >= 65_536 ? 127 : length >= 126 ? 126 : length
  const size = Buffer.alloc(second === 127 ? 8 : second === 126 ? 2 : 0)
  if (second === 127) size.writeBigUInt64BE(BigInt(length))
  else if (second === 126) size.writeUInt16BE(length)
  const masked = payload.map((octet, i) => octet ^ (mask[i & 3] as number))
  return Buffer.concat([
    Buffer.from([(fin ? 0x80 : 0) | opcode, 0x80 | second]),
    size,
    Buffer.from(mask),
    masked,
  ])
}

/** What the server has sent: opcodes and payloads. */
function framesOf(octets: Buffer): [number, Buffer][] {
  const found: [number, Buffer][] = []
  for (let at = 0; at + 2 <= octets.length; ) {
    const opcode = (octets[at] as number) & 15
    let size = octets[at + 1] as number
    let start = at + 2
    if (size === 126) {
      size = octets.readUInt16BE(start)
      start += 2
    } else if (size === 127) {
      size = Number(octets.readBigUInt64BE(start))
      start += 8
    }
    found.push([opcode, octets.subarray(start, start + size)])
    at = start + size
  }
  return found
}

function collect(from: { on(event: 'data', take: (chunk: Buffer) => void): unknown }): () => Buffer {
  const chunks: Buffer[] = []
  from.on('data', (chunk) => chunks.push(Buffer.from(chunk)))
  return () => Buffer.concat(chunks)
}

/** A message in frames of those sizes, with pings between them. */
const messages = fc.array(
  fc.record({
    opcode: fc.constantFrom(TEXT, BINARY),
    parts: fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 5 }),
    mask: fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)),
    long: fc.boolean(),
    ping: fc.boolean(),
  }),
  { maxLength: 8 },
)

it('the input of all WebSockets has 20 ms of a turn, then it waits for the next ones', async () => {
  const [first, second] = [await pair(), await pair()]
  const got: string[] = []
  first.stream.on('data', () => {
    const began = performance.now()
    while (performance.now() - began < 25);
    got.push('first')
  })
  second.stream.on('data', (octets: Buffer) => got.push(octets.toString()))
  // Streams begin to flow in the next tick.
  await new Promise((resolve) => process.nextTick(resolve))
  first.stream.carrier.emit('data', frame(BINARY, Buffer.from('x')))
  second.stream.carrier.emit('data', frame(BINARY, Buffer.from('a')))
  expect([got, second.stream.carrier.isPaused()]).toEqual([['first'], true])
  second.client.write(frame(BINARY, Buffer.from('b')))
  await until(() => got.length === 3)
  expect(got).toEqual(['first', 'a', 'b'])
})

describe('what comes over a WebSocket', () => {
  it('is read back whatever its frames are and wherever they are cut', async () => {
    const { client, stream } = await pair()
    const received = collect(stream)
    const all: Uint8Array[] = []
    await fc.assert(
      fc.asyncProperty(messages, fc.integer({ min: 1, max: 40 }), async (sent, cut) => {
        const octets: Buffer[] = []
        for (const { opcode, parts, mask, long, ping } of sent) {
          for (const [i, part] of parts.entries()) {
            const fin = i === parts.length - 1
            octets.push(frame(i === 0 ? opcode : CONTINUATION, part, { fin, mask, long }))
            if (ping) octets.push(frame(PING, Buffer.from([i]), { mask }))
            all.push(part)
          }
        }
        const joined = Buffer.concat(octets)
        // The stream is given the pieces as a socket would give them.
        for (let at = 0; at < joined.length; at += cut)
          stream.carrier.emit('data', Buffer.from(joined.subarray(at, at + cut)))
        const expected = Buffer.concat(all)
        await until(() => received().length >= expected.length, 'the payload')
        expect(received().equals(expected)).toBe(true)
      }),
      { numRuns: 100 },
    )
    client.destroy()
  })

  it('is handed on before its message, and its frame, are complete, and nothing of it is kept', async () => {
    const { client, stream } = await pair()
    let octets = 0
    stream.on('data', (chunk: Buffer) => {
      octets += chunk.length
    })
    const size = 50_000_000
    const head = frame(BINARY, Buffer.alloc(0), { fin: false, long: true })
    head.writeBigUInt64BE(2n ** 40n, 2)
    client.write(head)
    client.write(Buffer.alloc(size))
    await until(() => octets === size, 'the payload')
    expect(stream.readableLength).toBe(0)
  })

  it('is not read while whoever reads it has paused', async () => {
    const { client, stream } = await pair()
    stream.on('data', () => {})
    stream.pause()
    for (let i = 0; i < 100; i++) client.write(frame(BINARY, Buffer.alloc(100_000)))
    await until(() => stream.carrier.isPaused(), 'the pause')
    expect(stream.readableLength).toBeLessThan(200_000)
    stream.resume()
    await until(() => client.writableLength === 0, 'the rest')
  })

  it('one octet for each frame becomes one piece for each chunk', async () => {
    const { stream } = await pair()
    const pieces: number[] = []
    stream.on('data', (chunk: Buffer) => pieces.push(chunk.length))
    const one = frame(CONTINUATION, Buffer.from('x'), { fin: false })
    stream.carrier.emit('data', frame(BINARY, Buffer.from('x'), { fin: false }))
    stream.carrier.emit('data', Buffer.concat(Array.from({ length: 9000 }, () => one)))
    await until(() => pieces.length >= 2, 'the pieces')
    expect(pieces).toEqual([1, 9000])
  })

  for (const [what, octets] of [
    ['a frame without a mask', Buffer.from([0x82, 1, 0, 0, 0, 0, 0])],
    ['a reserved bit', Buffer.from([0xc2, 0x80, 0, 0, 0, 0])],
    ['an unknown opcode', frame(3, Buffer.alloc(1))],
    ['an unknown control opcode', frame(11, Buffer.alloc(1))],
    ['a continuation of nothing', frame(CONTINUATION, Buffer.alloc(1))],
    [
      'a message within another',
      Buffer.concat([frame(BINARY, Buffer.alloc(0), { fin: false }), frame(BINARY, Buffer.alloc(1))]),
    ],
    ['a ping in parts', frame(PING, Buffer.alloc(1), { fin: false })],
    ['a ping that is too long', frame(PING, Buffer.alloc(126))],
    [
      'a length that no number can hold',
      Buffer.from([0x82, 0xff, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0]),
    ],
  ] as const)
    it(`${what} is answered with 1002, and ends the connection`, async () => {
      const { client, stream } = await pair()
      stream.on('data', () => {})
      const received = collect(client)
      client.write(octets)
      await once(stream, 'close')
      await until(() => received().length > 0, 'the answer')
      expect(framesOf(received())).toEqual([[CLOSE, Buffer.from([0x03, 0xea])]])
    })
})

describe('what goes over a WebSocket', () => {
  it('are binary messages of every size', async () => {
    const { client, stream } = await pair()
    const received = collect(client)
    const sizes = [1, 125, 126, 127, 65_535, 65_536, 300_000]
    for (const size of sizes)
      await new Promise((resolve) => stream.write(Buffer.alloc(size, size & 0xff), resolve))
    stream.cork()
    stream.write('a')
    stream.write('b')
    stream.uncork()
    await until(() => framesOf(received()).length === sizes.length + 1, 'the frames')
    expect(framesOf(received()).map(([opcode, { length }]) => [opcode, length])).toEqual(
      [...sizes, 2].map((size) => [BINARY, size]),
    )
    expect(framesOf(received()).at(-1)?.[1].toString()).toBe('ab')
  })

  it('pings are answered with what they bring', async () => {
    const { client, stream } = await pair()
    stream.on('data', () => {})
    const received = collect(client)
    client.write(frame(PING, Buffer.from('hello')))
    await until(() => received().length > 0, 'the answer')
    expect(framesOf(received())).toEqual([[PONG, Buffer.from('hello')]])
  })

  it('pongs do not gather for a client that does not read them', async () => {
    const { client, stream } = await pair()
    const { carrier } = stream
    stream.on('data', () => {})
    client.pause()
    stream.write(Buffer.alloc(20_000_000))
    await until(() => carrier.writableLength > 0, 'the output to fill')
    const before = carrier.writableLength
    const pings = Buffer.concat(Array.from({ length: 1000 }, () => frame(PING, Buffer.alloc(125))))
    for (let i = 0; i < 20; i++) stream.carrier.emit('data', Buffer.from(pings))
    expect(carrier.writableLength).toBeLessThan(before + 300)
  })

  it('a close is answered, and the connection ends', async () => {
    const { client, stream } = await pair()
    stream.on('data', () => {})
    const received = collect(client)
    const reason = Buffer.from([0x03, 0xe9])
    client.write(frame(CLOSE, reason))
    await Promise.all([once(stream, 'close'), once(client, 'end')])
    expect(framesOf(received())).toEqual([[CLOSE, reason]])
  })

  it('the end of the stream is a close, and ends when the client has answered it', async () => {
    const { client, stream } = await pair()
    stream.on('data', () => {})
    const received = collect(client)
    stream.end('bye')
    await until(() => framesOf(received()).length === 2, 'the close')
    expect(framesOf(received())).toEqual([
      [BINARY, Buffer.from('bye')],
      [CLOSE, Buffer.from([0x03, 0xe8])],
    ])
    expect(stream.destroyed).toBe(false)
    client.write(frame(CLOSE, Buffer.from([0x03, 0xe8])))
    await once(stream, 'close')
  })

  it('ends with its client, who says nothing more', async () => {
    for (const leave of ['end', 'destroy'] as const) {
      const { client, stream } = await pair()
      stream.on('data', () => {})
      client[leave]()
      await once(stream, 'close')
    }
  })
})

it('a broker hears what has come of a message, and of a frame, that never ends', async () => {
  const broker = await createBroker({ port: 0, managementPort: 0 })
  onTestFinished(() => broker.close())
  const socket = connect(broker.managementPort as number, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  socket.write(
    'GET /ws/amqp HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
      'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  )
  await once(socket, 'data')
  const received = collect(socket)
  const all = frame(BINARY, Buffer.concat([PROTOCOL_HEADER, Buffer.alloc(100_000)]), { fin: false })
  socket.write(all.subarray(0, all.length - 100_000))
  await until(() => framesOf(received()).length > 0, 'connection.start')
  expect(framesOf(received())[0]?.[1]?.subarray(0, 3)).toEqual(Buffer.from([1, 0, 0]))
})
