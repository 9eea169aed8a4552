import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import amqp from 'amqplib'
import { describe, expect, it } from 'vitest'
import { createBroker, version } from '../../src/index.ts'
import { anyAddress } from '../../src/util/address.ts'
import { until } from '../support/until.ts'

describe('createBroker', () => {
  it('carries messages of a real client, and tells what it holds', async () => {
    const broker = await createBroker({ port: 0, storage: 'memory' })
    const client = await amqp.connect(broker.url)
    const ch = await client.createConfirmChannel()
    await ch.assertExchange('logs', 'topic', { durable: true })
    await ch.assertQueue('work', { durable: true })
    await ch.bindQueue('work', 'logs', '#.error')
    ch.publish('logs', 'app.error', Buffer.from('boom'), { persistent: true, headers: { n: 1 } })
    ch.publish('logs', 'app.info', Buffer.from('fine'))
    await ch.waitForConfirms()
    expect(broker.queues()).toEqual([{ vhost: '/', name: 'work', ready: 1, unacked: 0, consumers: 0 }])
    expect(broker.connections()).toBe(1)
    const message = await new Promise<amqp.ConsumeMessage>((resolve) => {
      void ch.consume('work', (m) => m !== null && resolve(m))
    })
    expect([message.content.toString(), message.properties.headers]).toEqual(['boom', { n: 1 }])
    ch.ack(message)
    await until(() => broker.queues()[0]?.unacked === 0)
    await client.close()
    await broker.close()
  })

  it('comes by require() too, as one module after the other without ES modules', () => {
    const flag = '--no-experimental-require-module'
    const flags = process.allowedNodeEnvironmentFlags.has(flag) ? [flag] : []
    const program = `
      const { createBroker, version } = require('leveret')
      createBroker({ port: 0, managementPort: 0, metricsPort: 0 }).then((broker) => {
        process.stdout.write(version + ' ' + new URL(broker.url).protocol)
        return broker.close()
      })`
    const r = spawnSync(process.execPath, [...flags, '--input-type=commonjs', '-e', program], {
      encoding: 'utf8',
    })
    expect([r.stdout, r.stderr, r.status]).toEqual([`${version} amqp:`, '', 0])
    expect(version).toBe((JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }).version)
  })

  it('listens for both kinds of address, and shows IPv4 ones as they are usually written', async () => {
    const broker = await createBroker({ port: 0, managementPort: 0, bind: anyAddress() })
    const client = await amqp.connect(broker.url)
    const headers = { authorization: `Basic ${btoa('guest:guest')}` }
    const r = await fetch(`http://127.0.0.1:${broker.managementPort}/api/connections`, { headers })
    expect(await r.json()).toMatchObject([
      {
        name: expect.stringMatching(/^127\.0\.0\.1:\d+ -> 127\.0\.0\.1:\d+$/),
        peer_host: '127.0.0.1',
        host: '127.0.0.1',
      },
    ])
    await client.close()
    await broker.close()
  })

  it('runs several at once', async () => {
    const brokers = await Promise.all([createBroker({ port: 0 }), createBroker({ port: 0 })])
    expect(new Set(brokers.map((b) => b.port)).size).toBe(2)
    await Promise.all(brokers.map((b) => b.close()))
  })

  it('closes twice without harm', async () => {
    const broker = await createBroker({ port: 0 })
    await Promise.all([broker.close(), broker.close()])
  })

  it('knows further users, permissions and vhosts', async () => {
    const users = [
      {
        name: 'app',
        password: 'secret',
        permissions: { '/': { configure: '^app', write: '^app|^amq\\.default$', read: '' } },
      },
      { name: 'root', password: 'root' },
    ]
    const broker = await createBroker({ port: 0, users, vhosts: ['other'] })
    expect(broker.url).toContain('app:secret@')
    const c = await amqp.connect(broker.url)
    const ch = await c.createChannel()
    await ch.assertQueue('app.q')
    const failure = new Promise<Error>((resolve) => ch.once('error', resolve))
    ch.get('app.q').catch(() => {})
    expect((await failure).message).toContain(
      "ACCESS_REFUSED - read access to queue 'app.q' in vhost '/' refused for user 'app'",
    )
    await c.close()
    await expect(amqp.connect(`${broker.url}/other`)).rejects.toThrow(/ConnectionClose/)
    await (await amqp.connect(`amqp://root:root@127.0.0.1:${broker.port}/other`)).close()
    await expect(amqp.connect(`amqp://guest:guest@127.0.0.1:${broker.port}`)).rejects.toThrow(
      /ACCESS_REFUSED|403/,
    )
    await broker.close()
  })

  it('rejects a port in use and lets go of the folder', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'leveret-embed-'))
    const first = await createBroker({ port: 0 })
    await expect(createBroker({ port: first.port, storage: 'lmdb', dataDir })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    })
    const second = await createBroker({ port: 0, storage: 'lmdb', dataDir })
    await expect(createBroker({ port: 0, storage: 'lmdb', dataDir })).rejects.toMatchObject({
      code: 'LOCKED',
    })
    await Promise.all([first.close(), second.close()])
    rmSync(dataDir, { recursive: true, force: true })
  })
})
