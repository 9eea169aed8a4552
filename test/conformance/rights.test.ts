/** Rights hold at once: what changes for a user acts on the next method of channels that are open. */
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { useHttp } from '../management/target.ts'
import {
  CH,
  confirmed,
  confirmSelect,
  consume,
  counts,
  declareQueue,
  fill,
  holds,
} from '../support/session.ts'
import { differs, fresh, onOracle } from '../support/target.ts'
import { type HandshakeOptions, table, Wire } from '../support/wire.ts'
import { allBut, operations, type Right, withoutRight } from './operations.ts'

const http = useHttp()
const ALL = { configure: '.*', write: '.*', read: '.*' }
const cached = differs('RabbitMQ remembers what a channel was allowed until the channel is idle')
const atOnce = differs('RabbitMQ looks at rights when a consumer comes, and not again')

let vhost: string
let user: string
let owner: Wire

async function open(o: HandshakeOptions = {}): Promise<Wire> {
  const w = await Wire.open(http.amqp, { vhost, user, password: 'secret', ...o })
  onTestFinished(() => {
    w.socket.destroy()
  })
  await w.channel(CH)
  return w
}

async function permit(rights: Partial<Record<Right, string>>): Promise<void> {
  const a = await http.put(`permissions/${vhost}/${user}`, { ...ALL, ...rights })
  expect([201, 204]).toContain(a.status)
}

/** Resolves once the broker has handled everything that was sent before. */
async function handled(w: Wire): Promise<void> {
  await w.call(CH, MethodId.BasicQos, {}, MethodId.BasicQosOk)
}

async function refusal(w: Wire): Promise<[number, string]> {
  const e = await w.channelError(CH)
  return [e.code, withoutRight(e.text)]
}

beforeEach(async () => {
  vhost = fresh('rights')
  user = fresh('user')
  await http.put(`vhosts/${vhost}`)
  await http.put(`permissions/${vhost}/guest`, ALL)
  await http.put(`users/${user}`, { password: 'secret', tags: '' })
  await permit({})
  owner = await Wire.open(http.amqp, { vhost })
  await owner.channel(CH)
  for (const queue of ['q', 'q-other'])
    await owner.call(CH, MethodId.QueueDeclare, { queue }, MethodId.QueueDeclareOk)
  for (const exchange of ['x', 'x-other', 'x-topic'])
    await owner.call(CH, MethodId.ExchangeDeclare, { exchange, type: 'topic' }, MethodId.ExchangeDeclareOk)
  return async () => {
    owner.socket.destroy()
    await http.delete(`vhosts/${vhost}`)
    await http.delete(`users/${user}`)
  }
})

describe.each(operations)('%s', (name, needed, send, answer) => {
  const refused = (what: string, resource: string): [number, string] => [
    403,
    `ACCESS_REFUSED - access to ${what} '${resource}' in vhost '${vhost}' refused for user '${user}'`,
  ]

  cached.each(needed)(
    'is refused as soon as the right to %s %s %s is taken, where it was done before',
    async (right, what, resource) => {
      const w = await open()
      send(w)
      expect((await w.next(CH)).method.id).toBe(answer)
      // Where it exists already, declaring it needs fewer rights.
      await owner.call(CH, MethodId.QueueDelete, { queue: 'q-dlx' }, MethodId.QueueDeleteOk)
      await owner.call(CH, MethodId.ExchangeDelete, { exchange: 'x-ae' }, MethodId.ExchangeDeleteOk)
      await permit({ [right]: allBut(resource) })
      if (name === 'basic.consume') await w.expect(CH, MethodId.BasicCancel)
      send(w)
      expect(await refusal(w)).toEqual(refused(what, resource))
    },
  )

  it.each(needed)(
    'is refused on an open channel without the right to %s %s %s',
    async (right, what, resource) => {
      const w = await open()
      await permit({ [right]: allBut(resource) })
      send(w)
      expect(await refusal(w)).toEqual(refused(what, resource))
    },
  )

  it('is done as soon as the rights are there', async () => {
    await permit({ configure: '', write: '', read: '' })
    const w = await open()
    await permit({})
    send(w)
    expect((await w.next(CH)).method.id).toBe(answer)
  })

  cached('is refused when all permissions for the vhost have gone', async () => {
    const w = await open()
    send(w)
    expect((await w.next(CH)).method.id).toBe(answer)
    expect((await http.delete(`permissions/${vhost}/${user}`)).status).toBe(204)
    if (name === 'basic.consume') await w.expect(CH, MethodId.BasicCancel)
    send(w)
    expect((await refusal(w))[0]).toBe(403)
    // Nothing else has happened to the connection: it is of use again with its rights.
    await permit({})
    await w.channel(CH)
    send(w)
    expect((await w.next(CH)).method.id).toBe(answer)
  })
})

