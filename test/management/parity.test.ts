/** What tools rely on beyond the usual, the same on both brokers. */
import { beforeAll, describe, expect, it } from 'vitest'
import { differs, fresh, onOracle } from '../support/target.ts'
import { useHttp } from './target.ts'

const http = useHttp()
const x = fresh('x')
const q = fresh('q')
const between = `bindings/%2F/e/${x}/q/${q}`

beforeAll(async () => {
  expect((await http.put(`exchanges/%2F/${x}`, { type: 'topic' })).status).toBe(201)
  expect((await http.put(`queues/%2F/${q}`, { durable: true })).status).toBe(201)
})

describe('POST bindings', () => {
  it.each([
    ['a/b#', {}, 'a%252Fb%2523', 'a%2Fb%23'],
    ['', {}, '~', '~'],
    ['k~ü *', {}, 'k%257E%25C3%25BC%2B%252A', 'k%7E%C3%BC+%2A'],
    ["it's (1)!", {}, 'it%2527s%2B%25281%2529%2521', 'it%27s+%281%29%21'],
    ['a.b-c_d', {}, 'a.b-c_d', 'a.b-c_d'],
  ])('for %j, %j says where it is', async (routing_key, args, location, properties_key) => {
    const made = await http.post(between, { routing_key, arguments: args })
    expect([made.status, made.location]).toEqual([201, `${q}/${location}`])
    const found = await http.get(`bindings/%2F/e/${x}/q/${made.location}`)
    expect(found).toMatchObject({ status: 200, json: { routing_key, properties_key } })
    // Terraform providers unescape it once, and quote what they send.
    const once = decodeURIComponent(location.replaceAll('+', '%20'))
    expect(once).toBe(properties_key)
    expect((await http.get(`${between}/${encodeURIComponent(once)}`)).status).toBe(200)
    expect((await http.delete(`${between}/${encodeURIComponent(once)}`)).status).toBe(204)
    expect((await http.get(`${between}/${encodeURIComponent(once)}`)).status).toBe(404)
  })

  it('with arguments has a short key, whatever their size', async () => {
    const big = { a: 'x'.repeat(5000) }
    const { location } = await http.post(between, { routing_key: 'k', arguments: big })
    expect(location).toMatch(/\/k~[\w-]{4,64}$/)
    expect((await http.get(`bindings/%2F/e/${x}/q/${location}`)).json.arguments).toEqual(big)
    expect((await http.delete(`bindings/%2F/e/${x}/q/${location}`)).status).toBe(204)
  })

  it.each([
    [`bindings/%2F/e/nope/q/${q}`, 404, "no exchange 'nope' in vhost '/'"],
    [`bindings/%2F/e/${x}/q/nope`, 404, "no queue 'nope' in vhost '/'"],
    [`bindings/%2F/e//q/${q}`, 401, undefined],
    [`bindings/%2F/e/amq.default/q/${q}`, 401, undefined],
  ])('to %s is refused with %d', async (path, status, reason) => {
    const r = await http.post(path, { routing_key: 'k' })
    expect(r.status).toBe(status)
    if (reason !== undefined) expect(r.json.reason).toBe(reason)
  })
})

describe('bindings of the default exchange', () => {
  const implicit = {
    source: '',
    vhost: '/',
    destination: q,
    destination_type: 'queue',
    routing_key: q,
    arguments: {},
    properties_key: q,
  }

  it.each([
    'exchanges/%2F/amq.default/bindings/source',
    'exchanges/%2F//bindings/source',
    `bindings/%2F/e/amq.default/q/${q}`,
    `bindings/%2F/e//q/${q}`,
    `queues/%2F/${q}/bindings`,
    'bindings/%2F',
    'bindings',
  ])('are in %s', async (path) => {
    expect((await http.get(path)).json).toContainEqual(implicit)
  })

  it.each([`bindings/%2F/e//q/${q}/${q}`, `bindings/%2F/e/amq.default/q/${q}/${q}`])(
    'is %s',
    async (path) => {
      expect((await http.get(path)).json).toEqual(implicit)
    },
  )

  it.each([
    'exchanges/%2F/amq.default/bindings/destination',
    'exchanges/%2F/nope/bindings/source',
    `bindings/%2F/e/nope/q/${q}`,
    `bindings/%2F/e/${x}/q/nope`,
  ])('none are in %s', async (path) => {
    expect(await http.get(path)).toMatchObject({ status: 200, json: [] })
  })
})

