/** The OpenAPI document is valid, and every answer of the broker fits it. */
import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createBroker, type RunningBroker } from '../../src/index.ts'
import type { AddRoute } from '../../src/management/http.ts'
import type { Schema } from '../../src/management/schemas/base.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { CH, consume, deliveries } from '../support/session.ts'
import { table, Wire } from '../support/wire.ts'
import { Http } from './target.ts'

interface Operation {
  responses: Record<string, { content?: { 'application/json': { schema: object } } }>
  requestBody?: object
}
interface Document {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, object> }
}

const http = new Http()
let broker: RunningBroker
let document: Document
let w: Wire
let node: string

/** One of everything, so that no list is empty. */
async function populate(): Promise<void> {
  const put = async (path: string, body: object = {}): Promise<void> => {
    expect((await http.put(path, body)).status).toBeLessThan(300)
  }
  await put('vhosts/other', { description: 'd', tags: 'a,b', default_queue_type: 'quorum' })
  await put('vhost-limits/%2F/max-connections', { value: 1000 })
  await put('users/ann', { password: 'p', tags: 'monitoring' })
  await put('user-limits/ann/max-channels', { value: 10 })
  await put('permissions/%2F/ann', { configure: '', write: '', read: '.*' })
  await put('topic-permissions/%2F/ann', { exchange: 'amq.topic', write: '', read: '' })
  await put('policies/%2F/p', { pattern: '^q$', definition: { 'max-length': 5 } })
  await put('operator-policies/%2F/p', { pattern: '^q$', definition: { 'max-length': 4 } })
  const nowhere = { 'src-uri': 'amqp://127.0.0.1:1', 'dest-uri': 'amqp://127.0.0.1:1', 'reconnect-delay': 0 }
  for (const name of ['s', 'q'])
    await put(`parameters/shovel/%2F/${name}`, { value: { ...nowhere, 'src-queue': 's' } })
  await put('global-parameters/g', { value: { a: 1 } })
  await put('exchanges/%2F/x', { type: 'headers' })
  for (const [name, args] of [
    ['q', {}],
    ['single', { 'x-queue-type': 'quorum', 'x-single-active-consumer': true }],
    ['stream', { 'x-queue-type': 'stream' }],
  ] as const)
    await put(`queues/%2F/${name}`, { arguments: args })
  await http.post('bindings/%2F/e/x/q/q', { routing_key: 'k', arguments: { a: 1 } })
  await http.post('bindings/%2F/e/x/e/amq.fanout', { routing_key: 'k' })
  await http.post('bindings/%2F/e/amq.direct/e/x', { routing_key: 'k' })
  w = await Wire.open(broker.url)
  await w.channel(CH)
  await w.call(CH, MethodId.QueueDeclare, { queue: 'mine', exclusive: true }, MethodId.QueueDeclareOk)
  for (const queue of ['q', 'single']) await consume(w, queue)
  const properties = { timestamp: 5n, headers: table({ a: 1 }) }
  for (const routingKey of ['q', 'q', 'stream', 'mine']) w.publish(CH, { routingKey, body: 'm', properties })
  await deliveries(w, 2)
}

beforeAll(async () => {
  broker = await createBroker({ port: 0, managementPort: 0, statisticsInterval: 50 })
  http.base = `http://127.0.0.1:${broker.managementPort}`
  await populate()
  document = (await http.get('openapi.json')).json
  node = (await http.get('overview')).json.node
})
afterAll(async () => {
  w.socket.destroy()
  await broker.close()
})

/** One for all, and what is referred to is compiled once: with each reference anew, that was most of what this file takes. */
const ajv = new Ajv2020({ strict: false, allErrors: true, inlineRefs: false, code: { optimize: false } })

function validator(schema: object): (value: unknown) => string[] {
  if (ajv.getSchema('doc:') === undefined) ajv.addSchema({ $id: 'doc:', components: document.components })
  const local = JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"doc:#/components'))
  const check = ajv.compile(local)
  return (value) => (check(value) ? [] : (check.errors ?? []).map((e) => `${e.instancePath} ${e.message}`))
}

async function values(): Promise<Record<string, string>> {
  const connection = (await http.get('connections')).json[0].name
  const binding = (await http.get('bindings/%2F/e/x/q/q')).json[0].properties_key
  return {
    vhost: '/',
    node,
    user: 'ann',
    name: 'q',
    source: 'x',
    destination: 'q',
    exchange: 'amq.topic',
    password: 'secret',
    filter: 'x',
    pattern: '.*',
    props: binding,
    component: 'shovel',
    port: String(broker.port),
    protocol: 'amqp',
    within: '1',
    unit: 'weeks',
    connection,
  }
}

/** Which object stands for {name} in a path. */
function nameIn(path: string, all: Record<string, string>): string {
  if (path.includes('/quorum/')) return 'single'
  if (path.includes('/connections/')) return all['connection'] as string
  if (path.includes('/channels/')) return `${all['connection']} (1)`
  if (path.includes('/exchanges/')) return 'x'
  if (path.includes('policies/')) return 'p'
  if (path.includes('/global-parameters/')) return 'g'
  return path.includes('/parameters/') ? 's' : 'q'
}

async function pathOf(template: string): Promise<string> {
  const all = await values()
  if (template.includes('/e/{destination}')) {
    all['destination'] = 'amq.fanout'
    all['props'] = 'k'
  }
  if (/\/connections\/username\/|\{user\}\/queues/.test(template)) all['user'] = 'guest'
  return template
    .replace('/api/', '')
    .replace(/\{(\w+)\}/g, (_, n: string) =>
      encodeURIComponent(n === 'name' ? nameIn(template, all) : (all[n] as string)),
    )
}

