/** What clients send behind the end of their connection: it costs nothing for each frame. */
import { once } from 'node:events'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { defaultSettings } from '../../src/config/default-settings.ts'
import type { Connection } from '../../src/connection/connection.ts'
import { encodeMethodFrame } from '../../src/protocol/frame-writer.ts'
import { MethodId, PROTOCOL_HEADER } from '../../src/protocol/generated/constants.ts'
import type { AnyMethod } from '../../src/protocol/generated/methods.ts'
import { oneForAll, silent } from '../../src/util/logger.ts'
import { RunningNode } from '../support/running-node.ts'
import { methodFrom, Wire } from '../support/wire.ts'

const FRAMES = 5_000

function frames(method: AnyMethod): Buffer {
  return Buffer.concat(new Array(FRAMES).fill(encodeMethodFrame(0, method as never)))
}

const close = frames(methodFrom(MethodId.ConnectionClose, {}) as AnyMethod)
const closeOk = frames(methodFrom(MethodId.ConnectionCloseOk, {}) as AnyMethod)
/** Refused with 505 on any channel but 0. */
const heartbeat = Buffer.from([8, 0, 1, 0, 0, 0, 0, 0xce])

async function stranger(): Promise<{ wire: Wire; connection: Connection }> {
  const listeners = [{ port: 0, bind: '127.0.0.1' }]
  const leveret = await RunningNode.start({ ...defaultSettings, listeners }, oneForAll(silent))
  onTestFinished(() => leveret.close())
  const wire = await Wire.socket(`amqp://127.0.0.1:${leveret.ports[0]}`)
  onTestFinished(() => void wire.socket.destroy())
  wire.write(PROTOCOL_HEADER)
  await wire.expect(0, MethodId.ConnectionStart)
  const [connection] = leveret.server.connections as Iterable<Connection>
  return { wire, connection: connection as Connection }
}

describe('a client that has not logged in', () => {
  it('and ends its connection again and again ends it once', async () => {
    const { wire, connection } = await stranger()
    const ends = vi.spyOn(connection, 'endSocket')
    const releases = vi.spyOn(connection, 'releaseAll')
    const ended = once(connection.socket, 'close')
    wire.write(Buffer.concat([close, closeOk, close]))
    await wire.expect(0, MethodId.ConnectionCloseOk)
    await ended
    // The second time because the socket has closed.
    expect([ends.mock.calls.length, releases.mock.calls.length]).toEqual([1, 2])
  })

  it('and answers the end again and again has its socket ended once', async () => {
    const { wire, connection } = await stranger()
    const ends = vi.spyOn(connection, 'endSocket')
    const failures = vi.spyOn(connection, 'failed')
    const ended = once(connection.socket, 'close')
    wire.write(Buffer.concat([...new Array<Buffer>(FRAMES).fill(heartbeat), closeOk]))
    await wire.expect(0, MethodId.ConnectionClose)
    await ended
    expect([failures.mock.calls.length, ends.mock.calls.length]).toEqual([1, 1])
  })
})