describe('what does not exist comes before what is asked of it', () => {
  const permission = { configure: '', write: '', read: '' }
  const topic = { exchange: 'amq.topic', write: '', read: '' }
  it.each([
    ['GET', 'vhosts/nope/permissions', undefined, 404],
    ['GET', 'vhosts/nope/topic-permissions', undefined, 404],
    ['GET', 'users/nope/permissions', undefined, 404],
    ['GET', 'users/nope/topic-permissions', undefined, 404],
    ['GET', 'permissions/nope/guest', undefined, 404],
    ['GET', 'permissions/%2F/nope', undefined, 404],
    ['GET', 'topic-permissions/nope/guest', undefined, 404],
    ['GET', 'topic-permissions/%2F/nope', undefined, 404],
    ['PUT', 'permissions/nope/guest', permission, 400],
    ['PUT', 'permissions/%2F/nope', permission, 400],
    ['PUT', 'topic-permissions/nope/guest', topic, 400],
    ['PUT', 'topic-permissions/%2F/nope', topic, 400],
    ['DELETE', 'permissions/nope/guest', undefined, 404],
    ['DELETE', 'permissions/%2F/nope', undefined, 404],
    ['DELETE', 'topic-permissions/%2F/nope', undefined, 404],
    ['GET', 'vhosts/nope/connections', undefined, 404],
    ['GET', 'vhosts/nope/channels', undefined, 404],
    ['GET', 'consumers/nope', undefined, 404],
    ['GET', 'vhost-limits/nope', undefined, 404],
    ['GET', 'user-limits/nope', undefined, 404],
    ['GET', 'definitions/nope', undefined, 400],
    ['GET', 'parameters/vhost-limits/nope', undefined, 404],
    ['GET', 'parameters/shovel/nope/x', undefined, 404],
    ['GET', 'parameters/shovel/%2F/nope', undefined, 404],
  ] as const)('%s %s %j', async (method, path, body, status) => {
    const r = await http.call(method, path, body)
    expect(r.status).toBe(status)
    if (status === 400) expect(r.json.reason).toMatch(/^vhost_(or_user_)?not_found$/)
  })

  it('a limit of a missing user is 400', async () => {
    expect(await http.put('user-limits/nope/max-channels', { value: 1 })).toMatchObject({
      status: 400,
      json: { error: 'bad_request', reason: ['no_such_user', 'nope'] },
    })
  })

  it('a publish to a missing exchange is 400 in AMQP words', async () => {
    const message = { properties: {}, routing_key: 'k', payload: 'x', payload_encoding: 'string' }
    expect(await http.post('exchanges/%2F/nope/publish', message)).toMatchObject({
      status: 400,
      json: { error: 'bad_request', reason: "404 NOT_FOUND - no exchange 'nope' in vhost '/'" },
    })
  })
})

describe('users', () => {
  it.each([
    [{ tags: '', password_hash: '!!' }, 400, /not_base64/],
    [{ tags: '', password_hash: 'abc' }, 400, /not_base64/],
    [{ password: 'x' }, 400, /tags_not_present/],
    [{ tags: '', password: 'p', password_hash: 'abcd' }, 400, /both_password_and_password_hash_are_provided/],
    [{ tags: '', password: 'p', hashing_algorithm: 'nope' }, 201, undefined],
    [{ tags: '', password_hash: 'abcd' }, 201, undefined],
    [{ tags: '' }, 201, undefined],
  ])('from %j: %d', async (body, status, reason) => {
    const name = fresh('user')
    const r = await http.put(`users/${name}`, body)
    expect(r.status).toBe(status)
    // RabbitMQ has a list in one of them.
    if (reason !== undefined) expect(String(r.json.reason)).toMatch(reason)
    if (status === 201) await http.delete(`users/${name}`)
  })
})

describe('a queue', () => {
  it.each(['', 'nope', 5, null])(
    'may come with the type %j beside its arguments, which means nothing',
    async (type) => {
      const name = fresh('q')
      expect((await http.put(`queues/%2F/${name}`, { durable: true, type })).status).toBe(201)
      expect((await http.put(`queues/%2F/${name}`, { durable: true, type })).status).toBe(204)
      expect((await http.delete(`queues/%2F/${name}`)).status).toBe(204)
    },
  )

  it('of an unknown type in its arguments is refused without a code', async () => {
    const name = fresh('q')
    const r = await http.put(`queues/%2F/${name}`, { arguments: { 'x-queue-type': 'nope' } })
    expect(r.status).toBe(400)
    expect(r.json.reason).toMatch(/^invalid arg 'x-queue-type' for queue/)
  })
})

