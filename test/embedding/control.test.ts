import amqp from 'amqplib'
import { describe, expect, it, onTestFinished } from 'vitest'
import { BrokerError, type BrokerOptions, createBroker, type RunningBroker } from '../../src/index.ts'
import { testFolder } from '../support/folder.ts'

async function start(options: BrokerOptions = {}): Promise<RunningBroker> {
  const broker = await createBroker({ port: 0, ...options })
  onTestFinished(() => broker.close())
  return broker
}

async function connect(url: string): Promise<amqp.ChannelModel> {
  const client = await amqp.connect(url)
  client.on('error', () => {})
  onTestFinished(() => client.close().catch(() => {}))
  return client
}

const rights = { configure: '.*', write: '.*', read: '.*' }

/** The broker for programs without types. */
type Untyped = { [method in keyof RunningBroker]: (...args: unknown[]) => unknown }

describe('counts of a queue', () => {
  it('are those of now, and undefined without the queue', async () => {
    const broker = await start({ vhosts: ['other'] })
    const ch = await (await connect(broker.url)).createConfirmChannel()
    await ch.assertQueue('q')
    ch.sendToQueue('q', Buffer.from('1'))
    ch.sendToQueue('q', Buffer.from('2'))
    await ch.waitForConfirms()
    expect(broker.queue('q')).toEqual({ vhost: '/', name: 'q', ready: 2, unacked: 0, consumers: 0 })
    await ch.get('q')
    expect(broker.queue('q')).toMatchObject({ ready: 1, unacked: 1 })
    expect(broker.queue('nope')).toBeUndefined()
    expect(broker.queue('q', { vhost: 'other' })).toBeUndefined()
    expect(broker.queue('q', { vhost: 'nope' })).toBeUndefined()
  })

  it('are waited for, from before the queue is there', async () => {
    const broker = await start()
    const two = broker.waitForQueue('q', { ready: 2, consumers: 0 })
    const empty = broker.waitForQueue('q', (q) => q.consumers === 1 && q.ready + q.unacked === 0)
    const ch = await (await connect(broker.url)).createChannel()
    await ch.assertQueue('q')
    ch.sendToQueue('q', Buffer.from('1'))
    ch.sendToQueue('q', Buffer.from('2'))
    expect(await two).toEqual({ vhost: '/', name: 'q', ready: 2, unacked: 0, consumers: 0 })
    await ch.consume('q', (m) => m !== null && ch.ack(m))
    expect(await empty).toMatchObject({ ready: 0, unacked: 0, consumers: 1 })
  })

  it('that do not come are given up with what there was', async () => {
    const broker = await start()
    const ch = await (await connect(broker.url)).createChannel()
    await ch.assertQueue('q')
    await expect(broker.waitForQueue('q', { ready: 1 }, { timeoutMs: 20 })).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: `queue 'q' did not reach {"ready":1} in time: it has ready 0, unacked 0, consumers 0`,
    })
    await expect(broker.waitForQueue('none', () => true, { timeoutMs: 0 })).rejects.toThrow(
      'it does not exist',
    )
    const waiting = broker.waitForQueue('q', { ready: 1 })
    await Promise.all([expect(waiting).rejects.toMatchObject({ code: 'CLOSED' }), broker.close()])
  })
})

describe('purge', () => {
  it('removes what is ready and says how much it was', async () => {
    const broker = await start()
    const ch = await (await connect(broker.url)).createConfirmChannel()
    await ch.assertQueue('q')
    for (const m of ['1', '2', '3']) ch.sendToQueue('q', Buffer.from(m))
    await ch.waitForConfirms()
    await ch.get('q')
    expect(await broker.purge('q')).toBe(2)
    expect(broker.queue('q')).toMatchObject({ ready: 0, unacked: 1 })
  })

  it('has codes for what is not there, and for streams', async () => {
    const broker = await start()
    const ch = await (await connect(broker.url)).createChannel()
    await ch.assertQueue('s', { arguments: { 'x-queue-type': 'stream' } })
    await expect(broker.purge('nope')).rejects.toMatchObject({ name: 'BrokerError', code: 'NOT_FOUND' })
    await expect(broker.purge('q', { vhost: 'nope' })).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(broker.purge('s')).rejects.toMatchObject({ code: 'REFUSED' })
  })
})