describe('a publisher', () => {
  cached('in full flood is refused at the next publish after the change', async () => {
    const w = await open()
    await confirmSelect(w)
    for (let i = 0; i < 500; i++) w.publish(CH, { routingKey: 'q', body: 'x' })
    await confirmed(w, 500)
    const change = permit({ write: '^x$' })
    let answered = false
    void change.then(() => {
      answered = true
    })
    let sent = 500
    while (!answered) {
      w.publish(CH, { routingKey: 'q', body: 'x' })
      sent++
      await new Promise((resolve) => setImmediate(resolve))
    }
    w.publish(CH, { routingKey: 'q', body: 'too late' })
    while ((await w.next(CH)).method.id !== MethodId.ChannelClose);
    expect((await counts(owner, 'q')).messages).toBeLessThanOrEqual(sent)
    const last = await owner.call(CH, MethodId.QueuePurge, { queue: 'q' }, MethodId.QueuePurgeOk)
    expect(last.messageCount).toBeGreaterThanOrEqual(500)
  })

  cached('whose routing keys are limited is refused though it has used the key before', async () => {
    const w = await open()
    const publish = (routingKey: string): void => w.publish(CH, { exchange: 'x-topic', routingKey })
    const topic = `topic-permissions/${vhost}/${user}`
    for (const key of ['a.b', 'c.d', 'a.b']) publish(key)
    await handled(w)
    await http.put(topic, { exchange: 'x-topic', write: '^c', read: '.*' })
    publish('c.d')
    await handled(w)
    publish('a.b')
    expect(await refusal(w)).toEqual([
      403,
      `ACCESS_REFUSED - access to topic 'a.b' in exchange 'x-topic' in vhost '${vhost}' refused for user '${user}'`,
    ])
    await w.channel(CH)
    await http.delete(topic)
    publish('a.b')
    await handled(w)
  })

  cached('may carry copies only to keys that it still has', async () => {
    const w = await open()
    const publish = (): void =>
      w.publish(CH, {
        exchange: 'x-topic',
        routingKey: 'c.d',
        properties: { headers: table({ CC: ['a.b'] }) },
      })
    publish()
    await handled(w)
    await http.put(`topic-permissions/${vhost}/${user}`, { exchange: 'x-topic', write: '^c', read: '.*' })
    publish()
    expect((await refusal(w))[1]).toContain("access to topic 'a.b'")
  })

  cached('that has begun a message when its right goes is refused when the message is whole', async () => {
    const w = await open()
    w.publish(CH, { routingKey: 'q', body: 'whole' })
    await holds(owner, 'q', 1)
    w.send(CH, MethodId.BasicPublish, { routingKey: 'q' })
    await w.call(2, MethodId.ChannelOpen, {}, MethodId.ChannelOpenOk)
    await permit({ write: '' })
    // Header frame: class 60, weight 0, an empty body, no properties.
    w.write(Buffer.from([2, 0, CH, 0, 0, 0, 14, 0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xce]))
    expect((await refusal(w))[0]).toBe(403)
    expect((await counts(owner, 'q')).messages).toBe(1)
  })

  it('in a transaction: what was published with the right is committed without it', async () => {
    const w = await open()
    await w.call(CH, MethodId.TxSelect, {}, MethodId.TxSelectOk)
    w.publish(CH, { routingKey: 'q', body: 'before' })
    await handled(w)
    await permit({ write: '' })
    await w.call(CH, MethodId.TxCommit, {}, MethodId.TxCommitOk)
    await holds(owner, 'q', 1)
  })

  cached('in a transaction is refused without the right, and nothing of it is committed', async () => {
    const w = await open()
    await w.call(CH, MethodId.TxSelect, {}, MethodId.TxSelectOk)
    w.publish(CH, { routingKey: 'q', body: 'before' })
    await handled(w)
    await permit({ write: '' })
    w.publish(CH, { routingKey: 'q', body: 'after' })
    expect((await refusal(w))[0]).toBe(403)
    expect((await counts(owner, 'q')).messages).toBe(0)
  })

  it('as another user needs the tag impersonator at that moment', async () => {
    const tags = async (list: string): Promise<void> => {
      expect((await http.put(`users/${user}`, { password: 'secret', tags: list })).status).toBe(204)
    }
    await tags('impersonator')
    const w = await open()
    const publish = (): void => w.publish(CH, { routingKey: 'q', properties: { userId: 'somebody' } })
    publish()
    await handled(w)
    if (onOracle) return
    await tags('')
    publish()
    const e = await w.channelError(CH)
    expect([e.code, e.text]).toEqual([
      406,
      `PRECONDITION_FAILED - user_id property set to 'somebody' but authenticated user was '${user}'`,
    ])
    await w.channel(CH)
    await tags('impersonator')
    publish()
    await handled(w)
  })
})

