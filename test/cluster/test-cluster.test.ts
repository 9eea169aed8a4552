/** createCluster: real clients on several nodes in this process. */
import { connect as netConnect } from 'node:net'
import amqp from 'amqplib'
import { afterEach, describe, expect, it } from 'vitest'
import { createCluster, type TestCluster } from '../../src/index.ts'
import { until } from '../support/until.ts'

let cluster: TestCluster | undefined
afterEach(async () => {
  await cluster?.close()
  cluster = undefined
})

async function start(options: Parameters<typeof createCluster>[0] = {}): Promise<TestCluster> {
  cluster = await createCluster({ failoverAfter: 400, ...options })
  return cluster
}

async function connect(url: string): Promise<amqp.ChannelModel> {
  const c = await amqp.connect(url)
  c.on('error', () => {})
  return c
}

/** All messages of a queue, as they are got. */
async function drain(url: string, queue: string): Promise<{ text: string; redelivered: boolean }[]> {
  const c = await connect(url)
  const ch = await c.createChannel()
  const out: { text: string; redelivered: boolean }[] = []
  for (let m = await ch.get(queue); m !== false; m = await ch.get(queue)) {
    out.push({ text: m.content.toString(), redelivered: m.fields.redelivered })
    ch.ack(m)
  }
  await c.close()
  return out
}

async function publish(url: string, queue: string, texts: readonly string[]): Promise<void> {
  const c = await connect(url)
  const ch = await c.createConfirmChannel()
  await ch.assertQueue(queue, { durable: true })
  for (const t of texts) ch.sendToQueue(queue, Buffer.from(t), { persistent: true })
  await ch.waitForConfirms()
  await c.close()
}

const texts = (count: number, name = 'm'): string[] => Array.from({ length: count }, (_, i) => `${name}${i}`)

describe('createCluster', () => {
  it('serves clients at every node, and goes on with another one when the active one is killed', async () => {
    const c = await start()
    expect(c.nodes.map((n) => n.name)).toEqual(['node-1', 'node-2', 'node-3'])
    for (const [i, url] of c.urls.entries()) await publish(url, 'work', texts(10, `from ${i} `))
    const first = c.active?.name as string
    await c.kill(first)
    const second = await c.untilActive()
    expect(second.name).not.toBe(first)
    const left = c.nodes.filter((n) => n.running).map((n) => n.url)
    await publish(left[0] as string, 'work', texts(5, 'later '))
    const got = await drain(left[1] as string, 'work')
    expect(got.map((m) => m.text)).toEqual(
      [0, 1, 2].flatMap((i) => texts(10, `from ${i} `)).concat(texts(5, 'later ')),
    )
    // Those that were there at the takeover may have been delivered before.
    expect(got.map((m) => m.redelivered)).toEqual([...Array(30).fill(true), ...Array(5).fill(false)])
  })

  it('closes the clients of a node that hands over with 320, and keeps what they had not acknowledged', async () => {
    const c = await start()
    const url = c.urls[0] as string
    await publish(url, 'work', texts(4))
    const client = await amqp.connect(url)
    const error = new Promise<Error & { code?: number }>((resolve) => client.once('close', resolve))
    const ch = await client.createChannel()
    const m = (await ch.get('work')) as amqp.GetMessage
    const second = (await ch.get('work')) as amqp.GetMessage
    ch.ack(second)
    // Nothing answers an acknowledgement: the broker has it once it answers what comes behind it.
    await ch.checkQueue('work')
    const target = c.nodes.find((n) => !n.active)?.name as string
    // A node that was held up by others on the machine may be fenced for a moment, and refuses then.
    await until(async () => (await c.promote(target).catch(() => 'not yet')) === undefined)
    expect(c.active?.name).toBe(target)
    expect((await error).message).toContain(`node ${target} is active now`)
    expect((await error).code).toBe(320)
    const texts2 = (await drain(c.urls[1] as string, 'work')).map((g) => g.text)
    expect(texts2).toEqual([m.content.toString(), 'm2', 'm3'])
  })

  it('a node that was away comes back as a standby with everything, and can be the active one', async () => {
    const c = await start({ nodes: ['a', 'b'] })
    await publish(c.urls[0] as string, 'one', texts(3))
    const first = c.active?.name as string
    await c.kill(first)
    await c.untilActive()
    const other = c.nodes.find((n) => n.name !== first)
    await publish(other?.url as string, 'two', texts(3))
    await c.restart(first)
    await until(async () => (await c.promote(first).catch(() => 'not yet')) === undefined)
    expect(c.active?.name).toBe(first)
    expect((await drain(other?.url as string, 'one')).length).toBe(3)
    expect((await drain(c.urls[0] as string, 'two')).length).toBe(3)
  })

  it('stopping the active node hands over at once', async () => {
    const c = await start({ failoverAfter: 20_000 })
    await publish(c.urls[0] as string, 'q', texts(2))
    await c.stop(c.active?.name as string)
    const next = await c.untilActive()
    expect((await drain(next.url, 'q')).length).toBe(2)
  })

  it('clients that come while no node is active wait for one', async () => {
    const c = await start()
    await publish(c.urls[0] as string, 'q', texts(1))
    const standby = c.nodes.find((n) => !n.active)?.url as string
    await c.kill(c.active?.name as string)
    expect((await drain(standby, 'q')).length).toBe(1)
  })

  it('the address of a client that is passed on is its own', async () => {
    const c = await start({ management: true })
    const standby = c.nodes.find((n) => !n.active)?.port as number
    const socket = netConnect(standby, '127.0.0.1')
    await new Promise((resolve) => socket.once('connect', resolve))
    socket.write('AMQP\0\0\x09\x01')
    await new Promise((resolve) => socket.once('data', resolve))
    const port = c.active?.managementPort
    const auth = { authorization: `Basic ${Buffer.from('guest:guest').toString('base64')}` }
    const client = await connect(c.nodes.find((n) => !n.active)?.url as string)
    const list = await fetch(`http://127.0.0.1:${port}/api/connections`, { headers: auth })
    const connections = (await list.json()) as { peer_host: string; peer_port: number }[]
    expect(connections.map((x) => x.peer_host)).toEqual(['127.0.0.1'])
    socket.destroy()
    await client.close()
  })
})