describe('users and vhosts', () => {
  it('may be added while it runs, with rights in what is there and what comes', async () => {
    const broker = await start({ users: [{ name: 'root', password: 'r' }] })
    await broker.addUser({ name: 'app', password: 'secret' })
    await broker.addUser({ name: 'half', password: 'h', permissions: { '/': { ...rights, write: '^$' } } })
    await broker.addVhost('new')
    await broker.addVhost('new')
    for (const login of ['root:r', 'app:secret'])
      for (const vhost of ['', '/new']) await connect(`amqp://${login}@127.0.0.1:${broker.port}${vhost}`)
    await connect(`amqp://half:h@127.0.0.1:${broker.port}`)
    await expect(connect(`amqp://half:h@127.0.0.1:${broker.port}/new`)).rejects.toThrow(/ConnectionClose/)
  })

  it('are checked as the options are', async () => {
    const broker = await start()
    const add = (user: unknown): Promise<void> => broker.addUser(user as { name: string; password: string })
    await expect(add({ name: 'a' })).rejects.toMatchObject({ name: 'TypeError', code: 'INVALID_OPTION' })
    await expect(add({ name: 'a', password: '' })).rejects.toThrow("'user.password'")
    await expect(add({ name: 'guest', password: 'x' })).rejects.toMatchObject({ code: 'EXISTS' })
    await expect(broker.addVhost('')).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    await expect(broker.addVhost('x'.repeat(256))).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })
})

describe('arguments of methods', () => {
  const policy = { name: 'p', pattern: '', definition: { 'max-length': 1 } }
  it.each([
    ["waitForQueue('q', { redy: 1 })", (b) => b.waitForQueue('q', { redy: 1 }), 'wanted.redy'],
    ["waitForQueue('q', { ready: '1' })", (b) => b.waitForQueue('q', { ready: '1' }), 'wanted.ready'],
    ["waitForQueue('q')", (b) => b.waitForQueue('q'), 'wanted'],
    ['waitForQueue(5, {})', (b) => b.waitForQueue(5, {}), 'name'],
    ["waitForQueue('q', {}, { timeout: 1 })", (b) => b.waitForQueue('q', {}, { timeout: 1 }), 'timeout'],
    ['waitForQueue with -1 ms', (b) => b.waitForQueue('q', {}, { timeoutMs: -1 }), 'timeoutMs'],
    ["queue('q', { vhosts: '/' })", (b) => b.queue('q', { vhosts: '/' }), 'vhosts'],
    ['queue()', (b) => b.queue(), 'name'],
    ["purge('q', '/')", (b) => b.purge('q', '/'), 'options'],
    ['reset({ keepConnection: true })', (b) => b.reset({ keepConnection: true }), 'keepConnection'],
    ["reset({ keepConnections: 'yes' })", (b) => b.reset({ keepConnections: 'yes' }), 'keepConnections'],
    ['setPolicy with apply-to', (b) => b.setPolicy({ ...policy, 'apply-to': 'queues' }), 'policy.apply-to'],
    ['setPolicy(null)', (b) => b.setPolicy(null), 'policy'],
    ['setPolicy with operater', (b) => b.setPolicy(policy, { operater: true }), 'operater'],
    ['removePolicy()', (b) => b.removePolicy(), 'name'],
    ["trace('on')", (b) => b.trace('on'), 'on'],
    ["redrive('q', { form: 'a' })", (b) => b.redrive('q', { form: 'a' }), 'form'],
    ["redrive('q', { rate: 0 })", (b) => b.redrive('q', { rate: 0 }), 'rate'],
  ] satisfies [string, (b: Untyped) => unknown, string][])('%s is a TypeError', async (_, call, option) => {
    const broker = await start()
    const wrong = { name: 'TypeError', code: 'INVALID_OPTION', option }
    await expect((async () => call(broker as unknown as Untyped))()).rejects.toMatchObject(wrong)
  })
})

