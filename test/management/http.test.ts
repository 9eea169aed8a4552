import { describe, expect, it, onTestFinished } from 'vitest'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { octetText } from '../../src/util/octet-text.ts'
import { CH, consume, declareQueue, session } from '../support/session.ts'
import { fresh, onOracle } from '../support/target.ts'
import { until } from '../support/until.ts'
import { Wire } from '../support/wire.ts'
import { useHttp } from './target.ts'

const http = useHttp()
const amqp = {
  get url() {
    return http.amqp
  },
}

async function makeVhost(): Promise<string> {
  const vhost = fresh('vhost')
  expect((await http.put(`vhosts/${vhost}`, { description: 'mine', tags: 'a,b' })).status).toBe(201)
  onTestFinished(() => http.delete(`vhosts/${vhost}`).then(() => {}))
  return vhost
}

describe('logging in', () => {
  it('is asked for, and a wrong password is refused', async () => {
    for (const login of ['guest:wrong', 'nobody:guest'])
      expect(await http.get('overview', login)).toMatchObject({
        status: 401,
        json: { error: 'not_authorized', reason: 'Login failed' },
      })
    expect((await http.get('whoami')).json).toMatchObject({ name: 'guest', tags: ['administrator'] })
  })

  it('needs a tag, and shows only what the user may see', async () => {
    const [user, plain] = [fresh('u'), fresh('u')]
    await http.put(`users/${user}`, { password: 'p', tags: 'management' })
    await http.put(`users/${plain}`, { password: 'p', tags: '' })
    const vhost = await makeVhost()
    await http.put(`permissions/${vhost}/${user}`, { configure: '', write: '', read: '' })
    expect((await http.get('overview', `${plain}:p`)).status).toBe(401)
    expect((await http.get('users', `${user}:p`)).status).toBe(401)
    expect((await http.get('vhosts', `${user}:p`)).json.map((v: { name: string }) => v.name)).toEqual([vhost])
    expect((await http.get('queues/%2F', `${user}:p`)).status).toBe(401)
    for (const u of [user, plain]) expect((await http.delete(`users/${u}`)).status).toBe(204)
  })
})

