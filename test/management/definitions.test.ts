import { describe, expect, it, onTestFinished } from 'vitest'
import { createBroker } from '../../src/index.ts'
import { DEFINITIONS_PER_TURN } from '../../src/limits.ts'
import { differs, fresh } from '../support/target.ts'
import { until } from '../support/until.ts'
import { Http, useHttp } from './target.ts'

const http = useHttp()

/** A Leveret of the test's own. */
async function other(): Promise<Http> {
  const broker = await createBroker({ port: 0, managementPort: 0 })
  onTestFinished(() => broker.close())
  const o = new Http()
  o.base = `http://127.0.0.1:${broker.managementPort}`
  return o
}

async function fill(h: Http, vhost: string, user: string): Promise<void> {
  const all = { configure: '.*', write: '.*', read: '.*' }
  const steps: [string, unknown][] = [
    [`vhosts/${vhost}`, {}],
    [`permissions/${vhost}/guest`, all],
    [`users/${user}`, { password: 'secret', tags: 'monitoring' }],
    [`permissions/${vhost}/${user}`, { configure: '^a', write: '^b', read: '^c' }],
    [`topic-permissions/${vhost}/${user}`, { exchange: 'topics', write: '^w', read: '^r' }],
    [
      `exchanges/${vhost}/topics`,
      { type: 'topic', durable: true, arguments: { 'alternate-exchange': 'amq.fanout' } },
    ],
    [`exchanges/${vhost}/inner`, { type: 'headers', internal: true, durable: false }],
    [
      `queues/${vhost}/plain`,
      { durable: true, arguments: { 'x-max-length': 10, 'x-dead-letter-exchange': 'topics' } },
    ],
    [
      `queues/${vhost}/quorum`,
      { durable: true, arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 3 } },
    ],
    [`queues/${vhost}/stream`, { durable: true, arguments: { 'x-queue-type': 'stream', 'x-max-age': '1h' } }],
    [
      `policies/${vhost}/p`,
      { pattern: '^plain$', definition: { 'message-ttl': 5000 }, 'apply-to': 'queues' },
    ],
    [`operator-policies/${vhost}/o`, { pattern: '.*', definition: { 'max-length': 7 } }],
    [`vhost-limits/${vhost}/max-queues`, { value: 50 }],
  ]
  for (const [path, body] of steps)
    expect([path, [201, 204].includes((await h.put(path, body)).status)]).toEqual([path, true])
  for (const [to, key, args] of [
    ['q/plain', 'a.#', {}],
    ['q/quorum', '', {}],
    ['e/inner', 'k', { n: 1, s: 'x' }],
  ] as const)
    expect(
      (await h.post(`bindings/${vhost}/e/topics/${to}`, { routing_key: key, arguments: args })).status,
    ).toBe(201)
}

type Json = { [key: string]: unknown }

/** What one vhost of exported definitions says, without what differs between brokers. */
function essence(d: { [key: string]: Json[] }, vhost: string, user: string): Json {
  const of = (name: string): Json[] =>
    (d[name] ?? [])
      .filter((o) => o['vhost'] === vhost && (o['user'] === undefined || o['user'] === user))
      .map((o) => JSON.parse(JSON.stringify(o)) as Json)
  const key = (o: Json): string => JSON.stringify(o, Object.keys(o).sort())
  const sorted = (list: Json[]): Json[] => list.sort((a, b) => (key(a) < key(b) ? -1 : 1))
  return {
    permissions: of('permissions'),
    topics: of('topic_permissions'),
    exchanges: sorted(of('exchanges')),
    // Newer versions tell the type beside the arguments.
    queues: sorted(
      of('queues').map(({ type: _, arguments: args, ...o }) => ({
        ...o,
        arguments: { 'x-queue-type': 'classic', ...(args as Json) },
      })),
    ),
    bindings: sorted(of('bindings')),
    policies: of('policies'),
    parameters: sorted(of('parameters')),
  }
}

