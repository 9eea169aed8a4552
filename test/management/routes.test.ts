/** The whole route list of RabbitMQ 4's HTTP API, with the methods that it allows. */
import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { onOracle } from '../support/target.ts'
import { type Http, useHttp } from './target.ts'

const http = useHttp()

const routes = readFileSync('test/fixtures/rabbitmq-4-routes.txt', 'utf8')
  .trim()
  .split('\n')
  .map((line) => line.split('\t') as [methods: string, path: string])

/** docs/http-api.md has the reasons. */
const left = new Map([['/api/config/effective', 404]])
/** Answers other than 200 to GET, on what `made` has made. */
const other = new Map([
  ['/api', 301],
  ['/api/channels/channel', 404],
  ['/api/connections/connection', 404],
  ['/api/connections/connection/channels', 404],
  ['/api/connections/connection/sessions', 404],
  ['/api/health/checks/port-listener/port', 503],
  ['/api/queues/quorum/vhost/queue/status', 503],
])

let node = ''

async function made(h: Http): Promise<void> {
  node = (await h.get('overview')).json.node
  for (const [path, body] of [
    ['users/ann', { password: 'p', tags: 'monitoring' }],
    ['permissions/%2F/ann', { configure: '', write: '', read: '.*' }],
    ['topic-permissions/%2F/ann', { exchange: 'amq.topic', write: '', read: '' }],
    ['policies/%2F/p', { pattern: '^q$', definition: { 'max-length': 5 } }],
    ['operator-policies/%2F/p', { pattern: '^q$', definition: { 'max-length': 4 } }],
    ['global-parameters/p', { value: { a: 1 } }],
    ['vhost-limits/%2F/max-connections', { value: 1000 }],
    ['exchanges/%2F/x', { type: 'headers' }],
    ['queues/%2F/q', {}],
  ] as const)
    expect([path, (await h.put(path, body)).status < 300]).toEqual([path, true])
  await h.post('bindings/%2F/e/x/q/q', { routing_key: 'a/b#' })
}

/** What stands in the list for the names of objects. */
function filled(path: string): string {
  const values: Record<string, string> = {
    vhost: '%2F',
    queue: 'q',
    exchange: path.includes('topic-permissions') ? 'amq.topic' : 'x',
    user: 'ann',
    username: 'ann',
    source: 'x',
    dtype: 'q',
    destination: 'q',
    props: 'a%252Fb%2523',
    component: 'operator_policy',
    name: path.includes('vhost-limits') ? 'max-connections' : 'p',
    port: '1',
    within: '1',
    unit: 'weeks',
    protocols: 'amqp',
    pattern: '.*',
    node: encodeURIComponent(node),
  }
  const kept = /^\/api\/(vhosts|users|exchanges|queues)?|\/(e|on|q|quorum|username|pattern|vhost)(?=\/)/
  const parts = path.split('/')
  return parts
    .map((part, i) => {
      const before = parts[i - 1] ?? ''
      if (i < 3 || values[part] === undefined) return part
      // A word of the path that is a name of an object elsewhere.
      if (before === 'healthchecks' || (before === 'connections' && part === 'username')) return part
      if (part === 'pattern' && before !== 'pattern') return part
      if (part === 'vhost' && before.endsWith('leaders')) return part
      if (part === 'source' && before !== 'e') return part
      if (part === 'destination' && before === 'bindings') return part
      return kept.test(part) ? part : values[part]
    })
    .join('/')
}

async function call(method: string, path: string, login = true): Promise<Response> {
  return fetch(`${http.base}${filled(path)}`, {
    method,
    redirect: 'manual',
    headers: login ? { authorization: `Basic ${Buffer.from('guest:guest').toString('base64')}` } : {},
  })
}

describe.skipIf(onOracle)("RabbitMQ 4's routes", () => {
  beforeAll(() => made(http))

  it.each(routes)('%s %s', async (methods, path) => {
    const allowed = methods.split(' ')
    const options = await call('OPTIONS', path, false)
    const expected = ['HEAD', 'GET', 'PUT', 'POST', 'DELETE', 'OPTIONS'].filter(
      (m) => m === 'OPTIONS' || allowed.includes(m === 'HEAD' ? 'GET' : m),
    )
    expect([options.status, options.headers.get('allow'), await options.text()]).toEqual([
      200,
      expected.join(', '),
      '',
    ])
    for (const method of ['PUT', 'POST', 'DELETE', 'PATCH', 'GET', 'HEAD']) {
      if (expected.includes(method)) continue
      const refused = await call(method, path, false)
      expect([method, refused.status, refused.headers.get('allow')]).toEqual([
        method,
        405,
        expected.join(', '),
      ])
    }
    if (!allowed.includes('GET')) return
    const status = left.get(path) ?? other.get(path) ?? 200
    const [get, head] = [await call('GET', path), await call('HEAD', path)]
    expect([get.status, head.status, await head.text()]).toEqual([status, status, ''])
    if (status !== 301) expect(get.headers.get('content-type')).toMatch(/^application\/json/)
    if (status !== 301 && !left.has(path)) expect((await call('GET', path, false)).status).toBe(401)
  })

  it('answer to methods that change something with what was wrong, never with a fault', async () => {
    for (const [methods, path] of routes)
      for (const method of methods.split(' ')) {
        if (method === 'GET' || path.startsWith('/api/reset')) continue
        const { status } = await call(method, path.replace(/(?<=\/)(queue|user|name|vhost)$/, 'nope'))
        expect([method, path, status < 500 || status === 503]).toEqual([method, path, true])
        expect([method, path, status]).not.toEqual([method, path, 405])
      }
  })
})

describe('what is no route', () => {
  it.each([
    ['GET', 404],
    ['HEAD', 404],
    ['OPTIONS', 200],
    ['PUT', 405],
    ['DELETE', 405],
  ])('answers %s with %d', async (method, status) => {
    const r = await fetch(`${http.base}/api/nonsense`, { method })
    expect(r.status).toBe(status)
    if (status !== 404) expect(r.headers.get('allow')).toBe('HEAD, GET, OPTIONS')
  })
})

describe.skipIf(onOracle)('pages', () => {
  it('are there for people, and their old addresses lead to them', async () => {
    for (const [path, to] of [
      ['/api/', '/api/index.html'],
      ['/cli', '/cli/index.html'],
      ['/doc/stats.html', '/api/index.html'],
    ] as const) {
      const r = await fetch(`${http.base}${path}`)
      expect([r.status, new URL(r.url).pathname, r.headers.get('content-type')]).toEqual([
        200,
        to,
        'text/html; charset=utf-8',
      ])
      expect(await r.text()).toContain('<h1>')
    }
  })

  it('offer rabbitmqadmin, as one file', async () => {
    const r = await fetch(`${http.base}/cli/rabbitmqadmin`)
    expect([r.status, r.headers.get('content-type')]).toEqual([200, 'application/octet-stream'])
    expect(await r.text()).toMatch(/^#!\/usr\/bin\/env python3\n/)
  })
})