describe('resources', () => {
  it('are made with 201, changed with 204, deleted with 204, and then missing with 404', async () => {
    const vhost = await makeVhost()
    const paths: [string, unknown][] = [
      [`exchanges/${vhost}/x`, { type: 'topic', durable: true }],
      [`queues/${vhost}/q`, { durable: true, arguments: { 'x-max-length': 5 } }],
      [
        `policies/${vhost}/p`,
        { pattern: '^q$', definition: { 'message-ttl': 1000 }, 'apply-to': 'queues', priority: 3 },
      ],
      [`operator-policies/${vhost}/p`, { pattern: '^q$', definition: { 'max-length': 3 } }],
      [`permissions/${vhost}/guest`, { configure: '.*', write: '.*', read: '.*' }],
      [`users/${fresh('u')}`, { password: 'secret', tags: 'monitoring' }],
    ]
    for (const [path, body] of paths) {
      if (!path.startsWith('permissions'))
        expect([path, (await http.put(path, body)).status]).toEqual([path, 201])
      expect([path, (await http.put(path, body)).status]).toEqual([path, 204])
      expect([path, (await http.get(`${path}/`)).status]).toEqual([path, 200])
    }
    // RabbitMQ shows policies a moment later.
    await until(async () => (await http.get(`queues/${vhost}/q`)).json.policy === 'p', 'the policy to show')
    expect((await http.get(`queues/${vhost}/q`)).json).toMatchObject({
      name: 'q',
      vhost,
      durable: true,
      auto_delete: false,
      arguments: { 'x-max-length': 5 },
      operator_policy: 'p',
      effective_policy_definition: { 'message-ttl': 1000, 'max-length': 3 },
    })
    expect((await http.get(`policies/${vhost}/p`)).json).toEqual({
      vhost,
      name: 'p',
      pattern: '^q$',
      'apply-to': 'queues',
      definition: { 'message-ttl': 1000 },
      priority: 3,
    })
    // Without the permission nothing else could be deleted.
    const order = paths.sort(
      ([a], [b]) => Number(a.startsWith('permissions')) - Number(b.startsWith('permissions')),
    )
    for (const [path] of order) {
      expect([path, (await http.delete(path)).status]).toEqual([path, 204])
      if (!path.startsWith('permissions')) {
        expect(await http.get(path)).toMatchObject({
          status: 404,
          json: { error: 'Object Not Found', reason: 'Not Found' },
        })
        expect((await http.delete(path)).status).toBe(404)
      }
    }
  })

  it('refuse what AMQP refuses, with its text', async () => {
    const vhost = await makeVhost()
    await http.put(`queues/${vhost}/q`, { durable: true })
    const wrong = await http.put(`queues/${vhost}/q`, { durable: false })
    expect([wrong.status, wrong.json.error]).toEqual([400, 'bad_request'])
    expect(wrong.json.reason).toContain("inequivalent arg 'durable' for queue 'q' in vhost")
    const policy = await http.put(`policies/${vhost}/p`, { pattern: '.*', definition: { nonsense: 1 } })
    expect([policy.status, policy.json.reason]).toEqual([
      400,
      expect.stringContaining('are not recognised policy settings'),
    ])
    expect((await http.get('queues/no-such-vhost')).status).toBe(404)
    expect((await http.put(`users/${fresh('u')}`, { password: 'x' })).status).toBe(400)
  })

  it('patterns of permissions and policies may begin with (?i), and have to be regular expressions', async () => {
    const vhost = await makeVhost()
    const rights = { configure: '(?i)^MINE', write: '', read: '' }
    expect((await http.put(`permissions/${vhost}/guest`, rights)).status).toBe(204)
    const declare = async (queue: string): Promise<number> => {
      const w = await Wire.open(http.amqp, { vhost })
      await w.channel(CH)
      w.send(CH, MethodId.QueueDeclare, { queue })
      const { method } = await w.next(CH)
      await w.close()
      return method.id
    }
    expect(await declare('mine-1')).toBe(MethodId.QueueDeclareOk)
    expect(await declare('yours')).toBe(MethodId.ChannelClose)
    expect((await http.put(`permissions/${vhost}/guest`, { ...rights, read: '(' })).status).toBe(400)
    const policy = { definition: { 'max-length': 1 }, pattern: '(?i)^MINE' }
    expect((await http.put(`policies/${vhost}/p`, policy)).status).toBe(201)
    await until(
      async () =>
        (await http.get(`queues/${vhost}/mine-1`)).json.effective_policy_definition?.['max-length'] === 1,
      'the policy',
    )
    expect((await http.put(`policies/${vhost}/p`, { ...policy, pattern: '(' })).status).toBe(400)
  })

  it('bindings have keys by which they are found and deleted', async () => {
    const vhost = await makeVhost()
    await http.put(`exchanges/${vhost}/x`, { type: 'headers' })
    await http.put(`queues/${vhost}/q`)
    const between = `bindings/${vhost}/e/x/q/q`
    const plain = await http.post(between, { routing_key: 'a.b', arguments: {} })
    expect([plain.status, plain.location]).toEqual([201, expect.stringMatching(/a\.b$/)])
    const empty = await http.post(between, { routing_key: '', arguments: {} })
    expect(empty.location).toMatch(/~$/)
    const withArguments = await http.post(between, { routing_key: 'k', arguments: { n: 1 } })
    const key = withArguments.location?.split('/').at(-1) ?? ''
    expect(key).toMatch(/^k~.+/)
    expect((await http.get(`${between}/${key}`)).json).toMatchObject({
      routing_key: 'k',
      arguments: { n: 1 },
      properties_key: key,
    })
    expect((await http.get(`queues/${vhost}/q/bindings`)).json).toHaveLength(4)
    expect((await http.get(`exchanges/${vhost}/x/bindings/source`)).json).toHaveLength(3)
    for (const k of ['a.b', '~', key]) expect((await http.delete(`${between}/${k}`)).status).toBe(204)
    expect((await http.get(between)).json).toEqual([])
  })
})