describe('definitions', () => {
  it('of Leveret load into the broker, and its own into Leveret, with nothing lost', async () => {
    const [vhost, user] = [fresh('vhost'), fresh('user')]
    const mine = await other()
    await fill(mine, vhost, user)
    const exported = (await mine.get('definitions')).json
    expect(exported).toMatchObject({ rabbitmq_definition_format: 'cluster' })
    // Not guest, whose password other brokers cannot read.
    const own = exported.users.filter((u: Json) => u['name'] === user)
    const load = await http.post('definitions', { ...exported, users: own, global_parameters: [] })
    expect([load.status, load.json]).toEqual([204, undefined])
    onTestFinished(async () => {
      await http.delete(`vhosts/${vhost}`)
      await http.delete(`users/${user}`)
    })
    const theirs = (await http.get('definitions')).json
    expect(essence(theirs, vhost, user)).toEqual(essence(exported, vhost, user))
    const again = await other()
    const vhosts = theirs.vhosts.filter((v: Json) => v['name'] === vhost)
    const only = Object.fromEntries(
      Object.entries(theirs as { [key: string]: unknown }).map(([name, list]) => [
        name,
        Array.isArray(list) ? list.filter((o: Json) => o['vhost'] === vhost) : list,
      ]),
    )
    const users = theirs.users.filter((u: Json) => u['name'] === user)
    const permissions = (only['permissions'] as Json[]).filter((p) => p['user'] === user)
    const back = await again.post('definitions', { ...only, vhosts, users, permissions })
    expect([back.status, back.json]).toEqual([204, undefined])
    expect(essence((await again.get('definitions')).json, vhost, user)).toEqual(
      essence(exported, vhost, user),
    )
  })

  it('of one vhost name no vhost, and load into another one', async () => {
    const [vhost, user, target] = [fresh('vhost'), fresh('user'), fresh('vhost')]
    const mine = await other()
    await fill(mine, vhost, user)
    await mine.put(`vhosts/${target}`)
    const { json } = await mine.get(`definitions/${vhost}`)
    const { original_vhost_name: from, explanation, ...rest } = json
    expect([from, explanation]).toEqual([vhost, `Definitions of virtual host '${vhost}'`])
    expect(JSON.stringify(rest)).not.toContain(vhost)
    expect((await mine.post(`definitions/${target}`, json)).status).toBe(204)
    await until(async () => (await mine.get(`queues/${target}`)).json.length === 3)
    expect((await mine.get(`policies/${target}`)).json).toHaveLength(1)
  })

  differs('RabbitMQ keeps what came before')('are loaded whole or not at all', async () => {
    const before = (await http.get('definitions')).json
    const queue = { vhost: '/', durable: true, auto_delete: false, arguments: {} }
    const good = {
      users: [{ name: fresh('half'), password: 'p', tags: '' }],
      vhosts: [{ name: fresh('half') }],
      policies: [
        {
          name: 'half',
          vhost: '/',
          pattern: '',
          definition: { 'max-length': 1 },
          'apply-to': 'all',
          priority: 0,
        },
      ],
      global_parameters: [{ name: 'half', value: 1 }],
    }
    for (const bad of [
      {
        queues: [
          { ...queue, name: 'a' },
          { ...queue, name: 'b', arguments: { 'x-max-length': -1 } },
        ],
      },
      {
        queues: [
          { ...queue, name: 'a' },
          { ...queue, name: 'b', vhost: 'nowhere' },
        ],
      },
      { exchanges: [{ vhost: '/', name: 'amq.new', type: 'fanout' }] },
      { queues: [{ vhost: '/' }] },
    ])
      expect((await http.post('definitions', { ...good, ...bad })).status).toBe(400)
    expect((await http.get('definitions')).json).toEqual(before)
    // What the definitions build on may be there already.
    const name = fresh('there')
    await http.put(`queues/%2F/${name}`)
    const binding = { source: 'amq.fanout', destination: name, destination_type: 'queue' }
    const bindings = [{ vhost: '/', ...binding, routing_key: '', arguments: {} }]
    expect((await http.post('definitions', { bindings })).status).toBe(204)
    expect((await http.get(`queues/%2F/${name}/bindings`)).json).toHaveLength(2)
    expect((await http.delete(`queues/%2F/${name}`)).status).toBe(204)
  })

  it('may come as a file in a form', async () => {
    const name = fresh('form')
    const definitions = {
      users: [],
      vhosts: [],
      queues: [{ name, vhost: '/', durable: true, auto_delete: false, arguments: {} }],
    }
    const send = async (content: string): Promise<Response> => {
      const form = new FormData()
      form.set('file', new Blob([content]), 'definitions.json')
      const headers = { authorization: `Basic ${btoa(http.login)}` }
      return await fetch(`${http.base}/api/definitions`, { method: 'POST', headers, body: form })
    }
    expect((await send(JSON.stringify(definitions))).ok).toBe(true)
    expect((await http.delete(`queues/%2F/${name}`)).status).toBe(204)
    expect((await send('no json')).status).toBe(400)
  })

  it('that make no sense are refused', async () => {
    const mine = await other()
    expect((await mine.post('definitions', { queues: 'none' })).status).toBe(400)
    expect((await mine.post('definitions', { queues: [{ name: 'q', vhost: 'nowhere' }] })).json).toEqual({
      error: 'bad_request',
      reason: "vhost 'nowhere' does not exist",
    })
  })

  it('keep what belongs to features that are not there', async () => {
    const mine = await other()
    const shovel = { vhost: '/', component: 'federation', name: 's', value: { 'src-uri': 'amqp://' } }
    expect((await mine.post('definitions', { parameters: [shovel] })).status).toBe(204)
    expect((await mine.get('definitions')).json.parameters).toContainEqual(shovel)
    expect((await mine.get('parameters/federation')).json).toEqual([shovel])
  })

  it('of very many objects come and go bit by bit', async () => {
    const [from, to] = [await other(), await other()]
    const count = 4 * DEFINITIONS_PER_TURN
    const names = Array.from({ length: count }, (_, i) => `q${i}`)
    const bindings = names.map((name) => ({
      source: 'amq.topic',
      vhost: '/',
      destination: name,
      destination_type: 'queue',
      routing_key: `${name}.#`,
      arguments: {},
    }))
    let turns = 0
    let counting = true
    const tick = (): void => {
      turns++
      if (counting) setImmediate(tick)
    }
    const during = async <T>(action: Promise<T>): Promise<T> => {
      turns = 0
      return await action
    }
    tick()
    const queues = names.map((name) => ({
      name,
      vhost: '/',
      durable: true,
      auto_delete: false,
      arguments: {},
    }))
    const loaded = await during(from.post('definitions', { queues, bindings }))
    expect(loaded.status).toBe(204)
    expect(turns).toBeGreaterThan((2 * count) / DEFINITIONS_PER_TURN)
    const exported = await during(from.get('definitions'))
    expect(turns).toBeGreaterThan((2 * count) / DEFINITIONS_PER_TURN)
    counting = false
    expect(exported.json.queues.map((q: Json) => q['name'])).toEqual(names)
    expect(exported.json.bindings.map((b: Json) => b['destination'])).toEqual(names)
    expect((await to.post('definitions', exported.json)).status).toBe(204)
    const copied = (await to.get('definitions')).json
    expect([copied.queues, copied.bindings]).toEqual([exported.json.queues, exported.json.bindings])
    expect((await to.get('definitions/%2F')).json.queues.length).toBe(count)
  })
})
