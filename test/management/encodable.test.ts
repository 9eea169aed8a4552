/** What comes over HTTP and could not be written, or not be read back, is refused with 400 before anything changes. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { createBroker, type RunningBroker } from '../../src/index.ts'
import { TABLE_DEPTH_MAX } from '../../src/limits.ts'
import { testFolder } from '../support/folder.ts'
import { Http, useHttp } from './target.ts'

const http = useHttp()
const LONG = 'ä'.repeat(128)
const FITS = `${'ä'.repeat(127)}x`

/** As many objects and lists within each other. */
function nested(levels: number): object {
  let v: unknown = 1
  for (let i = 0; i < levels; i++) v = i % 2 === 0 ? [v] : { v }
  return { v }
}

let vhosts = 0
async function makeVhost(): Promise<string> {
  const vhost = `encodable-${vhosts++}`
  await http.put(`vhosts/${vhost}`)
  return vhost
}

describe('over HTTP', () => {
  it('messages have properties and keys that AMQP can carry', async () => {
    const v = await makeVhost()
    await http.put(`queues/${v}/q`)
    const publish = (properties: object, routing_key = 'q') =>
      http.post(`exchanges/${v}/amq.default/publish`, {
        properties,
        routing_key,
        payload: '',
        payload_encoding: 'string',
      })
    for (const [properties, key] of [
      [{}, LONG],
      [{ message_id: LONG }],
      [{ content_type: LONG }],
      [{ type: LONG }],
      [{ app_id: LONG }],
      [{ priority: 256 }],
      [{ priority: -1 }],
      [{ delivery_mode: 256 }],
      [{ timestamp: -1 }],
      [{ headers: nested(TABLE_DEPTH_MAX + 1) }],
      [{ headers: nested(90) }],
      [{ headers: nested(3_000) }],
      [{ headers: { [LONG]: 1 } }],
      [{ headers: { h: 'x'.repeat(131_072) } }],
      [{ headers: 'none' }],
    ] as [object, string?][]) {
      const r = await publish(properties, key)
      expect([r.status, r.json.error]).toEqual([400, 'bad_request'])
    }
    const all = { message_id: FITS, headers: nested(TABLE_DEPTH_MAX), priority: 255 }
    expect((await publish(all)).json).toEqual({ routed: true })
    const ask = { count: 5, ackmode: 'ack_requeue_true', encoding: 'auto' }
    const got = await http.post(`queues/${v}/q/get`, ask)
    expect(got.json).toHaveLength(1)
    expect(got.json[0].properties).toEqual(all)
  })

  it('names, keys and arguments fit into what AMQP has for them', async () => {
    const v = await makeVhost()
    const long = encodeURIComponent(LONG)
    await http.put(`queues/${v}/q`)
    for (const r of [
      await http.put(`vhosts/${long}`),
      await http.put(`queues/${v}/${long}`),
      await http.put(`exchanges/${v}/${long}`, { type: 'fanout' }),
      await http.post(`bindings/${v}/e/amq.direct/q/q`, { routing_key: LONG }),
      await http.put(`queues/${v}/a`, {
        arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': LONG },
      }),
      await http.put(`queues/${v}/a`, { arguments: { 'x-dead-letter-exchange': LONG } }),
      await http.put(`exchanges/${v}/a`, { type: 'fanout', arguments: { 'alternate-exchange': LONG } }),
      await http.put(`queues/${v}/a`, { arguments: nested(TABLE_DEPTH_MAX + 1) }),
      await http.put(`exchanges/${v}/a`, { type: 'fanout', arguments: nested(TABLE_DEPTH_MAX + 1) }),
      await http.post(`bindings/${v}/e/amq.direct/q/q`, { arguments: nested(TABLE_DEPTH_MAX + 1) }),
      await http.put(`queues/${v}/a`, { arguments: { [LONG]: 1 } }),
      await http.put(`queues/${v}/a`, { arguments: { big: 'x'.repeat(131_072) } }),
      await http.put(`global-parameters/a`, { value: nested(3_000) }),
    ])
      expect([r.status, r.json.error]).toEqual([400, 'bad_request'])
    for (const path of [`queues/${v}/a`, `exchanges/${v}/a`, 'global-parameters/a'])
      expect((await http.get(path)).status).toBe(404)
    const fits = encodeURIComponent(FITS)
    expect((await http.put(`queues/${v}/${fits}`, { arguments: nested(TABLE_DEPTH_MAX) })).status).toBe(201)
    const bound = await http.post(`bindings/${v}/e/amq.direct/q/${fits}`, { routing_key: FITS })
    expect(bound.status).toBe(201)
    const key = bound.location?.split('/').at(-1)
    expect((await http.get(`bindings/${v}/e/amq.direct/q/${fits}/${key}`)).json).toMatchObject({
      routing_key: FITS,
      destination: FITS,
    })
  })

  it.each([
    ['dead-letter-exchange', { 'dead-letter-exchange': LONG }],
    ['dead-letter-routing-key', { 'dead-letter-exchange': 'x', 'dead-letter-routing-key': LONG }],
    ['alternate-exchange', { 'alternate-exchange': LONG }],
    ['a value within values', { 'max-length': nested(70) }],
  ])('policies have %s that fits', async (_, definition) => {
    const v = await makeVhost()
    const r = await http.put(`policies/${v}/p`, { pattern: '.*', definition })
    expect([r.status, r.json.error]).toEqual([400, 'bad_request'])
    expect((await http.get(`policies/${v}`)).json).toEqual([])
  })

  it('texts are well-formed: a surrogate that stands alone is U+FFFD', async () => {
    const v = await makeVhost()
    await http.put(`queues/${v}/q`)
    const r = await http.post(`bindings/${v}/e/amq.direct/q/q`, {
      routing_key: 'a\udcc3\udca9 \\ud800 \ud83d\udc07',
      arguments: { '\udc80': '\ud800' },
    })
    expect(r.status).toBe(201)
    const [, b] = (await http.get(`queues/${v}/q/bindings`)).json
    expect(b).toMatchObject({
      routing_key: 'a\ufffd\ufffd \\ud800 \ud83d\udc07',
      arguments: { '\ufffd': '\ufffd' },
    })
  })

  it('definitions are refused as a whole', async () => {
    const v = await makeVhost()
    const queue = (name: string, args: object) => ({ name, vhost: v, durable: true, arguments: args })
    for (const queues of [
      [queue('good', {}), queue('bad', nested(TABLE_DEPTH_MAX + 1))],
      [queue('good', {}), queue(LONG, {})],
      [queue('good', {}), queue('bad', nested(3_000))],
    ]) {
      expect((await http.post('definitions', { queues })).status).toBe(400)
      expect((await http.get(`queues/${v}`)).json).toEqual([])
    }
  })
})

describe('a start', () => {
  it('finds what was accepted over HTTP', async () => {
    const dir = testFolder('encodable')
    const own = new Http()
    const start = async (): Promise<RunningBroker> => {
      const broker = await createBroker({ port: 0, managementPort: 0, storage: 'lmdb', dataDir: dir })
      own.base = `http://127.0.0.1:${broker.managementPort}`
      return broker
    }
    const before = await start()
    const args = { arguments: nested(TABLE_DEPTH_MAX) }
    await own.put('queues/%2F/deep', { durable: true, ...args })
    expect((await own.put('queues/%2F/deeper', { arguments: nested(TABLE_DEPTH_MAX + 1) })).status).toBe(400)
    await own.put('exchanges/%2F/deep', { type: 'fanout', durable: true, ...args })
    await own.post('bindings/%2F/e/deep/q/deep', args)
    await before.close()
    const after = await start()
    onTestFinished(() => after.close())
    for (const path of ['queues/%2F/deep', 'exchanges/%2F/deep'])
      expect((await own.get(path)).json).toMatchObject(args)
    expect((await own.get('queues/%2F/deep/bindings')).json[1]).toMatchObject(args)
    expect((await own.get('queues/%2F/deeper')).status).toBe(404)
  })
})