describe('messages', () => {
  it('under a key that is not UTF-8 are shown with U+FFFD', async () => {
    const vhost = await makeVhost()
    await http.put(`queues/${vhost}/q`)
    await http.put(`exchanges/${vhost}/x`, { type: 'fanout' })
    await http.post(`bindings/${vhost}/e/x/q/q`)
    const w = await Wire.open(http.amqp, { vhost })
    await w.channel(1)
    w.publish(1, { exchange: 'x', routingKey: octetText(Buffer.from('a\xff\xffb', 'latin1')), body: 'x' })
    const take = () =>
      http.post(`queues/${vhost}/q/get`, { count: 1, ackmode: 'ack_requeue_true', encoding: 'auto' })
    await until(async () => (await take()).json.length === 1, 'the message')
    expect((await take()).json[0].routing_key).toBe('a\ufffd\ufffdb')
    await w.close()
  })

  it('are published and taken', async () => {
    const vhost = await makeVhost()
    await http.put(`queues/${vhost}/q`)
    const publish = (routing_key: string, payload: string, payload_encoding = 'string') =>
      http.post(`exchanges/${vhost}/amq.default/publish`, {
        properties: { delivery_mode: 2, headers: { a: 1 }, message_id: 'm' },
        routing_key,
        payload,
        payload_encoding,
      })
    expect((await publish('q', 'hello')).json).toEqual({ routed: true })
    expect((await publish('none', 'hello')).json).toEqual({ routed: false })
    await publish('q', Buffer.from([0xff, 0]).toString('base64'), 'base64')
    const take = (ackmode: string, count = 5) =>
      http.post(`queues/${vhost}/q/get`, { count, ackmode, encoding: 'auto' })
    await until(async () => (await take('ack_requeue_true')).json.length === 2, 'both messages')
    const [first, second] = (await take('ack_requeue_false')).json
    expect(first).toMatchObject({
      payload: 'hello',
      payload_bytes: 5,
      payload_encoding: 'string',
      properties: { delivery_mode: 2, headers: { a: 1 }, message_id: 'm' },
      routing_key: 'q',
      exchange: '',
      redelivered: true,
      message_count: 1,
    })
    expect([second.payload, second.payload_encoding]).toEqual(['/wA=', 'base64'])
    expect((await take('ack_requeue_false')).json).toEqual([])
    // RabbitMQ 3.10 fails with 500 here.
    if (!onOracle) expect((await take('eat', 1)).status).toBe(400)
  })
})

describe('lists', () => {
  it('come in pages, filtered, sorted and with the columns asked for', async () => {
    const vhost = await makeVhost()
    for (let i = 0; i < 7; i++) await http.put(`queues/${vhost}/${i < 5 ? 'a' : 'b'}${i}`)
    const page = await http.get(
      `queues/${vhost}?page=2&page_size=2&name=a&sort=name&sort_reverse=true&columns=name,vhost`,
    )
    expect(page.json).toMatchObject({
      total_count: 7,
      filtered_count: 5,
      item_count: 2,
      page: 2,
      page_size: 2,
      page_count: 3,
      items: [
        { name: 'a2', vhost },
        { name: 'a1', vhost },
      ],
    })
    const byRegex = await http.get(
      `queues/${vhost}?page=1&use_regex=true&pagination=false&name=%5Eb%5Cd%24&page_size=100`,
    )
    expect(byRegex.json.items).toHaveLength(2)
    expect((await http.get(`queues/${vhost}?page=99`)).status).toBe(400)
    expect((await http.get(`queues/${vhost}?page=1&page_size=501`)).status).toBe(400)
  })

  it('show connections, channels and consumers, and let them be closed', async () => {
    const w = await Wire.open(http.amqp)
    await w.channel(CH)
    const queue = await declareQueue(w)
    await consume(w, queue)
    const find = async (path: string, test: (o: Record<string, unknown>) => boolean) => {
      let found: Record<string, unknown> | undefined
      await until(async () => {
        found = (await http.get(path)).json.find(test)
        return found !== undefined
      }, path)
      return found as Record<string, unknown>
    }
    const port = (w.socket.address() as { port: number }).port
    const connection = await find('connections', (c) => c['peer_port'] === port)
    expect(connection).toMatchObject({
      user: 'guest',
      vhost: '/',
      protocol: 'AMQP 0-9-1',
      ssl: false,
      auth_mechanism: 'PLAIN',
    })
    const name = String(connection['name'])
    const channel = await find('channels', (c) => String(c['name']).startsWith(name))
    expect(channel).toMatchObject({
      number: 1,
      user: 'guest',
      vhost: '/',
      confirm: false,
      transactional: false,
    })
    const consumer = await find('consumers/%2F', (c) => (c['queue'] as { name: string }).name === queue)
    expect(consumer).toMatchObject({ ack_required: true, exclusive: false, active: true })
    expect((await http.delete(`connections/${encodeURIComponent(name)}`)).status).toBe(204)
    const close = await w.expect(0, MethodId.ConnectionClose)
    expect([close.replyCode, close.replyText]).toEqual([
      320,
      expect.stringContaining('Closed via management plugin'),
    ])
    w.socket.destroy()
    await until(
      async () => !(await http.get('connections')).json.some((c: { name: string }) => c.name === name),
      'the connection to go',
    )
  })
})

