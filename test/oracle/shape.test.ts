/** The same objects on Leveret and on RabbitMQ, and every answer of the HTTP API of the same shape. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createBroker, type RunningBroker } from '../../src/index.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { Http } from '../management/target.ts'
import { CH, confirmed, confirmSelect } from '../support/session.ts'
import { fresh } from '../support/target.ts'
import { until } from '../support/until.ts'
import { table, Wire } from '../support/wire.ts'

/** Paths of RabbitMQ's answers that are left out; docs/http-api.md has the reasons. */
const left = [
  /reductions/,
  /backing_queue_status\.(delta|q\d|mirror_|target_ram_count|next_deliver_seq_id|avg_)/,
  /socket_opts\./,
  /\.segments$/,
  // Of RabbitMQ's own page, and of its plugins.
  /^extensions/,
  /^auth\.(enable_uaa|uaa_)/,
  // Erlang's applications; files that only RabbitMQ has.
  /applications\[\]|config_files\[\]|log_files\[\]|enabled_plugins\[\]/,
  // What other tests have left behind.
  /\.(arguments|definition|effective_policy_definition|value)\./,
  // Names of nodes, and what clients say of themselves.
  /@localhost/,
  /client_properties/,
  /release_series_support_status/,
  // Of 4.x.
  /^definitions\.(explanation|original_cluster_name)|^definitions\.vhosts\[\]\.(metadata\.)?default_queue_type/,
  // A hash of Leveret's own is given under another name.
  /^definitions\.users\[\]\.(password_hash|hashing_algorithm)/,
  // In an export of one vhost each has the vhost's name, or not.
  /^definitions\/.*\.(vhost|policies\[\]|parameters\[\])/,
]

type Shape = Map<string, Set<string>>

function shapeOf(value: unknown, path: string, out: Shape): Shape {
  const kind = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value
  const kinds = out.get(path) ?? new Set()
  out.set(path, kinds.add(kind))
  if (Array.isArray(value)) for (const v of value) shapeOf(v, `${path}[]`, out)
  else if (value !== null && typeof value === 'object')
    for (const [name, v] of Object.entries(value)) shapeOf(v, `${path}.${name}`, out)
  return out
}

const q = fresh('shape')

class Side {
  readonly http = new Http()
  private w: Wire | undefined
  connection = ''
  node = ''

  constructor(amqp: string, base: string) {
    this.http.amqp = amqp
    this.http.base = base
  }

  async prepare(): Promise<void> {
    const { http } = this
    this.node = (await http.get('overview')).json.node
    for (const [path, body] of [
      // Another test may have a vhost with a tag meanwhile, on RabbitMQ alone.
      [`vhosts/${q}`, { tags: 'one' }],
      [`users/${q}`, { password: 'p', tags: 'monitoring' }],
      [`permissions/%2F/${q}`, { configure: '', write: '', read: '.*' }],
      [`topic-permissions/%2F/${q}`, { exchange: 'amq.topic', write: '', read: '' }],
      [`policies/%2F/${q}`, { pattern: `^${q}$`, definition: { 'max-length': 500 } }],
      [`operator-policies/%2F/${q}`, { pattern: `^${q}$`, definition: { 'max-length': 400 } }],
      [`global-parameters/${q}`, { value: { a: 1 } }],
      ['vhost-limits/%2F/max-connections', { value: 1000 }],
      [`user-limits/${q}/max-channels`, { value: 10 }],
      [`queues/%2F/${q}-quorum`, { durable: true, arguments: { 'x-queue-type': 'quorum' } }],
      [`queues/%2F/${q}-stream`, { durable: true, arguments: { 'x-queue-type': 'stream' } }],
      [`queues/%2F/${q}`, { durable: true }],
      [`exchanges/%2F/${q}`, { type: 'topic' }],
    ] as const)
      expect([path, (await http.put(path, body)).status]).toEqual([path, expect.any(Number)])
    await http.post(`bindings/%2F/e/${q}/q/${q}`, { routing_key: 'k', arguments: { a: 1 } })
    await http.post(`bindings/%2F/e/amq.topic/q/${q}`, { routing_key: 'k' })
    const w = await Wire.open(http.amqp, { clientProperties: { connection_name: q } as never })
    this.w = w
    await w.channel(CH)
    await confirmSelect(w)
    const properties = { deliveryMode: 2, timestamp: 1_700_000_000n, headers: table({ a: 1 }) }
    for (let i = 0; i < 5; i++) w.publish(CH, { routingKey: q, body: 'x', properties })
    for (const kind of ['quorum', 'stream'])
      w.publish(CH, { routingKey: `${q}-${kind}`, body: 'x', properties })
    w.publish(CH, { exchange: 'amq.topic', routingKey: 'k' })
    w.publish(CH, { routingKey: 'nowhere' })
    await confirmed(w, 9)
    await w.channel(2)
    await w.call(2, MethodId.BasicQos, { prefetchCount: 2 }, MethodId.BasicQosOk)
    await w.call(2, MethodId.BasicConsume, { queue: q, consumerTag: 'ct' }, MethodId.BasicConsumeOk)
    await until(async () => {
      const { json } = await http.get(`queues/%2F/${q}`)
      const { json: all } = await http.get('connections')
      this.connection =
        all.find((c: { user_provided_name?: string }) => c.user_provided_name === q)?.name ?? ''
      const channel = `channels/${encodeURIComponent(`${this.connection} (2)`)}`
      return (
        json.message_stats?.deliver > 0 &&
        json.consumer_details?.[0]?.channel_details?.name !== undefined &&
        this.connection !== '' &&
        (await http.get(channel)).status === 200
      )
    }, 'what RabbitMQ counts every now and then')
  }

