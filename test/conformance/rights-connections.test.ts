/** What becomes of consumers and connections of a user whose rights change, or who goes. */
import { describe, expect, it } from 'vitest'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { CH, consume, counts, declareQueue, fill, holds } from '../support/session.ts'
import { differs, fresh } from '../support/target.ts'
import { table, Wire } from '../support/wire.ts'
import { allBut } from './operations.ts'
import { atOnce, handled, useRights } from './rights-of-a-user.ts'

const r = useRights()
const ALL = { configure: '.*', write: '.*', read: '.*' }

describe('a consumer whose user may not read the queue any more', () => {
  atOnce('is cancelled; what it has not settled stays with it', async () => {
    const w = await r.open()
    const tag = await consume(w, 'q')
    await consume(w, 'q-other', { consumerTag: 'stays' })
    await fill(r.owner, 'q')
    r.owner.publish(CH, { routingKey: 'q', body: 'one' })
    const delivery = await w.receive(CH, MethodId.BasicDeliver)
    await r.permit({ read: allBut('q') })
    expect(await w.expect(CH, MethodId.BasicCancel)).toMatchObject({ consumerTag: tag, nowait: true })
    r.owner.publish(CH, { routingKey: 'q', body: 'two' })
    await holds(r.owner, 'q', 1)
    w.send(CH, MethodId.BasicNack, { deliveryTag: delivery.method.deliveryTag, requeue: true })
    await holds(r.owner, 'q', 2)
    expect((await counts(r.owner, 'q')).consumers).toBe(0)
    r.owner.publish(CH, { routingKey: 'q-other', body: 'three' })
    expect((await w.receive(CH, MethodId.BasicDeliver)).method.consumerTag).toBe('stays')
  })

  atOnce('hears nothing where its client has not announced consumer_cancel_notify', async () => {
    const w = await r.open({ capabilities: { consumer_cancel_notify: false } })
    await consume(w, 'q')
    await r.permit({ read: '' })
    await handled(w)
    expect((await counts(r.owner, 'q')).consumers).toBe(0)
  })

  atOnce('gives way to the next one of an exclusive or single active consumer', async () => {
    await r.owner.call(
      CH,
      MethodId.QueueDeclare,
      { queue: 'single', arguments: table({ 'x-single-active-consumer': true }) },
      MethodId.QueueDeclareOk,
    )
    const w = await r.open()
    await consume(w, 'single', { noAck: true })
    await consume(r.owner, 'single', { noAck: true })
    await r.permit({ read: '' })
    await w.expect(CH, MethodId.BasicCancel)
    r.owner.publish(CH, { routingKey: 'single', body: 'mine' })
    expect(String((await r.owner.receive(CH, MethodId.BasicDeliver)).body)).toBe('mine')
  })

  atOnce('takes an auto-delete queue along, as any last consumer does', async () => {
    const w = await r.open()
    const queue = await declareQueue(w, { exclusive: false, autoDelete: true })
    await consume(w, queue)
    await consume(w, queue)
    await r.permit({ read: '' })
    for (let i = 0; i < 2; i++) await w.expect(CH, MethodId.BasicCancel)
    r.owner.send(CH, MethodId.QueueDeclare, { queue, passive: true })
    expect((await r.owner.channelError(CH)).code).toBe(404)
    await handled(w)
  })

  atOnce('of a stream is cancelled too', async () => {
    await r.owner.call(
      CH,
      MethodId.QueueDeclare,
      { queue: 'log', durable: true, arguments: table({ 'x-queue-type': 'stream' }) },
      MethodId.QueueDeclareOk,
    )
    const w = await r.open()
    await w.call(CH, MethodId.BasicQos, { prefetchCount: 10 }, MethodId.BasicQosOk)
    const tag = await consume(w, 'log')
    await r.permit({ read: '' })
    expect((await w.expect(CH, MethodId.BasicCancel)).consumerTag).toBe(tag)
  })

  it('goes on where it waits for direct replies, which need no right', async () => {
    const w = await r.open()
    await consume(w, 'amq.rabbitmq.reply-to', { noAck: true })
    w.publish(CH, { routingKey: 'q', properties: { replyTo: 'amq.rabbitmq.reply-to' }, body: 'request' })
    await consume(r.owner, 'q', { noAck: true })
    const request = await r.owner.receive(CH, MethodId.BasicDeliver)
    await r.permit({ read: '', configure: '' })
    r.owner.publish(CH, { routingKey: String(request.properties?.replyTo), body: 'reply' })
    expect(String((await w.receive(CH, MethodId.BasicDeliver)).body)).toBe('reply')
  })

  atOnce('goes on where the change is about another vhost or leaves it its queue', async () => {
    const other = fresh('rights-other')
    await r.http.put(`vhosts/${other}`)
    await r.http.put(`permissions/${other}/${r.user}`, ALL)
    const w = await r.open()
    const tag = await consume(w, 'q', { noAck: true })
    await r.http.put(`permissions/${other}/${r.user}`, { configure: '', write: '', read: '' })
    await r.permit({ configure: '', write: '', read: '^q$' })
    r.owner.publish(CH, { routingKey: 'q', body: 'x' })
    expect((await w.receive(CH, MethodId.BasicDeliver)).method.consumerTag).toBe(tag)
    await r.http.delete(`vhosts/${other}`)
  })
})

