/** A process in which brokers come and go. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { BrokerHost, Membership } from '../../src/cluster/membership.ts'
import { defaultSettings } from '../../src/config/default-settings.ts'
import type { Settings } from '../../src/config/settings.ts'
import type { Listener } from '../../src/connection/listener.ts'
import type { Receiver } from '../../src/connection/listeners.ts'
import { BrokerNode } from '../../src/node/node.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { Abandoned } from '../../src/storage/batch.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import type { StorageWrite } from '../../src/storage/storage.ts'
import { oneForAll, silent } from '../../src/util/logger.ts'
import { CH, confirmSelect, declareQueue } from '../support/session.ts'
import { until } from '../support/until.ts'
import { Wire } from '../support/wire.ts'

const at = (name: string): string => join(import.meta.dirname, '../support/certificates', name)
const tls = { certfile: at('server.pem'), keyfile: at('server.key') }

/** Writes wait until they are let go. */
class GatedStorage extends MemoryStorage {
  private gate = Promise.resolve()
  writes = 0
  open: () => void = () => {}

  shut(): void {
    this.gate = new Promise((resolve) => {
      this.open = resolve
    })
  }

  override async write(batch: readonly StorageWrite[]): Promise<void> {
    this.writes++
    await this.gate
    await super.write(batch)
  }
}

/** Does what the test says. */
class Directed implements Membership {
  host!: BrokerHost

  async start(host: BrokerHost): Promise<void> {
    this.host = host
  }

  close(): Promise<void> {
    return this.host.closeBroker()
  }
}

async function start(more: Partial<Settings> = {}): Promise<{ node: BrokerNode; host: BrokerHost }> {
  const here = [{ port: 0, bind: '127.0.0.1' }]
  const directed = new Directed()
  const settings = { ...defaultSettings, listeners: here, management: here, metrics: here, ...more }
  const node = await BrokerNode.start(settings, oneForAll(silent), directed)
  onTestFinished(() => node.close())
  return { node, host: directed.host }
}

const urlOf = (node: BrokerNode): string => `amqp://guest:guest@127.0.0.1:${node.ports[0]}`

async function session(node: BrokerNode): Promise<Wire> {
  const w = await Wire.open(urlOf(node))
  onTestFinished(() => void w.socket.destroy())
  await w.channel(CH)
  return w
}

async function http(node: BrokerNode, path: string): Promise<Response> {
  const authorization = `Basic ${Buffer.from('guest:guest').toString('base64')}`
  return await fetch(`http://127.0.0.1:${node.managementPort}/api/${path}`, { headers: { authorization } })
}

const durable = { queue: 'kept', durable: true, exclusive: false }

async function publishDurably(w: Wire, body: string): Promise<void> {
  w.publish(CH, { routingKey: 'kept', body, properties: { deliveryMode: 2 } })
  await w.expect(CH, MethodId.BasicAck)
}

describe('a broker', () => {
  it('is opened on what the one before has left, on the same ports', async () => {
    const storage = new GatedStorage({ keeps: true })
    const { node, host } = await start()
    for (let i = 0; i < 3; i++) {
      await host.openBroker(storage)
      const w = await session(node)
      await declareQueue(w, durable)
      await confirmSelect(w)
      await publishDurably(w, String(i))
      const get = await w.call(
        CH,
        MethodId.QueueDeclare,
        { ...durable, passive: true },
        MethodId.QueueDeclareOk,
      )
      expect(get.messageCount).toBe(i + 1)
      expect((await http(node, 'queues/%2F/kept')).status).toBe(200)
      const closed = host.closeBroker()
      expect((await w.connectionError()).code).toBe(320)
      await closed
      expect(node.active).toBeUndefined()
    }
  })

  it('that is deposed confirms nothing more and is forgotten; its clients are told why', async () => {
    const storage = new GatedStorage({ keeps: true })
    const { node, host } = await start()
    await host.openBroker(storage)
    const w = await session(node)
    await declareQueue(w, durable)
    await confirmSelect(w)
    await publishDurably(w, 'kept')
    storage.shut()
    const { writes } = storage
    w.publish(CH, { routingKey: 'kept', body: 'lost', properties: { deliveryMode: 2 } })
    await until(() => storage.writes > writes, 'the write')
    const waiting = expect(node.active?.model.commit.flush()).rejects.toThrow(Abandoned)
    const deposed = host.deposeBroker('another node is active')
    expect(node.active).toBeUndefined()
    storage.open()
    const close = await w.expect(0, MethodId.ConnectionClose)
    expect([close.replyCode, close.replyText]).toEqual([
      320,
      "CONNECTION_FORCED - broker forced connection closure with reason 'another node is active'",
    ])
    w.send(0, MethodId.ConnectionCloseOk, {})
    await deposed
    await waiting
    await host.openBroker(storage)
    await declareQueue(await session(node), durable)
  })

  it('whose store cannot be used is not open', async () => {
    const { node, host } = await start({ definitions: '/nowhere' })
    await expect(host.openBroker(new MemoryStorage())).rejects.toThrow('/nowhere')
    expect(node.active).toBeUndefined()
  })
})

describe('while there is no broker', () => {
  it('HTTP answers 503, metrics are those of the process, and AMQP clients are turned away', async () => {
    const { node, host } = await start()
    expect((await http(node, 'overview')).status).toBe(503)
    const metrics = async (): Promise<string> =>
      await (await fetch(`http://127.0.0.1:${node.metricsPort}/metrics`)).text()
    expect(await metrics()).toMatch(/^rabbitmq_process_resident_memory_bytes \d+/m)
    expect(await metrics()).not.toContain('rabbitmq_queues')
    const socket = connect(node.ports[0] as number, '127.0.0.1').on('error', () => {})
    await once(socket, 'close')
    await host.openBroker(new MemoryStorage())
    expect((await http(node, 'overview')).status).toBe(200)
    expect(await metrics()).toContain('rabbitmq_queues 0')
    await host.deposeBroker('elsewhere')
    expect((await http(node, 'overview')).status).toBe(503)
  })

  it('a relay gets the sockets as they came, TLS untouched', async () => {
    const listeners = [
      { port: 0, bind: '127.0.0.1' },
      { port: 0, bind: '127.0.0.1', tls },
    ]
    const { node, host } = await start({ listeners })
    const came: { socket: Socket; listener: Listener }[] = []
    const relay: Receiver = {
      accept: (socket) => void socket.destroy(),
      relay: (socket, listener) => void came.push({ socket, listener }),
    }
    host.listeners.receiver = relay
    for (const [i, port] of node.ports.entries()) {
      const socket = connect(port, '127.0.0.1')
      onTestFinished(() => void socket.destroy())
      socket.write('octets')
      await until(() => came.length > i)
      const { socket: accepted, listener } = came[i] as (typeof came)[number]
      onTestFinished(() => void accepted.destroy())
      expect(listener).toBe(node.listeners.open[i])
      expect(listener.secure).toBe(i === 1)
      const data = once(accepted, 'data')
      accepted.resume()
      const [chunk] = await data
      expect(String(chunk)).toBe('octets')
    }
    await host.openBroker(new MemoryStorage())
    await session(node)
  })
})
