/** What clients that have not logged in have sent, and what waits for a turn with time: how much of it is kept. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { expect, it, onTestFinished, vi } from 'vitest'
import { createWebSocketStream, WebSocket } from 'ws'
import { defaultSettings } from '../../src/config/default-settings.ts'
import { PROTOCOL_HEADER } from '../../src/protocol/generated/constants.ts'
import { oneForAll, silent } from '../../src/util/logger.ts'
import { RunningNode } from '../support/running-node.ts'
import { otherThingsHappen } from '../support/session.ts'
import { until } from '../support/until.ts'
import { Wire } from '../support/wire.ts'

const HOST = '127.0.0.1'
const at = (name: string): string => join(import.meta.dirname, '../support/certificates', name)
const tls = { certfile: at('server.pem'), keyfile: at('server.key') }
const ca = readFileSync(at('ca.pem'))
const MUCH = 1024 * 1024
/** One read of 64 KiB, and what came before it: a handshake, or an upgrade. */
const KEPT_MAX = 96 * 1024
/** More than what came before, so that the rest waits. */
const KEPT_MIN = 8 * 1024

async function webSocket(node: RunningNode): Promise<Socket> {
  const ws = new WebSocket(`ws://${HOST}:${node.managementPort}/ws/amqp`, 'amqp')
  onTestFinished(() => ws.terminate())
  await once(ws, 'open')
  return createWebSocketStream(ws) as unknown as Socket
}

async function withTls(node: RunningNode): Promise<Socket> {
  const socket = connectTls({ port: node.ports[1] as number, host: HOST, ca })
  await once(socket, 'secureConnect')
  return socket
}

it.each([
  ['TLS', withTls],
  ['a WebSocket', webSocket],
])('is one read of each at most: %s', async (_, open) => {
  const listeners = [
    { port: 0, bind: HOST },
    { port: 0, bind: HOST, tls },
  ]
  const management = [{ port: 0, bind: HOST }]
  const node = await RunningNode.start({ ...defaultSettings, listeners, management }, oneForAll(silent))
  onTestFinished(() => node.close())
  const other = connect(node.ports[0] as number, HOST)
  onTestFinished(() => void other.destroy())
  const w = await Wire.over(other)
  await w.channel(1)
  const client = (await open(node)).on('error', () => {})
  onTestFinished(() => void client.destroy())
  client.write(PROTOCOL_HEADER)
  await once(client, 'data')
  const [, connection] = node.server.connections
  // No turn has time for clients that have not logged in.
  const late = vi.spyOn(node.broker.turn, 'isStrangersInputLate', 'get').mockReturnValue(true)
  client.write(Buffer.alloc(MUCH, Buffer.from([8, 0, 0, 0, 0, 0, 0, 0xce])))
  const socket = connection?.socket as Socket & { carrier?: Socket }
  const read = (): number => (socket.carrier ?? socket).bytesRead
  await until(() => read() > KEPT_MIN)
  for (let n = 0; n < 20; n++) await otherThingsHappen(w)
  expect(read()).toBeLessThan(KEPT_MAX)
  late.mockRestore()
  await until(() => (connection?.intake.octets ?? 0) >= MUCH, 'all to be handled')
})