describe('a consumer whose user may not read the queue any more', () => {
  atOnce('is cancelled; what it has not settled stays with it', async () => {
    const w = await open()
    const tag = await consume(w, 'q')
    await consume(w, 'q-other', { consumerTag: 'stays' })
    await fill(owner, 'q')
    owner.publish(CH, { routingKey: 'q', body: 'one' })
    const delivery = await w.receive(CH, MethodId.BasicDeliver)
    await permit({ read: allBut('q') })
    expect(await w.expect(CH, MethodId.BasicCancel)).toMatchObject({ consumerTag: tag, nowait: true })
    owner.publish(CH, { routingKey: 'q', body: 'two' })
    await holds(owner, 'q', 1)
    w.send(CH, MethodId.BasicNack, { deliveryTag: delivery.method.deliveryTag, requeue: true })
    await holds(owner, 'q', 2)
    expect((await counts(owner, 'q')).consumers).toBe(0)
    owner.publish(CH, { routingKey: 'q-other', body: 'three' })
    expect((await w.receive(CH, MethodId.BasicDeliver)).method.consumerTag).toBe('stays')
  })

  atOnce('hears nothing where its client has not announced consumer_cancel_notify', async () => {
    const w = await open({ capabilities: { consumer_cancel_notify: false } })
    await consume(w, 'q')
    await permit({ read: '' })
    await handled(w)
    expect((await counts(owner, 'q')).consumers).toBe(0)
  })

  atOnce('gives way to the next one of an exclusive or single active consumer', async () => {
    await owner.call(
      CH,
      MethodId.QueueDeclare,
      { queue: 'single', arguments: table({ 'x-single-active-consumer': true }) },
      MethodId.QueueDeclareOk,
    )
    const w = await open()
    await consume(w, 'single', { noAck: true })
    await consume(owner, 'single', { noAck: true })
    await permit({ read: '' })
    await w.expect(CH, MethodId.BasicCancel)
    owner.publish(CH, { routingKey: 'single', body: 'mine' })
    expect(String((await owner.receive(CH, MethodId.BasicDeliver)).body)).toBe('mine')
  })

  atOnce('takes an auto-delete queue along, as any last consumer does', async () => {
    const w = await open()
    const queue = await declareQueue(w, { exclusive: false, autoDelete: true })
    await consume(w, queue)
    await consume(w, queue)
    await permit({ read: '' })
    for (let i = 0; i < 2; i++) await w.expect(CH, MethodId.BasicCancel)
    owner.send(CH, MethodId.QueueDeclare, { queue, passive: true })
    expect((await owner.channelError(CH)).code).toBe(404)
    await handled(w)
  })

  atOnce('of a stream is cancelled too', async () => {
    await owner.call(
      CH,
      MethodId.QueueDeclare,
      { queue: 'log', durable: true, arguments: table({ 'x-queue-type': 'stream' }) },
      MethodId.QueueDeclareOk,
    )
    const w = await open()
    await w.call(CH, MethodId.BasicQos, { prefetchCount: 10 }, MethodId.BasicQosOk)
    const tag = await consume(w, 'log')
    await permit({ read: '' })
    expect((await w.expect(CH, MethodId.BasicCancel)).consumerTag).toBe(tag)
  })

  it('goes on where it waits for direct replies, which need no right', async () => {
    const w = await open()
    await consume(w, 'amq.rabbitmq.reply-to', { noAck: true })
    w.publish(CH, { routingKey: 'q', properties: { replyTo: 'amq.rabbitmq.reply-to' }, body: 'request' })
    await consume(owner, 'q', { noAck: true })
    const request = await owner.receive(CH, MethodId.BasicDeliver)
    await permit({ read: '', configure: '' })
    owner.publish(CH, { routingKey: String(request.properties?.replyTo), body: 'reply' })
    expect(String((await w.receive(CH, MethodId.BasicDeliver)).body)).toBe('reply')
  })

  atOnce('goes on where the change is about another vhost or leaves it its queue', async () => {
    const other = fresh('rights-other')
    await http.put(`vhosts/${other}`)
    await http.put(`permissions/${other}/${user}`, ALL)
    const w = await open()
    const tag = await consume(w, 'q', { noAck: true })
    await http.put(`permissions/${other}/${user}`, { configure: '', write: '', read: '' })
    await permit({ configure: '', write: '', read: '^q$' })
    owner.publish(CH, { routingKey: 'q', body: 'x' })
    expect((await w.receive(CH, MethodId.BasicDeliver)).method.consumerTag).toBe(tag)
    await http.delete(`vhosts/${other}`)
  })
})