describe('columns', () => {
  it.each([
    [
      'overview',
      'listeners.port,exchange_types.name,cluster_name',
      ['cluster_name', 'exchange_types', 'listeners'],
    ],
    ['whoami', 'name', ['name']],
    [`queues/%2F/${q}`, 'name,durable', ['durable', 'name']],
    [`exchanges/%2F/${x}`, 'type', ['type']],
    ['definitions', 'users,vhosts', ['users', 'vhosts']],
  ])('of the object %s: %s', async (path, columns, names) => {
    const { json } = await http.get(`${path}?columns=${columns}`)
    expect(Object.keys(json).sort()).toEqual(names)
    if (path === 'overview') {
      expect(json.listeners.every((l: object) => Object.keys(l).join() === 'port')).toBe(true)
      expect(json.exchange_types).toContainEqual({ name: 'topic' })
    }
  })

  it.each([
    ['users', 'name'],
    ['permissions', 'user,vhost'],
    ['queues', 'name'],
    ['queues/%2F', 'name,messages_details.rate'],
    ['exchanges', 'name,type'],
    ['nodes', 'mem_used,mem_used_details.rate'],
    ['policies', 'name'],
    ['feature-flags', 'name'],
    ['bindings', 'routing_key'],
  ])('of the list %s: %s', async (path, columns) => {
    const { json } = await http.get(`${path}?columns=${columns}`)
    expect(Array.isArray(json)).toBe(true)
    const allowed = columns.split(',').map((c) => c.split('.')[0])
    for (const row of json) expect(allowed).toEqual(expect.arrayContaining(Object.keys(row)))
  })
})

describe('lists', () => {
  it('are in the order of vhosts and names', async () => {
    for (const name of ['b', 'a', 'c']) await http.put(`queues/%2F/${q}-${name}`, { durable: true })
    const names = async (query: string): Promise<string[]> =>
      (await http.get(`queues/%2F?columns=name${query}`)).json.map((r: { name: string }) => r.name)
    const all = await names('')
    expect(all).toEqual([...all].sort())
    expect(await names('&sort=name&sort_reverse=true')).toEqual([...all].sort().reverse())
    for (const name of ['b', 'a', 'c']) await http.delete(`queues/%2F/${q}-${name}`)
  })
})

describe('parameters', () => {
  it('have rows for operator policies and limits of vhosts, and policies by their own name only', async () => {
    const definition = {
      pattern: '^never$',
      definition: { 'max-length': 4 },
      priority: 1,
      'apply-to': 'queues',
    }
    const name = fresh('p')
    await http.put(`operator-policies/%2F/${name}`, definition)
    await http.put(`policies/%2F/${name}`, definition)
    await http.put('vhost-limits/%2F/max-queues', { value: 100_000 })
    const operator = { value: definition, vhost: '/', component: 'operator_policy', name }
    const limits = { value: { 'max-queues': 100_000 }, vhost: '/', component: 'vhost-limits', name: 'limits' }
    const { json } = await http.get('parameters')
    expect(json).toContainEqual(operator)
    expect(json).toContainEqual(limits)
    expect(json.filter((p: { component: string }) => p.component === 'policy')).toEqual([])
    expect((await http.get(`parameters/operator_policy/%2F/${name}`)).json).toEqual(operator)
    expect((await http.get('parameters/vhost-limits/%2F/limits')).json).toEqual(limits)
    expect((await http.get(`parameters/policy/%2F/${name}`)).json).toEqual({
      ...operator,
      component: 'policy',
    })
    const path = `parameters/policy/%2F/${name}`
    expect(await http.put(path, { value: definition })).toMatchObject({
      status: 400,
      json: { reason: 'policies may not be set using this method' },
    })
    const more = { value: { ...definition, priority: 2 } }
    expect((await http.put(`parameters/operator_policy/%2F/${name}`, more)).status).toBe(204)
    expect((await http.get(`operator-policies/%2F/${name}`)).json.priority).toBe(2)
    expect((await http.delete(`parameters/operator_policy/%2F/${name}`)).status).toBe(204)
    expect((await http.get(`operator-policies/%2F/${name}`)).status).toBe(404)
    expect((await http.put('parameters/vhost-limits/%2F/limits', { value: { nope: 1 } })).status).toBe(400)
    expect((await http.delete('parameters/vhost-limits/%2F/limits')).status).toBe(204)
    expect(
      (await http.get('vhost-limits/%2F')).json.filter((l: { value: object }) => 'max-queues' in l.value),
    ).toEqual([])
    await http.delete(`policies/%2F/${name}`)
  })

  it('of an unknown component are refused', async () => {
    expect(await http.put('parameters/nope/%2F/x', { value: {} })).toMatchObject({
      status: 400,
      json: { reason: 'Validation failed\n\ncomponent nope not found\n' },
    })
  })

  differs('RabbitMQ has the feature, or not')(
    'of features that are not there say that they have no effect',
    async () => {
      const put = (path: string, body: object): Promise<Response> =>
        fetch(`${http.base}/api/${path}`, {
          method: 'PUT',
          headers: { authorization: `Basic ${Buffer.from('guest:guest').toString('base64')}` },
          body: JSON.stringify(body),
        })
      const parameter = await put('parameters/federation-upstream/%2F/u', { value: { uri: 'amqp://' } })
      expect([parameter.status, parameter.headers.get('warning')]).toEqual([
        201,
        '299 leveret "a parameter of an unsupported feature: kept, without effect"',
      ])
      for (const [name, definition] of [
        ['ha', { 'ha-mode': 'all', 'ha-sync-mode': 'automatic' }],
        ['fed', { 'federation-upstream-set': 'all', 'max-length': 5 }],
      ] as const) {
        const warning = `${Object.keys(definition)
          .filter((k) => k !== 'max-length')
          .join(', ')}: kept, without effect`
        const policy = await put(`policies/%2F/${name}`, { pattern: '^never$', definition })
        expect([policy.status, policy.headers.get('warning')]).toEqual([201, `299 leveret "${warning}"`])
        expect((await http.get(`policies/%2F/${name}`)).json.warning).toBe(warning)
      }
      const plain = await put('policies/%2F/plain', { pattern: '^never$', definition: { 'max-length': 5 } })
      expect(plain.headers.get('warning')).toBeNull()
    },
  )
})