describe('limits', () => {
  it('of vhosts and users are enforced', async () => {
    const vhost = await makeVhost()
    await http.put(`permissions/${vhost}/guest`, { configure: '.*', write: '.*', read: '.*' })
    expect((await http.put(`vhost-limits/${vhost}/max-queues`, { value: 1 })).status).toBe(204)
    expect((await http.put(`queues/${vhost}/one`)).status).toBe(201)
    const second = await http.put(`queues/${vhost}/two`)
    expect([second.status, second.json.reason]).toEqual([
      400,
      expect.stringContaining(`cannot declare queue 'two': queue limit in vhost '${vhost}' (1) is reached`),
    ])
    expect((await http.get(`vhost-limits/${vhost}`)).json).toEqual([{ vhost, value: { 'max-queues': 1 } }])
    expect((await http.delete(`vhost-limits/${vhost}/max-queues`)).status).toBe(204)
    expect((await http.put(`queues/${vhost}/two`)).status).toBe(201)
    await http.put(`vhost-limits/${vhost}/max-connections`, { value: 0 })
    const w = await Wire.open(http.amqp, { vhost }).catch((e: Error) => e.message)
    expect(String(w)).toContain('connection limit (0) is reached')
  })
})

describe('the overview', () => {
  it('has the totals that tools read', async () => {
    await session(amqp)
    const { json } = await http.get('overview')
    for (const name of ['channels', 'connections', 'consumers', 'exchanges', 'queues'])
      expect(typeof json.object_totals[name]).toBe('number')
    expect(json.listeners.some((l: { protocol: string }) => l.protocol === 'amqp')).toBe(true)
    expect((await http.get('nodes')).json[0]).toMatchObject({
      running: true,
      mem_alarm: false,
      disk_free_alarm: false,
    })
  })

  it('goes with health checks', async () => {
    for (const path of ['alarms', 'local-alarms', 'virtual-hosts', 'node-is-quorum-critical'])
      expect((await http.get(`health/checks/${path}`)).json.status).toBe('ok')
    expect((await http.get('health/checks/port-listener/1')).status).toBe(503)
    expect((await http.get('aliveness-test/%2F')).json).toEqual({ status: 'ok' })
  })
})

describe('long lists', () => {
  it('are whole, without pages too', async () => {
    const vhost = await makeVhost()
    const names = Array.from({ length: 1203 }, (_, i) => `q${String(i).padStart(4, '0')}`)
    const load = { queues: names.map((name) => ({ name, durable: true, auto_delete: false, arguments: {} })) }
    expect((await http.post(`definitions/${vhost}`, load)).status).toBe(204)
    const all = (await http.get(`queues/${vhost}?sort=name&columns=name`)).json
    expect(all).toEqual(names.map((name) => ({ name })))
  })
})