describe('a user who is deleted', () => {
  it.each([
    ['alone', () => r.http.delete(`users/${r.user}`)],
    ['with others', () => r.http.post('users/bulk-delete', { users: [r.user] })],
  ])('%s loses its connections', async (_, remove) => {
    const w = await r.open()
    const queue = await declareQueue(w)
    await consume(w, 'q')
    r.owner.publish(CH, { routingKey: 'q', body: 'unacked' })
    await w.receive(CH, MethodId.BasicDeliver)
    expect((await remove()).status).toBe(204)
    const e = await w.connectionError()
    expect([e.code, e.text, e.classId, e.methodId]).toEqual([
      320,
      `CONNECTION_FORCED - user '${r.user}' is deleted`,
      0,
      0,
    ])
    await w.gone()
    await holds(r.owner, 'q', 1)
    r.owner.send(CH, MethodId.QueueDeclare, { queue, passive: true })
    expect((await r.owner.channelError(CH)).code).toBe(404)
    const again = await Wire.open(r.http.amqp, { vhost: r.vhost, user: r.user, password: 'secret' }).catch(
      String,
    )
    expect(String(again)).toContain('ACCESS_REFUSED')
  })

  differs('RabbitMQ knows connections by user only once they are open')(
    'is shut out between login and connection.open, also where a new one has the name',
    async () => {
      const w = await Wire.socket(r.http.amqp)
      w.write(Buffer.from('AMQP\0\0\x09\x01', 'latin1'))
      await w.expect(0, MethodId.ConnectionStart)
      w.sendStartOk({ user: r.user, password: 'secret' })
      await w.expect(0, MethodId.ConnectionTune)
      await r.http.delete(`users/${r.user}`)
      await r.http.put(`users/${r.user}`, { password: 'other', tags: '' })
      await r.permit({})
      w.send(0, MethodId.ConnectionTuneOk, { channelMax: 10, frameMax: 8192, heartbeat: 0 })
      w.send(0, MethodId.ConnectionOpen, { virtualHost: r.vhost, capabilities: '', insist: false })
      expect((await w.connectionError()).code).toBe(320)
    },
  )

  it('leaves the connections of others alone', async () => {
    await r.open()
    await r.http.delete(`users/${r.user}`)
    await handled(r.owner)
  })
})

describe('a vhost that is deleted', () => {
  it('takes its connections along', async () => {
    const w = await r.open()
    await r.http.delete(`vhosts/${r.vhost}`)
    const e = await w.connectionError()
    // RabbitMQ says that it is down where it has stopped it before it comes to its connections.
    const gone = new RegExp(`^CONNECTION_FORCED - vhost '${r.vhost}' is (deleted|down)$`)
    expect([e.code, e.text]).toEqual([320, expect.stringMatching(gone)])
  })
})

describe('a password that changes', () => {
  it('ends logins with the old one at once, over HTTP too; connections stay', async () => {
    await r.http.put(`users/${r.user}`, { password: 'secret', tags: 'management' })
    const w = await r.open()
    const whoami = async (password: string): Promise<number> =>
      (await r.http.get('whoami', `${r.user}:${password}`)).status
    expect([await whoami('secret'), await whoami('secret')]).toEqual([200, 200])
    await r.http.put(`users/${r.user}`, { password: 'other', tags: 'management' })
    expect([await whoami('secret'), await whoami('other')]).toEqual([401, 200])
    const old = await Wire.open(r.http.amqp, { vhost: r.vhost, user: r.user, password: 'secret' }).catch(
      String,
    )
    expect(String(old)).toContain('ACCESS_REFUSED')
    await handled(w)
    await r.http.delete(`users/${r.user}`)
    expect(await whoami('other')).toBe(401)
  })
})

describe('the HTTP API', () => {
  it('goes by the tags and permissions of the moment', async () => {
    const login = `${r.user}:secret`
    const tags = (list: string): Promise<unknown> =>
      r.http.put(`users/${r.user}`, { password: 'secret', tags: list })
    const status = async (path: string): Promise<number> => (await r.http.get(path, login)).status
    await tags('management')
    expect([await status(`queues/${r.vhost}`), await status('users')]).toEqual([200, 401])
    await tags('administrator')
    expect(await status('users')).toBe(200)
    await tags('management')
    expect(await status('users')).toBe(401)
    await r.http.delete(`permissions/${r.vhost}/${r.user}`)
    expect(await status(`queues/${r.vhost}`)).toBe(401)
    await tags('')
    expect(await status('whoami')).toBe(401)
  })
})

describe('limits that change', () => {
  it('of channels act on the next channel; those that are open stay', async () => {
    const w = await r.open()
    await w.channel(2)
    expect((await r.http.put(`user-limits/${r.user}/max-channels`, { value: 2 })).status).toBe(204)
    w.send(3, MethodId.ChannelOpen)
    const e = await w.connectionError()
    expect([e.code, e.text]).toEqual([
      530,
      expect.stringMatching(
        `^NOT_ALLOWED - number of channels opened for user '${r.user}' has reached the maximum`,
      ),
    ])
  })

  it('of connections act on the next connection; those that are open stay', async () => {
    const w = await r.open()
    await r.http.put(`user-limits/${r.user}/max-connections`, { value: 1 })
    const more = (): Promise<string> =>
      Wire.open(r.http.amqp, { vhost: r.vhost, user: r.user, password: 'secret' }).then(String, String)
    expect(await more()).toContain('user connection limit (1) is reached')
    await r.http.delete(`user-limits/${r.user}/max-connections`)
    await r.http.put(`vhost-limits/${r.vhost}/max-connections`, { value: 1 })
    expect(await more()).toContain('connection limit (1) is reached')
    await handled(w)
  })

  it('of queues act on the next declaration', async () => {
    const w = await r.open()
    await r.http.put(`vhost-limits/${r.vhost}/max-queues`, { value: 2 })
    w.send(CH, MethodId.QueueDeclare, { queue: 'third' })
    const e = await w.channelError(CH)
    expect([e.code, e.text]).toEqual([
      406,
      `PRECONDITION_FAILED - cannot declare queue 'third': queue limit in vhost '${r.vhost}' (2) is reached`,
    ])
  })
})
