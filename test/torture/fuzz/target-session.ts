/** Whole connections: the handshake, and sessions of users with few rights and with many. */
import { FrameReader } from '../../../src/protocol/frame-reader.ts'
import { encodeMethodFrame } from '../../../src/protocol/frame-writer.ts'
import { MethodId, methodNames, PROTOCOL_HEADER } from '../../../src/protocol/generated/constants.ts'
import { decodeMethod } from '../../../src/protocol/generated/decode.ts'
import type { AnyMethod } from '../../../src/protocol/generated/methods.ts'
import { decodeProperties } from '../../../src/protocol/generated/properties.ts'
import { methodFrom, table } from '../../support/wire.ts'
import { loginFrames, oddFrame, workFrames } from '../hostile-input.ts'
import { type Random, randomOf } from '../random.ts'
import { type FakeSocket, FuzzedBroker, type RightsOf } from './broker.ts'
import { frameChanges, framesOf } from './frames.ts'
import type { FuzzTarget } from './fuzzer.ts'
import { pick } from './mutate.ts'
import { same } from './oracle.ts'

const FRAME_MAX = 131_072
const HANDSHAKE_MS = 10_000
/** Longer than any TTL, timeout or heartbeat that is waited for. */
const LONG_MS = 400_000
const WHOLE_SESSION = 6000

/** What the broker has said, every frame of it well-formed. */
class Said {
  readonly methods: AnyMethod[] = []
  private missing = 0

  constructor(octets: Buffer) {
    const reader = new FrameReader({ ...this.handler(), suspended: false }, FRAME_MAX)
    const rest = octets.subarray(0, 4).toString() === 'AMQP' ? octets.subarray(8) : octets
    same(reader.read(rest) === rest.length, 'output was not read')
    same(
      framesOf(rest).every((f) => f.at(-1) === 0xce),
      'output ends in the middle of a frame',
    )
    same(this.missing === 0, 'content is not complete')
  }

  private handler() {
    return {
      onMethod: (_channel: number, b: Buffer, start: number, end: number): void => {
        same(this.missing === 0, 'a method stands within content')
        const m = decodeMethod(b.readUInt32BE(start), Buffer.from(b.subarray(start + 4, end)))
        if (m === undefined) throw new Error('output has an unknown method')
        this.methods.push(m)
      },
      onHeader: (_channel: number, b: Buffer, start: number, end: number): void => {
        decodeProperties(b.readUInt16BE(start + 12), b, start + 14, end)
        this.missing = Number(b.readBigUInt64BE(start + 4))
      },
      onBody: (_channel: number, _b: Buffer, start: number, end: number): void => {
        this.missing -= end - start
      },
      onPublish: (): void => {
        throw new Error('a server does not publish')
      },
      onHeartbeat: (): void => {},
    }
  }

  has(id: MethodId): boolean {
    return this.methods.some((m) => m.id === id)
  }

  get last(): string {
    const m = this.methods.at(-1)
    return m === undefined ? 'nothing' : methodNames[m.id]
  }
}

function heard(socket: FakeSocket): Said {
  return new Said(Buffer.concat(socket.written))
}

/** Frames end where the input ends, and content is complete. */
function isWhole(frames: readonly Buffer[]): boolean {
  let missing = 0
  for (const f of frames) {
    if (f.length < 8 || f.length !== 8 + f.readUInt32BE(3)) return false
    if (f[0] === 2 && f.length >= 22) missing = Number(f.readBigUInt64BE(11))
    else if (f[0] === 3) missing -= f.length - 8
  }
  return missing <= 0
}

/** The client leaves: nothing of it stays. */
async function leave(b: FuzzedBroker, socket: FakeSocket): Promise<void> {
  socket.emit('end')
  socket.destroy()
  await b.settle(socket)
  b.clock.pass(LONG_MS)
  await b.settle(socket)
  same(b.server.connections.size === 0, 'a connection stays')
  same(b.unopened.size === 0, 'a connection that is not open stays')
  same(b.server.admission.openCount === 0, 'a connection is still counted')
  for (const v of b.broker.vhosts.values())
    for (const q of v.queues.values()) {
      same(!q.exclusive, `the exclusive queue ${q.name} stays`)
      same(
        q.counts.unacked === 0 && q.counts.consumers === 0,
        `queue ${q.name} still has deliveries or consumers`,
      )
    }
  b.checkFailures()
}

const closing = encodeMethodFrame(
  0,
  methodFrom(MethodId.ConnectionClose, { replyCode: 200, replyText: '', classId: 0, methodId: 0 }),
)

async function served(b: FuzzedBroker, socket: FakeSocket, input: Buffer): Promise<void> {
  if (!socket.isOver) socket.emit('data', Buffer.from(input))
  await b.settle(socket)
  b.clock.pass(1)
  await b.settle(socket)
}