describe('every error', () => {
  it('has a code', async () => {
    const broker = await start()
    const policy = { name: 'p', pattern: '(', definition: { 'max-length': 1 } }
    await expect(broker.setPolicy(policy)).rejects.toMatchObject({ code: 'REFUSED' })
    await expect(broker.setPolicy({ ...policy, pattern: '' }, { vhost: 'x' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
    await expect(broker.removePolicy('p', { vhost: 'x' })).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(broker.redrive('nope')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(() => broker.trace(true, { vhost: 'x' })).toThrow(BrokerError)
    await broker.close()
    for (const done of [
      broker.reset(),
      broker.purge('q'),
      broker.addVhost('v'),
      broker.addUser({ name: 'a', password: 'b' }),
      broker.setPolicy({ ...policy, pattern: '' }),
      broker.waitForQueue('q', {}),
    ])
      await expect(done).rejects.toMatchObject({ name: 'BrokerError', code: 'CLOSED' })
    expect([broker.queues(), broker.connections()]).toEqual([[], 0])
  })
})

describe('reset', () => {
  const users = [
    { name: 'root', password: 'r', tags: ['administrator'] },
    { name: 'reader', password: 'x', permissions: { '/': { configure: '', write: '', read: '.*' } } },
  ]

  /** Something of each kind. */
  async function fill(broker: RunningBroker): Promise<amqp.ChannelModel> {
    const client = await connect(broker.url)
    const ch = await client.createConfirmChannel()
    await ch.assertExchange('x', 'topic')
    await ch.bindExchange('amq.fanout', 'amq.direct', 'k')
    await ch.assertQueue('q')
    await ch.assertQueue('own', { exclusive: true })
    await ch.bindQueue('q', 'x', '#')
    ch.publish('x', 'k', Buffer.from('1'), { persistent: true })
    await ch.waitForConfirms()
    await broker.addUser({ name: 'extra', password: 'e' })
    await broker.addVhost('extra')
    await broker.setPolicy({ name: 'short', pattern: '', definition: { 'max-length': 1 } })
    await broker.setPolicy(
      { name: 'short', pattern: '', definition: { 'max-length': 1 } },
      { operator: true },
    )
    return client
  }

  const state = async (broker: RunningBroker): Promise<unknown> => {
    const headers = { authorization: `Basic ${btoa('root:r')}` }
    const r = await fetch(`http://127.0.0.1:${broker.managementPort}/api/definitions`, { headers })
    const { users: found, vhosts, ...rest } = (await r.json()) as Record<string, { name: string }[]>
    const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1)
    return { ...rest, vhosts: vhosts?.sort(byName), users: found?.map((u) => u.name).sort() }
  }

  const options = { managementPort: 0, users, vhosts: ['mine'] }

  it.each([['in memory'], ['on disk']])('brings back how it began, %s', async (where) => {
    const dataDir = testFolder('reset')
    const own = where === 'on disk' ? { ...options, dataDir } : options
    const broker = await start(own)
    const fresh = await state(broker)
    for (let round = 0; round < 2; round++) {
      const client = await fill(broker)
      const ended = new Promise((resolve) => client.once('close', resolve))
      expect(await state(broker)).not.toEqual(fresh)
      const { port } = broker
      await broker.reset()
      await ended
      expect(broker.queues()).toEqual([])
      expect(broker.connections()).toBe(0)
      expect(broker.port).toBe(port)
      expect(await state(broker)).toEqual(fresh)
      await connect(`amqp://reader:x@127.0.0.1:${port}`)
      await expect(connect(`amqp://extra:e@127.0.0.1:${port}`)).rejects.toThrow(/403|ACCESS/)
    }
    if (where === 'in memory') return
    await broker.close()
    const again = await start(own)
    expect([again.queues(), await state(again)]).toEqual([[], fresh])
  })

  it('gives guest back to a broker without users of its own', async () => {
    const broker = await start()
    await broker.reset()
    await connect(broker.url)
  })

  it('leaves connections open where that is asked for', async () => {
    const broker = await start()
    const client = await connect(broker.url)
    const ch = await client.createConfirmChannel()
    await ch.assertQueue('q')
    const cancelled = new Promise((resolve) => void ch.consume('q', (m) => m === null && resolve(true)))
    await broker.waitForQueue('q', { consumers: 1 })
    await broker.reset({ keepConnections: true })
    await cancelled
    expect(broker.connections()).toBe(1)
    await ch.assertQueue('q', { durable: false })
    ch.sendToQueue('q', Buffer.from('1'))
    await ch.waitForConfirms()
    expect(broker.queue('q')).toMatchObject({ ready: 1 })
  })
})

describe('Symbol.asyncDispose', () => {
  it('closes the broker', async () => {
    const broker = await start()
    await broker[Symbol.asyncDispose]()
    await expect(amqp.connect(broker.url)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })
})
