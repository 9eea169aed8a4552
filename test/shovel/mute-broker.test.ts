/** Another broker that stops answering, or reading, or confirms what it was never sent. */
import type { Socket } from 'node:net'
import { expect, it, onTestFinished, vi } from 'vitest'
import { encodeMethodFrame } from '../../src/protocol/frame-writer.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { until } from '../support/until.ts'
import { api, inFrontOfOther, put, state, useTwoBrokers } from './two-brokers.ts'

useTwoBrokers()

const method = (classId: number, id: number): Buffer => Buffer.from([0, classId, 0, id])
const CHANNEL_OPEN = method(20, 10)
const CHANNEL_CLOSE = method(20, 40)
const QUEUE_DECLARE = method(50, 10)
const CONFIRM_SELECT = method(85, 10)

interface Proxy {
  readonly uri: string
  /** Clients that are connected to it. */
  readonly clients: Set<Socket>
}

/**
 * A real broker, until a client calls that method.
 * @param then instead of the answer; the channel is that of the call
 */
async function brokerUntil(call: Buffer, then: (client: Socket, channel: number) => void): Promise<Proxy> {
  const clients = new Set<Socket>()
  const url = await inFrontOfOther((client, broker) => {
    clients.add(client)
    client.on('close', () => clients.delete(client))
    broker.pipe(client)
    client.on('data', (chunk) => {
      const at = chunk.indexOf(call)
      if (at < 0) broker.write(chunk)
      else {
        client.removeAllListeners('data').resume()
        then(client, chunk.readUInt16BE(at - 6))
      }
    })
  })
  // With heartbeats, a broker that sends nothing at all would be noticed after a while.
  url.search = '?heartbeat=0'
  return { uri: url.href, clients }
}

const toOther = (uri: string): object => ({
  'src-uri': 'amqp://',
  'src-queue': 'from',
  'dest-uri': uri,
  'dest-queue': 'to',
  'reconnect-delay': 0,
})

it('shovels whose destinations do not answer can be deleted', async () => {
  const calls = [CHANNEL_OPEN, CHANNEL_CLOSE, QUEUE_DECLARE, CONFIRM_SELECT]
  let asked = 0
  const proxies = await Promise.all(calls.map((call) => brokerUntil(call, () => asked++)))
  for (const [i, { uri }] of proxies.entries()) await put(`s${i}`, toOther(uri))
  await until(() => asked === calls.length, 'the calls without an answer')
  for (const i of calls.keys()) await api('DELETE', `parameters/shovel/%2F/s${i}`)
  await until(() => proxies.every(({ clients }) => clients.size === 0), 'the connections to be closed')
})

it('nothing is left of the connection to a destination that does not answer', async () => {
  let asked = false
  const { uri } = await brokerUntil(QUEUE_DECLARE, () => {
    asked = true
  })
  const set = vi.spyOn(globalThis, 'setInterval')
  const clear = vi.spyOn(globalThis, 'clearInterval')
  onTestFinished(() => void vi.restoreAllMocks())
  await put('mute', toOther(uri.replace('heartbeat=0', 'heartbeat=50')))
  const beats = (): unknown[] =>
    set.mock.calls.flatMap(([, ms], i) =>
      ms === 50_000 || ms === 25_000 ? [set.mock.results[i]?.value] : [],
    )
  await until(() => asked, 'the call without an answer')
  expect(beats()).toHaveLength(2)
  await api('DELETE', 'parameters/shovel/%2F/mute')
  await until(
    () => beats().every((beat) => clear.mock.calls.some(([cleared]) => cleared === beat)),
    'the end',
  )
})

it('the end of one connection ends a shovel while the other one does not answer', async () => {
  const destination = await brokerUntil(Buffer.from('never'), () => {})
  const source = await brokerUntil(QUEUE_DECLARE, () => {
    for (const client of destination.clients) client.destroy()
  })
  await put('mute', { ...toOther(destination.uri), 'src-uri': source.uri })
  expect(await state('mute', 'terminated')).toMatchObject({ reason: expect.stringContaining('close') })
})

const ack = (channel: number, tag: number, multiple: boolean): Buffer =>
  encodeMethodFrame(channel, { id: MethodId.BasicAck, deliveryTag: tag, multiple })

it.each([
  [
    'confirms a message that it was not sent',
    (channel: number) => ack(channel, 2 ** 32 - 2, false),
    `confirms message ${2 ** 32 - 2} of 0`,
  ],
  ['confirms all of none', (channel: number) => ack(channel, 0, true), 'confirms message 0 of 0'],
  [
    'confirms messages on another channel',
    () => ack(0, 1, false),
    'confirms messages on a channel without confirms',
  ],
])('a destination that %s ends the shovel with a reason', async (_, said, reason) => {
  const { uri } = await brokerUntil(QUEUE_DECLARE, (client, channel) => {
    // The queue is declared on the channel behind the one with confirms.
    client.write(said(channel - 1))
  })
  // Not a name that is used again: the next shovel of that name would wait until this one has ended.
  await put(reason, toOther(uri))
  expect(await state(reason, 'terminated')).toMatchObject({ reason: expect.stringContaining(reason) })
})

it('a source may confirm nothing', async () => {
  const { uri } = await brokerUntil(QUEUE_DECLARE, (client, channel) => {
    client.write(Buffer.concat([ack(channel, 2 ** 32 - 2, false), ack(channel, 1, true)]))
  })
  await put('source', { ...toOther('amqp://'), 'src-uri': uri })
  expect(await state('source', 'terminated')).toMatchObject({
    reason: expect.stringContaining('without confirms'),
  })
})