/** The rest of a session that has been opened: frames in any order, some of them wrong. */
export function sessionTarget(rights: RightsOf): FuzzTarget {
  const login = Buffer.concat(loginFrames({ user: rights, password: 'guest', vhost: '/' }))
  const channels = [1, 2].map((n) => encodeMethodFrame(n, methodFrom(MethodId.ChannelOpen, {})))
  const seeds = Array.from({ length: 200 }, (_, i) =>
    Buffer.concat([...channels, ...workFrames(randomOf(i))]),
  )
  const fresh = (random: Random): Buffer =>
    random(4) === 0 ? oddFrame(random) : pick(random, workFrames(random).slice(0, 8))
  return {
    name: `session-${rights}`,
    bytesMax: WHOLE_SESSION,
    seeds: seeds.map((s) => s.subarray(0, WHOLE_SESSION)),
    changes: [frameChanges(0, fresh), frameChanges(0, fresh), frameChanges(0, fresh)],
    async run(input) {
      const b = new FuzzedBroker()
      const socket = b.client(rights)
      // The negotiation takes frames one after the other.
      for (const part of framesOf(login, 8)) await served(b, socket, part)
      same(heard(socket).has(MethodId.ConnectionOpenOk), 'the session was not opened')
      await served(b, socket, input)
      const [connection] = b.server.connections
      const said = heard(socket)
      if (connection?.state === 'open' && isWhole(framesOf(input))) {
        await served(b, socket, closing)
        same(heard(socket).has(MethodId.ConnectionCloseOk), `no answer to connection.close, but ${said.last}`)
      } else if (connection?.state === 'closing')
        same(
          said.has(MethodId.ConnectionClose) || socket.isOver || said.has(MethodId.ConnectionCloseOk),
          'no reason is given',
        )
      await leave(b, socket)
      b.stop()
    },
  }
}

const mechanisms = ['PLAIN', 'AMQPLAIN', 'EXTERNAL', 'ANONYMOUS', 'X']

function startOk(random: Random): Buffer {
  const plain = Buffer.from(pick(random, ['\0guest\0guest', '\0few\0guest', 'x\0guest\0guest', '\0a\0b', '']))
  const amqplain = Buffer.from(table({ LOGIN: 'guest', PASSWORD: 'guest' }).bytes)
  const capabilities = { authentication_failure_close: random(2) === 0, 'connection.blocked': true }
  return encodeMethodFrame(
    0,
    methodFrom(MethodId.ConnectionStartOk, {
      clientProperties: table({ capabilities, product: 'fuzz', n: 1 }),
      mechanism: pick(random, mechanisms),
      response: random(2) === 0 ? plain : amqplain,
      locale: 'en_US',
    }),
  )
}

function tuneOk(random: Random): Buffer {
  const numbers = [0, 1, 2047, 2048, 65_535]
  return encodeMethodFrame(
    0,
    methodFrom(MethodId.ConnectionTuneOk, {
      channelMax: pick(random, numbers),
      frameMax: pick(random, [0, 1, 4095, 4096, FRAME_MAX, FRAME_MAX + 1]),
      heartbeat: pick(random, [0, 1, 60, 65_535]),
    }),
  )
}

/** From the first octet on, by somebody who has a password. Each piece comes once the broker has answered the last. */
export function handshakeTarget(): FuzzTarget {
  const whole = (user: string, vhost: string): Buffer =>
    Buffer.concat(loginFrames({ user, password: 'guest', vhost }))
  const made = Array.from({ length: 40 }, (_, i) => {
    const random = randomOf(i)
    return Buffer.concat([PROTOCOL_HEADER as Buffer, startOk(random), tuneOk(random)])
  })
  const fresh = (random: Random): Buffer =>
    pick(random, [
      startOk,
      tuneOk,
      () => Buffer.from(closing),
      (r) => framesOf(whole('few', '/'), 8).at(r(4)) ?? closing,
    ])(random)
  return {
    name: 'handshake',
    bytesMax: 3000,
    seeds: [whole('guest', '/'), whole('few', '/'), whole('guest', 'none'), whole('nobody', '/'), ...made],
    changes: [frameChanges(8, fresh), frameChanges(8, fresh)],
    async run(input) {
      const b = new FuzzedBroker()
      const socket = b.client()
      for (const part of framesOf(input, Math.min(8, input.length))) await served(b, socket, part)
      const said = Buffer.concat(socket.written)
      same(input.length < 8 || said.length > 0, 'no answer to a protocol header')
      heard(socket)
      const [connection] = b.server.connections
      if (connection?.state === 'negotiating') {
        b.clock.pass(HANDSHAKE_MS)
        await b.settle(socket)
        same(socket.isOver || connection.intake.reader === undefined, 'a handshake takes for ever')
      }
      await leave(b, socket)
      b.stop()
    },
  }
}