  async close(): Promise<void> {
    await this.w?.close()
    for (const path of ['', '-quorum', '-stream']) await this.http.delete(`queues/%2F/${q}${path}`)
    for (const path of [
      `vhosts/${q}`,
      `users/${q}`,
      `policies/%2F/${q}`,
      `operator-policies/%2F/${q}`,
      `global-parameters/${q}`,
    ])
      await this.http.delete(path)
    await this.http.delete(`exchanges/%2F/${q}`)
    await this.http.delete('vhost-limits/%2F/max-connections')
  }

  async shape(path: string): Promise<Shape> {
    const filled = path
      .replace('NODE', encodeURIComponent(this.node))
      .replace('CONNECTION', encodeURIComponent(this.connection))
      .replaceAll('QUEUE', q)
    const { status, json } = await this.http.get(filled)
    expect([filled, status]).toEqual([filled, 200])
    return shapeOf(json, path, new Map())
  }
}

let broker: RunningBroker
let leveret: Side
let rabbit: Side
beforeAll(async () => {
  broker = await createBroker({ port: 0, managementPort: 0, statisticsInterval: 500 })
  leveret = new Side(broker.url, `http://127.0.0.1:${broker.managementPort}`)
  rabbit = new Side(process.env['LEVERET_TEST_URL'] ?? '', process.env['LEVERET_TEST_HTTP'] ?? '')
  for (const side of [leveret, rabbit]) await side.prepare()
}, 60_000)
afterAll(async () => {
  for (const side of [leveret, rabbit]) await side.close()
  await broker.close()
})

describe('answers', () => {
  it.each([
    'overview',
    'nodes',
    'nodes/NODE',
    'nodes/NODE/memory',
    'vhosts',
    'vhosts/%2F',
    'users',
    'users/QUEUE',
    'permissions',
    'topic-permissions',
    'whoami',
    'cluster-name',
    'connections',
    'connections/CONNECTION',
    'connections/CONNECTION/channels',
    'channels',
    'channels/CONNECTION%20(1)',
    'channels/CONNECTION%20(2)',
    'consumers',
    'exchanges',
    'exchanges/%2F/amq.topic',
    'exchanges/%2F/amq.topic/bindings/source',
    'queues',
    'queues?page=1',
    'queues/%2F/QUEUE',
    'queues/%2F/QUEUE-quorum',
    'queues/%2F/QUEUE-stream',
    'queues/%2F/QUEUE/bindings',
    'queues/%2F/QUEUE?lengths_age=60&lengths_incr=5&msg_rates_age=60&msg_rates_incr=5',
    'bindings',
    'policies',
    'operator-policies',
    'parameters',
    'global-parameters',
    'vhost-limits',
    'user-limits',
    'definitions',
    'feature-flags',
    'auth',
    'healthchecks/node',
    'auth/attempts/NODE',
  ])('of %s have what those of RabbitMQ have', async (path) => {
    const [mine, theirs] = [await leveret.shape(path), await rabbit.shape(path)]
    const wrong: string[] = []
    for (const [at, kinds] of theirs) {
      if (left.some((pattern) => pattern.test(at))) continue
      const own = mine.get(at)
      if (own === undefined) wrong.push(`${at} (${[...kinds].join()}) is missing`)
      // null stands for "none yet" on either side.
      else if ([...own].every((k) => k !== 'null' && !kinds.has(k)) && !kinds.has('null'))
        wrong.push(`${at} is ${[...own].join()}, not ${[...kinds].join()}`)
    }
    expect(wrong).toEqual([])
  })
})