describe('a user who is deleted', () => {
  it.each([
    ['alone', () => http.delete(`users/${user}`)],
    ['with others', () => http.post('users/bulk-delete', { users: [user] })],
  ])('%s loses its connections', async (_, remove) => {
    const w = await open()
    const queue = await declareQueue(w)
    await consume(w, 'q')
    owner.publish(CH, { routingKey: 'q', body: 'unacked' })
    await w.receive(CH, MethodId.BasicDeliver)
    expect((await remove()).status).toBe(204)
    const e = await w.connectionError()
    expect([e.code, e.text, e.classId, e.methodId]).toEqual([
      320,
      `CONNECTION_FORCED - user '${user}' is deleted`,
      0,
      0,
    ])
    await w.gone()
    await holds(owner, 'q', 1)
    owner.send(CH, MethodId.QueueDeclare, { queue, passive: true })
    expect((await owner.channelError(CH)).code).toBe(404)
    const again = await Wire.open(http.amqp, { vhost, user, password: 'secret' }).catch(String)
    expect(String(again)).toContain('ACCESS_REFUSED')
  })

  differs('RabbitMQ knows connections by user only once they are open')(
    'is shut out between login and connection.open, also where a new one has the name',
    async () => {
      const w = await Wire.socket(http.amqp)
      w.write(Buffer.from('AMQP\0\0\x09\x01', 'latin1'))
      await w.expect(0, MethodId.ConnectionStart)
      w.sendStartOk({ user, password: 'secret' })
      await w.expect(0, MethodId.ConnectionTune)
      await http.delete(`users/${user}`)
      await http.put(`users/${user}`, { password: 'other', tags: '' })
      await permit({})
      w.send(0, MethodId.ConnectionTuneOk, { channelMax: 10, frameMax: 8192, heartbeat: 0 })
      w.send(0, MethodId.ConnectionOpen, { virtualHost: vhost, capabilities: '', insist: false })
      expect((await w.connectionError()).code).toBe(320)
    },
  )

  it('leaves the connections of others alone', async () => {
    await open()
    await http.delete(`users/${user}`)
    await handled(owner)
  })
})