describe('the cluster', () => {
  it('has an id that stays', async () => {
    const id = async (): Promise<unknown> =>
      (await http.get('global-parameters/internal_cluster_id')).json.value
    expect(await id()).toMatch(/^rabbitmq-cluster-id-[\w-]{22}$/)
    expect(await id()).toBe(await id())
    const names = (await http.get('global-parameters')).json.map((p: { name: string }) => p.name)
    expect(names.filter((n: string) => n === 'internal_cluster_id')).toHaveLength(1)
  })
})

describe('nodes', () => {
  it('say what memory is for', async () => {
    const { node } = (await http.get('overview')).json
    const { memory } = (await http.get(`nodes/${node}/memory`)).json
    for (const name of [
      'connection_readers',
      'queue_procs',
      'binary',
      'code',
      'allocated_unused',
      'other_proc',
    ])
      expect([name, Number.isInteger(memory[name])]).toEqual([name, true])
    expect(memory.total).toMatchObject({ rss: expect.any(Number), allocated: expect.any(Number) })
    expect(Object.keys((await http.get(`nodes/${node}?memory=true`)).json.memory).sort()).toEqual(
      Object.keys(memory).sort(),
    )
    expect((await http.get(`nodes/${node}`)).json.memory).toBeUndefined()
    expect((await http.get(`nodes/${node}/memory/relative`)).json.memory.total).toBe(100)
    expect((await http.get('nodes/nope/memory')).status).toBe(404)
  })

  it('count logins', async () => {
    const { node } = (await http.get('overview')).json
    const attempts = async () => {
      const { json } = await http.get(`auth/attempts/${node}`)
      return json.find((r: { protocol: string }) => r.protocol === 'http')
    }
    expect((await http.delete(`auth/attempts/${node}`)).status).toBe(204)
    await http.get('whoami', 'guest:wrong')
    const { auth_attempts, auth_attempts_failed, auth_attempts_succeeded } = await attempts()
    expect(auth_attempts).toBe(auth_attempts_failed + auth_attempts_succeeded)
    expect([auth_attempts_failed, auth_attempts_succeeded > 0]).toEqual([1, true])
    expect((await http.get('auth/attempts/nope')).status).toBe(404)
  })
})

describe('logins over a form', () => {
  it.each([
    ['username=guest&password=guest', 200],
    ['username=guest&password=wrong', 401],
  ])('of %s: %d', async (body, status) => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const r = await fetch(`${http.base}/api/login`, { method: 'POST', headers, body })
    expect(r.status).toBe(status)
    expect(await r.json()).toEqual(
      status === 200
        ? 'ok'
        : { error: 'not_authorized', reason: expect.stringMatching(/authorized|failed/i) },
    )
  })
})

describe.skipIf(onOracle)('features', () => {
  it('say what is deprecated and in use', async () => {
    const used = async (): Promise<string[]> =>
      (await http.get('deprecated-features/used')).json.map((f: { name: string }) => f.name)
    const name = fresh('transient')
    expect(await used()).toEqual([])
    await http.put(`queues/%2F/${name}`, { durable: false })
    expect(await used()).toEqual(['transient_nonexcl_queues'])
    await http.delete(`queues/%2F/${name}`)
    expect((await http.put('feature-flags/quorum_queue/enable')).status).toBe(204)
    expect((await http.put('feature-flags/nope/enable')).status).toBe(400)
  })
})
