/** Names that JavaScript objects have of their own are names like others. */
import { describe, expect, it } from 'vitest'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { CH, get } from '../support/session.ts'
import { table, Wire } from '../support/wire.ts'
import { useHttp } from './target.ts'

const http = useHttp()
const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf', 'plain']

/** As JSON makes it: every name is the object's own. */
const odd = (value: unknown = 1): Record<string, unknown> =>
  JSON.parse(`{${names.map((n) => `"${n}": ${JSON.stringify(value)}`).join(', ')}}`)

const ownNames = (o: unknown): string[] => Object.getOwnPropertyNames(o).sort()
const all = [...names].sort()

describe.each(['x', { a: 1 }])('members with the value %j', (value) => {
  it('stay among the arguments of queues, exchanges and bindings', async () => {
    const args = { arguments: odd(value) }
    expect((await http.put('queues/%2F/q', args)).status).toBeLessThan(300)
    expect((await http.put('queues/%2F/q', args)).status).toBe(204)
    expect((await http.put('exchanges/%2F/x', { type: 'direct', ...args })).status).toBeLessThan(300)
    expect((await http.post('bindings/%2F/e/x/q/q', { routing_key: 'k', ...args })).status).toBe(201)
    for (const path of ['queues/%2F/q', 'exchanges/%2F/x', 'bindings/%2F/e/x/q/q'])
      for (const o of [(await http.get(path)).json].flat()) {
        expect([path, ownNames(o.arguments)]).toEqual([path, all])
        expect(
          Object.entries(o.arguments).every(([, v]) => JSON.stringify(v) === JSON.stringify(value)),
        ).toBe(true)
      }
    const { json } = await http.get('definitions')
    type Named = { name?: string; source?: string; arguments: object }
    for (const list of [json.queues, json.exchanges, json.bindings] as Named[][]) {
      const o = list.find(({ name, source }) => name === 'q' || name === 'x' || source === 'x')
      expect(ownNames(o?.arguments)).toEqual(all)
    }
    await http.delete('exchanges/%2F/x')
    await http.delete('queues/%2F/q')
    expect((await http.post('definitions', json)).status).toBe(204)
    expect(ownNames((await http.get('queues/%2F/q')).json.arguments)).toEqual(all)
    await http.delete('exchanges/%2F/x')
    await http.delete('queues/%2F/q')
  })

  it('stay among headers, over HTTP and AMQP', async () => {
    await http.put('queues/%2F/h')
    const message = { routing_key: 'h', payload: 'p', payload_encoding: 'string' }
    await http.post('exchanges/%2F/amq.default/publish', { ...message, properties: { headers: odd(value) } })
    const w = await Wire.open(http.amqp)
    await w.channel(CH)
    w.publish(CH, { routingKey: 'h', properties: { headers: table(odd(value) as Record<string, never>) } })
    await w.call(CH, MethodId.QueueDeclare, { queue: 'h', passive: true }, MethodId.QueueDeclareOk)
    const getting = { count: 5, ackmode: 'ack_requeue_true', encoding: 'auto' }
    const got = (await http.post('queues/%2F/h/get', getting)).json
    const peeked = (await http.get('queues/%2F/h/peek')).json
    expect([got.length, peeked.length]).toEqual([2, 2])
    for (const m of [...got, ...peeked]) expect(ownNames(m.properties.headers)).toEqual(all)
    for (const _ of got) {
      const headers = (await get(w, 'h'))?.properties?.headers
      expect(ownNames(headers?.toPlain())).toEqual(all)
    }
    await w.close()
  })

  it('stay in parameters, policies and the properties of clients', async () => {
    await http.put('parameters/federation/%2F/p', { value: odd(value) })
    await http.put('global-parameters/g', { value: odd(value) })
    for (const path of ['parameters/federation/%2F/p', 'global-parameters/g'])
      expect([path, ownNames((await http.get(path)).json.value)]).toEqual([path, all])
    const refused = await http.put('policies/%2F/p', { pattern: '', definition: odd(value) })
    expect([refused.status, refused.json.reason]).toEqual([400, expect.stringContaining('__proto__')])
    const w = await Wire.open(http.amqp, { clientProperties: odd(value) as Record<string, never> })
    const [connection] = (await http.get('connections')).json
    expect(ownNames(connection.client_properties)).toEqual(expect.arrayContaining(all))
    await w.close()
  })
})

describe('objects called so', () => {
  it.each(names)('%s are there, and go again', async (name) => {
    for (const [path, body] of [
      [`vhosts/${name}`, {}],
      [`users/${name}`, { password: 'p', tags: 'management' }],
      [`permissions/%2F/${name}`, { configure: '.*', write: '.*', read: '.*' }],
      [`queues/%2F/${name}`, {}],
      [`exchanges/%2F/${name}`, { type: 'fanout' }],
      [`policies/%2F/${name}`, { pattern: '^never$', definition: { 'max-length': 1 } }],
      [`parameters/federation/%2F/${name}`, { value: 1 }],
      [`global-parameters/${name}`, { value: 1 }],
    ] as const) {
      expect([path, (await http.get(path)).status]).toEqual([path, 404])
      expect([path, (await http.put(path, body)).status]).toEqual([path, 201])
      expect([path, (await http.get(path)).status]).toEqual([path, 200])
    }
    expect((await http.get('whoami', `${name}:p`)).json.name).toBe(name)
    for (const path of [
      `vhosts/${name}`,
      `queues/%2F/${name}`,
      `exchanges/%2F/${name}`,
      `policies/%2F/${name}`,
      `parameters/federation/%2F/${name}`,
      `global-parameters/${name}`,
      `users/${name}`,
    ])
      expect([path, (await http.delete(path)).status]).toEqual([path, 204])
    for (const path of [`vhost-limits/%2F/${name}`, `user-limits/guest/${name}`])
      expect([path, (await http.delete(path)).status]).toEqual([path, 204])
  })
})

describe('columns called so', () => {
  it.each(names.filter((n) => n !== 'plain'))('%s are those of arguments, or none', async (name) => {
    await http.put('queues/%2F/c', { arguments: odd('x') })
    expect((await http.get(`queues?sort=${name}`)).status).toBe(200)
    expect((await http.get(`queues?sort=name.${name}&columns=name`)).status).toBe(200)
    const { json } = await http.get(`queues/%2F?name=c&columns=${name},name,arguments.${name},name.length`)
    expect(JSON.stringify(json)).toBe(`[{"name":"c","arguments":{"${name}":"x"}}]`)
    await http.delete('queues/%2F/c')
  })
})