describe('a vhost that is deleted', () => {
  it('takes its connections along', async () => {
    const w = await open()
    await http.delete(`vhosts/${vhost}`)
    const e = await w.connectionError()
    expect([e.code, e.text]).toEqual([320, `CONNECTION_FORCED - vhost '${vhost}' is deleted`])
  })
})

describe('a password that changes', () => {
  it('ends logins with the old one at once, over HTTP too; connections stay', async () => {
    await http.put(`users/${user}`, { password: 'secret', tags: 'management' })
    const w = await open()
    const whoami = async (password: string): Promise<number> =>
      (await http.get('whoami', `${user}:${password}`)).status
    expect([await whoami('secret'), await whoami('secret')]).toEqual([200, 200])
    await http.put(`users/${user}`, { password: 'other', tags: 'management' })
    expect([await whoami('secret'), await whoami('other')]).toEqual([401, 200])
    const old = await Wire.open(http.amqp, { vhost, user, password: 'secret' }).catch(String)
    expect(String(old)).toContain('ACCESS_REFUSED')
    await handled(w)
    await http.delete(`users/${user}`)
    expect(await whoami('other')).toBe(401)
  })
})

describe('the HTTP API', () => {
  it('goes by the tags and permissions of the moment', async () => {
    const login = `${user}:secret`
    const tags = (list: string): Promise<unknown> =>
      http.put(`users/${user}`, { password: 'secret', tags: list })
    const status = async (path: string): Promise<number> => (await http.get(path, login)).status
    await tags('management')
    expect([await status(`queues/${vhost}`), await status('users')]).toEqual([200, 401])
    await tags('administrator')
    expect(await status('users')).toBe(200)
    await tags('management')
    expect(await status('users')).toBe(401)
    await http.delete(`permissions/${vhost}/${user}`)
    expect(await status(`queues/${vhost}`)).toBe(401)
    await tags('')
    expect(await status('whoami')).toBe(401)
  })
})

describe('limits that change', () => {
  it('of channels act on the next channel; those that are open stay', async () => {
    const w = await open()
    await w.channel(2)
    expect((await http.put(`user-limits/${user}/max-channels`, { value: 2 })).status).toBe(204)
    w.send(3, MethodId.ChannelOpen)
    const e = await w.connectionError()
    expect([e.code, e.text]).toEqual([
      530,
      `NOT_ALLOWED - number of channels opened for user '${user}' has reached the maximum allowed user limit of 2`,
    ])
  })

  it('of connections act on the next connection; those that are open stay', async () => {
    const w = await open()
    await http.put(`user-limits/${user}/max-connections`, { value: 1 })
    const more = (): Promise<string> =>
      Wire.open(http.amqp, { vhost, user, password: 'secret' }).then(String, String)
    expect(await more()).toContain('user connection limit (1) is reached')
    await http.delete(`user-limits/${user}/max-connections`)
    await http.put(`vhost-limits/${vhost}/max-connections`, { value: 1 })
    expect(await more()).toContain('connection limit (1) is reached')
    await handled(w)
  })

  it('of queues act on the next declaration', async () => {
    const w = await open()
    await http.put(`vhost-limits/${vhost}/max-queues`, { value: 2 })
    w.send(CH, MethodId.QueueDeclare, { queue: 'third' })
    const e = await w.channelError(CH)
    expect([e.code, e.text]).toEqual([
      406,
      `PRECONDITION_FAILED - cannot declare queue 'third': queue limit in vhost '${vhost}' (2) is reached`,
    ])
  })
})

describe('definitions that are loaded', () => {
  cached('change the rights of those who are connected', async () => {
    const w = await open()
    await consume(w, 'q')
    w.publish(CH, { exchange: 'x', routingKey: 'k' })
    await handled(w)
    const permission = { user, vhost, configure: '', write: '^q', read: '' }
    expect((await http.post('definitions', { permissions: [permission] })).status).toBe(204)
    await w.expect(CH, MethodId.BasicCancel)
    w.publish(CH, { exchange: 'x', routingKey: 'k' })
    expect((await refusal(w))[0]).toBe(403)
  })
})