describe('the OpenAPI document', () => {
  it('is one', async () => {
    const result = await new Validator().validate(document as never)
    expect(result.errors).toBeUndefined()
    expect(result.valid).toBe(true)
  })

  it('has answers for reading, and bodies for what is sent', () => {
    for (const [path, operations] of Object.entries(document.paths)) {
      if (operations['get'] !== undefined)
        expect([path, operations['get'].responses['200']?.content]).toEqual([path, expect.anything()])
      if (operations['put'] !== undefined)
        expect([path, operations['put'].requestBody]).toEqual([path, expect.anything()])
    }
  })

  it('describes what every GET answers, nothing more and nothing less', async () => {
    let checked = 0
    for (const [template, { get }] of Object.entries(document.paths)) {
      if (get === undefined) continue
      const path = await pathOf(template)
      const { status, json } = await http.get(path)
      expect([path, status]).toEqual([path, 200])
      if (
        Array.isArray(json) &&
        !/extensions|federation-links|deprecated-features.used|sessions|source$|permissions$|parked|quarantined/.test(
          template,
        )
      )
        expect([path, json.length]).not.toEqual([path, 0])
      const check = validator(get.responses['200']?.content?.['application/json'].schema as object)
      expect([path, check(json)]).toEqual([path, []])
      checked++
    }
    expect(checked).toBeGreaterThan(70)
  })

  it('describes pages, errors, taken messages and redrives', async () => {
    const answer = async (method: string, template: string, body?: object, query = ''): Promise<void> => {
      const { status, json } = await http.call(method, `${await pathOf(template)}${query}`, body)
      const operation = document.paths[template]?.[method.toLowerCase()]
      const response = operation?.responses[status] ?? operation?.responses['default']
      const check = validator(response?.content?.['application/json'].schema as object)
      expect([template, status, check(json)]).toEqual([template, status, []])
    }
    await answer('GET', '/api/queues/{vhost}', undefined, '?page=1&page_size=2&name=s')
    await answer('GET', '/api/queues/{vhost}', undefined, '?page=99')
    const get = { count: 2, ackmode: 'ack_requeue_true', encoding: 'auto' }
    await answer('POST', '/api/queues/{vhost}/{name}/get', get)
    await answer('POST', '/api/queues/{vhost}/{name}/get', { ...get, ackmode: 'eat' })
    await answer('POST', '/api/queues/{vhost}/{name}/redrive', { limit: 1 })
    const message = { properties: {}, routing_key: '', payload: 'x', payload_encoding: 'string' }
    await answer('POST', '/api/exchanges/{vhost}/{name}/publish', message)
  })
})

describe('bodies', () => {
  it.each([
    ['PUT', 'users/new', { password: 'x' }, 'tags_not_present'],
    ['PUT', 'users/new', { password: 5, tags: '' }, 'password must be string'],
    ['PUT', 'queues/%2F/new', { durable: 'perhaps' }, ['not_boolean', 'perhaps']],
    ['PUT', 'queues/%2F/new', { arguments: [1] }, 'arguments must be object'],
    ['PUT', 'queues/%2F/new', { arguments: 'x' }, 'arguments must be object'],
    ['PUT', 'policies/%2F/new', { pattern: 'x' }, '[{key_missing,definition}]'],
    ['PUT', 'permissions/%2F/ann', { configure: '', write: '' }, '[{key_missing,read}]'],
    ['PUT', 'vhost-limits/%2F/max-queues', { value: 'many' }, 'value must be integer'],
    ['POST', 'queues/%2F/q/get', { count: 1, ackmode: 'x', encoding: 'auto' }, 'ackmode must be equal'],
    ['POST', 'queues/%2F/q/redrive', { rate: 0 }, 'rate must be > 0'],
    ['POST', 'definitions', [], 'must be object'],
  ])('of %s %s are checked: %j', async (method, path, body, reason) => {
    expect(await http.call(method, path, body)).toMatchObject({
      status: 400,
      json: {
        error: 'bad_request',
        reason: typeof reason === 'string' ? expect.stringContaining(reason) : reason,
      },
    })
  })

  it('are not looked at before the login', async () => {
    expect((await http.call('PUT', 'users/new', { password: 5 }, 'guest:wrong')).status).toBe(401)
    expect((await http.call('PUT', 'users/new', { password: 5 }, 'ann:p')).status).toBe(401)
  })
})

describe('what is kept beside', () => {
  it('the name of the cluster and the protection of a vhost', async () => {
    expect((await http.put('cluster-name', { name: 'burrow' })).status).toBe(204)
    expect((await http.get('cluster-name')).json).toEqual({ name: 'burrow' })
    expect((await http.get('overview')).json.cluster_name).toBe('burrow')
    await http.put('vhosts/kept', { protected_from_deletion: true })
    expect(await http.delete('vhosts/kept')).toMatchObject({
      status: 412,
      json: { reason: expect.stringContaining('protected from deletion') },
    })
    expect((await http.delete('vhosts/kept/deletion/protection')).status).toBe(204)
    expect((await http.delete('vhosts/kept')).status).toBe(204)
  })
})

describe('what does not compile', () => {
  const add: AddRoute = () => {}

  it('is a field of a body that the schema of the route does not have, and a misspelt keyword', () => {
    add('PUT', 'cluster-name', 'administrator', (r) => r.body['name'])
    // @ts-expect-error: the schema has no such field
    add('PUT', 'cluster-name', 'administrator', (r) => r.body['nmae'])
    // @ts-expect-error: this route takes no body
    add('GET', 'overview', 'management', (r) => r.body['name'])
    // @ts-expect-error: the keyword is minimum
    const count: Schema = { type: 'integer', minimun: 0 }
    expect(count.minimum).toBeUndefined()
  })
})
