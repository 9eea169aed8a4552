/** Defaults, refusals and headers of the HTTP API that tools see before anything else. Runs against RabbitMQ, too. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { differs, fresh, onOracle } from '../support/target.ts'
import { useHttp } from './target.ts'

const http = useHttp()
const v = fresh('as-rabbit')
const user = fresh('managing')

beforeAll(async () => {
  await http.put(`vhosts/${v}`)
  await http.put(`permissions/${v}/guest`, { configure: '.*', write: '.*', read: '.*' })
  await http.put(`queues/${v}/q`, { durable: true })
  await http.put(`users/${user}`, { password: 'p', tags: 'management' })
})
afterAll(async () => {
  await http.delete(`vhosts/${v}`)
  await http.delete(`users/${user}`)
})

async function raw(path: string, init: RequestInit = {}): Promise<Response> {
  const authorization = `Basic ${Buffer.from('guest:guest').toString('base64')}`
  return fetch(`${http.base}${path}`, {
    redirect: 'manual',
    ...init,
    headers: { authorization, ...init.headers },
  })
}

describe('what a PUT does not say', () => {
  it.each([
    ['queues', {}, { durable: false, auto_delete: false }],
    ['queues', { auto_delete: true }, { durable: false, auto_delete: true }],
    ['queues', { durable: 'true' }, { durable: true, auto_delete: false }],
    ['exchanges', {}, { type: 'direct', durable: false, auto_delete: false, internal: false }],
    ['exchanges', { type: 'topic', durable: true }, { type: 'topic', durable: true, internal: false }],
  ])('of %s %j is %j', async (kind, body, shown) => {
    const path = `${kind}/${v}/${fresh('d')}`
    expect((await http.put(path, body)).status).toBe(201)
    expect((await http.get(path)).json).toMatchObject(shown)
  })

  differs('RabbitMQ refuses them: they cannot be anything else')('leaves quorum queues durable', async () => {
    const path = `queues/${v}/${fresh('quorum')}`
    expect((await http.put(path, { arguments: { 'x-queue-type': 'quorum' } })).status).toBe(201)
    expect((await http.get(path)).json.durable).toBe(true)
  })
})

describe('a refusal', () => {
  const publish = `exchanges/${v}/amq.default/publish`
  it.each([
    [
      'PUT',
      `permissions/${v}/${user}`,
      {},
      '[{key_missing,configure},{key_missing,write},{key_missing,read}]',
    ],
    ['PUT', `policies/${v}/p`, { pattern: '.' }, '[{key_missing,definition}]'],
    [
      'POST',
      publish,
      {},
      '[{key_missing,routing_key},\n {key_missing,properties},\n {key_missing,payload},\n {key_missing,payload_encoding}]',
    ],
    [
      'POST',
      `queues/${v}/q/get`,
      { ackmode: 'ack_requeue_true' },
      '[{key_missing,count},{key_missing,encoding}]',
    ],
    ['POST', 'users/bulk-delete', {}, '[{key_missing,users}]'],
    ['PUT', `queues/${v}/n`, { durable: 'perhaps' }, ['not_boolean', 'perhaps']],
    ['PUT', `exchanges/${v}/n`, { type: 'fanout', internal: 1 }, ['not_boolean', 1]],
    [
      'POST',
      publish,
      { properties: {}, routing_key: '', payload: '!', payload_encoding: 'base64' },
      ['not_base64', '!'],
    ],
  ])('of %s %s %j says %j', async (method, path, body, reason) => {
    expect(await http.call(method, path, body)).toMatchObject({
      status: 400,
      json: { error: 'bad_request', reason },
    })
  })

  it.each([
    ['PUT', 'queues/no-vhost/q', {}],
    ['PUT', 'exchanges/no-vhost/x', { type: 'topic' }],
    ['PUT', 'policies/no-vhost/p', { pattern: '.', definition: { 'max-length': 1 } }],
    ['POST', 'bindings/no-vhost/e/x/q/y', { routing_key: 'k' }],
    ['POST', 'definitions/no-vhost', {}],
  ])('of %s %s: there is no such vhost', async (method, path, body) => {
    expect(await http.call(method, path, body)).toMatchObject({
      status: 404,
      json: { error: 'not_found', reason: 'vhost_not_found' },
    })
  })

  it.each([
    ['nodes', 'Not monitor user'],
    ['users', 'Not administrator user'],
    ['definitions', 'Not administrator user'],
    ['parameters', 'User not authorised to access object'],
  ])('of %s names the tag that is missing', async (path, reason) => {
    expect(await http.get(path, `${user}:p`)).toMatchObject({
      status: 401,
      json: { error: 'not_authorised', reason },
    })
  })

  it.each([
    [
      'page=0',
      'invalid_pagination_parameters',
      'Invalid pagination parameters: page number 0, page size undefined',
    ],
    [
      'page=1&page_size=501',
      'invalid_pagination_parameters',
      'Invalid pagination parameters: page number 1, page size 501',
    ],
    [
      'page=-1&page_size=5',
      'invalid_pagination_parameters',
      'Invalid pagination parameters: page number -1, page size 5',
    ],
    ['page=x', 'bad_request', 'Pagination parameters are invalid'],
    ['page=1&page_size=', 'bad_request', 'Pagination parameters are invalid'],
  ])('of a list with %s is %s', async (query, error, reason) => {
    expect(await http.get(`queues/${v}?${query}`)).toMatchObject({ status: 400, json: { error, reason } })
  })

  it('of a page that is not there says how many there are', async () => {
    const { json } = await http.get(`exchanges/${v}?page=50&page_size=7`)
    expect(json).toEqual({
      error: 'page_out_of_range',
      reason: expect.stringMatching(/^Page out of range, page: 50 page size: 7, len: \d+$/),
    })
  })
})

describe('answers', () => {
  it.each(['/api/whoami', '/api/queues', '/api/nope', '/api/queues/%2F/nope'])(
    'of %s are JSON without a charset, for nobody to keep',
    async (path) => {
      const { headers } = await raw(path)
      expect(headers.get('content-type')).toBe('application/json')
      if (path === '/api/whoami') expect(headers.get('cache-control')).toBe('no-cache')
      if (path !== '/api/nope') expect(headers.get('vary')).toContain('origin')
    },
  )

  it('tell how to log in without a login, and nothing else', async () => {
    expect(await (await fetch(`${http.base}/api/auth`)).json()).toBeTypeOf('object')
    expect((await fetch(`${http.base}/api/whoami`)).status).toBe(401)
    expect((await fetch(`${http.base}/api/login`, { method: 'POST' })).status).toBe(401)
  })

  it('with definitions are a file where the query names one', async () => {
    const { headers } = await raw('/api/definitions?download=rabbit_1.json')
    expect(headers.get('content-disposition')).toBe('attachment; filename=rabbit_1.json')
    expect((await raw('/api/definitions')).headers.get('content-disposition')).toBeNull()
  })

  it('take definitions without anything in them', async () => {
    expect((await http.post('definitions', {})).status).toBe(204)
  })

  it.each([
    ['amqp091', 200, { protocol: 'amqp' }],
    ['AMQP0.9.1', 200, { protocol: 'amqp' }],
    ['amqps', 503, { missing: 'amqp/ssl' }],
    ['mqtt', 503, { missing: 'mqtt' }],
  ])('of protocol-listener/%s name the protocol as listeners do', async (name, status, json) => {
    if (onOracle && name === 'AMQP0.9.1') return
    expect(await http.get(`health/checks/protocol-listener/${name}`)).toMatchObject({ status, json })
  })

  it('lead from old addresses to the page', async () => {
    expect((await raw('/mgmt')).headers.get('location')).toBe('/')
  })

  it('have the name of the cluster that the global parameter has', async () => {
    const { json } = await http.get('cluster-name')
    await http.put('global-parameters/cluster_name', { value: 'warren' })
    expect((await http.get('cluster-name')).json).toEqual({ name: 'warren' })
    await http.put('cluster-name', json)
    expect((await http.get('global-parameters/cluster_name')).json.value).toBe(json.name)
  })

  it('remove a limit that is not set', async () => {
    expect((await http.delete(`vhost-limits/${v}/max-queues`)).status).toBe(204)
    expect((await http.delete(`user-limits/${user}/max-channels`)).status).toBe(204)
  })
})

describe.skipIf(onOracle)('without statistics', () => {
  const bare = ['arguments', 'auto_delete', 'durable', 'exclusive', 'name', 'node', 'state', 'type', 'vhost']
  const totals = ['messages', 'messages_ready', 'messages_unacknowledged']
  const keys = (o: object): string[] => Object.keys(o).sort()

  it.each([
    [`queues/${v}/q?disable_stats=true`, bare],
    [`queues/${v}/q?disable_stats=true&enable_queue_totals=true`, [...bare, ...totals]],
    [
      `exchanges/${v}/amq.topic?disable_stats=true`,
      ['arguments', 'auto_delete', 'durable', 'internal', 'name', 'policy', 'type', 'vhost'],
    ],
  ])('%s has what does not change by itself', async (path, expected) => {
    expect(keys((await http.get(path)).json)).toEqual([...expected].sort())
  })

  it('lists have the same, and what is nothing but numbers is refused', async () => {
    for (const path of ['queues', 'queues/detailed', `queues/${v}`]) {
      const { json } = await http.get(`${path}?disable_stats=true&enable_queue_totals=true&name=q`)
      expect(keys(json.find((q: { vhost: string }) => q.vhost === v))).toEqual([...bare, ...totals].sort())
    }
    for (const path of ['channels', 'consumers', `vhosts/${v}/channels`])
      expect(await http.get(`${path}?disable_stats=true`)).toMatchObject({
        status: 400,
        json: { reason: 'Stats in management UI are disabled on this node' },
      })
    expect(keys((await http.get('nodes?disable_stats=true')).json[0])).toEqual([
      'being_drained',
      'name',
      'running',
      'type',
    ])
    const { json } = await http.get('overview?disable_stats=true')
    expect(json).toMatchObject({ disable_stats: true, object_totals: { queues: expect.any(Number) } })
    expect(keys(json)).not.toContain('message_stats')
  })

  it('many messages are taken at once, and no more than there are', async () => {
    const message = { properties: {}, routing_key: 'q', payload: 'x', payload_encoding: 'string' }
    for (let i = 0; i < 3; i++) await http.post(`exchanges/${v}/amq.default/publish`, message)
    const get = { count: 100_000, ackmode: 'ack_requeue_false', encoding: 'auto' }
    expect((await http.post(`queues/${v}/q/get`, get)).json).toHaveLength(3)
  })
})
