/** What another broker sends is handled in turns, and only as long as it reads what it is answered. */
import { Duplex } from 'node:stream'
import { expect, it } from 'vitest'
import { MESSAGE_BYTES_MAX } from '../../src/limits.ts'
import { encodeMethodFrame } from '../../src/protocol/frame-writer.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { type Client, holdInput, type OpenFields, openClient } from '../../src/shovel/amqplib.ts'
import { LINK_OUTPUT_BYTES_MAX } from '../../src/shovel/link-limits.ts'
import { elapsed, soon } from '../../src/util/timers.ts'
import { until } from '../support/until.ts'

const FRAME_MAX = 131_072

const fields: OpenFields = {
  clientProperties: {},
  mechanism: 'PLAIN',
  response: Buffer.from('\0guest\0guest'),
  locale: 'en_US',
  channelMax: 0,
  frameMax: FRAME_MAX,
  heartbeat: 0,
  maxFrameSize: FRAME_MAX,
  messageBytesMax: MESSAGE_BYTES_MAX,
  virtualHost: '/',
  capabilities: '',
  insist: 0,
}

const frame = (channel: number, classId: number, id: number, ...rest: readonly number[]): Buffer => {
  const payload = Buffer.from([0, classId, 0, id, ...rest])
  const head = Buffer.from([1, 0, channel, 0, 0, 0, payload.length])
  return Buffer.concat([head, payload, Buffer.from([0xce])])
}

const START = frame(0, 10, 10, 0, 9, 0, 0, 0, 0, 0, 0, 0, 5, ...Buffer.from('PLAIN'), 0, 0, 0, 0)
const TUNE = frame(0, 10, 30, 0, 0, 0, 2, 0, 0, 0, 0)
const OPEN_OK = frame(0, 10, 41, 0)

/** The other broker: it reads nothing but the login. */
class Other extends Duplex {
  override _read(): void {}

  override _write(_chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (!this.loggedIn) done()
  }

  loggedIn = false
}

async function loggedIn(): Promise<{ other: Other; client: Client }> {
  const other = new Other()
  const opening = openClient(other, fields)
  other.push(Buffer.concat([START, TUNE, OPEN_OK]))
  const client = await opening
  other.loggedIn = true
  return { other, client }
}

/**
 * The greatest number of these frames that are handled in one turn.
 * @param ms the work for each, on whatever machine
 */
async function mostInTurn(frame: Buffer, frames: number, ms: number): Promise<number> {
  const { other, client } = await loggedIn()
  const inTurns = [0]
  let handled = 0
  client.on('blocked', () => {
    inTurns[inTurns.length - 1] = (inTurns.at(-1) as number) + 1
    handled++
    for (const until = elapsed() + ms; elapsed() < until; );
  })
  const turn = (): void => {
    inTurns.push(0)
    if (handled < frames) soon(turn)
  }
  soon(turn)
  other.push(Buffer.concat(new Array<Buffer>(frames).fill(frame)))
  await until(() => handled === frames, 'all frames')
  return Math.max(...inTurns)
}

const blocked = encodeMethodFrame(0, { id: MethodId.ConnectionBlocked, reason: '' })

it('very many frames that have come together are handled in several turns', async () => {
  // 20 ms, up to the next look at the time, and what comes in the same turn behind the input.
  expect(await mostInTurn(blocked, 200, 1)).toBeLessThan(100)
})

it('looks at the time after each frame that is large, since its tables take long to decode', async () => {
  // Octets behind the arguments of a method are not read.
  const payload = Buffer.concat([blocked.subarray(7, -1), Buffer.alloc(32_768)])
  const head = Buffer.from(blocked.subarray(0, 7))
  head.writeUInt32BE(payload.length, 3)
  const large = Buffer.concat([head, payload, Buffer.from([0xce])])
  // Instead of a slow decoder. 20 ms, and the frame in which they end.
  expect(await mostInTurn(large, 40, 10)).toBeLessThan(8)
})

it('reads nothing while it is held, and misses no heartbeats then', async () => {
  const { other, client } = await loggedIn()
  let handled = 0
  client.on('blocked', () => {
    handled++
  })
  const { checkRecv } = client.connection
  holdInput(client, true)
  checkRecv()
  other.push(blocked)
  for (let i = 0; i < 10; i++) await new Promise<void>((resolve) => soon(resolve))
  expect([handled, checkRecv()]).toEqual([0, true])
  holdInput(client, false)
  await until(() => handled === 1, 'the frame')
  expect([checkRecv(), checkRecv()]).toEqual([true, false])
})

it('a link fails where the other broker closes again and again and reads no answer', async () => {
  const { other, client } = await loggedIn()
  const errors: string[] = []
  client.on('error', (error: Error) => errors.push(error.message))
  client.connection.on('frameError', (error: Error) => errors.push(error.message))
  const unknownChannel = frame(9, 20, 11, 0, 0, 0, 0)
  const close = encodeMethodFrame(0, {
    id: MethodId.ConnectionClose,
    replyCode: 320,
    replyText: '',
    classId: 0,
    methodId: 0,
  })
  other.push(unknownChannel)
  const answer = encodeMethodFrame(0, { id: MethodId.ConnectionCloseOk })
  const many = Buffer.concat(new Array<Buffer>(Math.ceil(LINK_OUTPUT_BYTES_MAX / answer.length)).fill(close))
  other.push(many)
  other.push(many)
  const reason = 'does not read what it is answered'
  await until(() => errors.some((e) => e.includes(reason)), 'the refusal')
  expect(other.writableLength).toBeLessThan(2 * LINK_OUTPUT_BYTES_MAX)
})
