/** The names of RabbitMQ 4's exporter, with their types and labels, and by families. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createBroker, type RunningBroker } from '../../src/index.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import {
  CH,
  confirmed,
  confirmSelect,
  consume,
  declareQueue,
  deliveries,
  get,
  session,
} from '../support/session.ts'
import { Wire } from '../support/wire.ts'
import { type Family, parse } from './parse.ts'

const lines = (file: string): string[] => readFileSync(`test/fixtures/${file}`, 'utf8').trim().split('\n')

/** docs/http-api.md has the reasons. */
const left = new Set(
  [
    'channel_process_reductions_total',
    'connection_process_reductions_total',
    'queue_process_reductions_total',
    'erlang_gc_reclaimed_bytes_total',
    'erlang_net_ticktime_seconds',
    'erlang_processes_limit',
    'erlang_processes_used',
    'erlang_scheduler_run_queue',
    'exchange_messages_confirmed_total',
    'exchange_messages_unroutable_dropped_total',
    'exchange_messages_unroutable_returned_total',
    'global_messages_dead_lettered_confirmed_total',
    'io_read_time_seconds_total',
    'io_reopen_ops_total',
    'io_seek_ops_total',
    'io_seek_time_seconds_total',
    'io_sync_time_seconds_total',
    'io_write_time_seconds_total',
    'msg_store_read_total',
    'msg_store_write_total',
    'queue_disk_reads_total',
    'queue_disk_writes_total',
    'queue_exchange_messages_published_total',
    'queue_index_read_ops_total',
    'queue_index_write_ops_total',
    'raft_entry_commit_latency_seconds',
    'schema_db_disk_tx_total',
    'schema_db_ram_tx_total',
    'stream_consumer_max_offset_lag',
    'stream_segments',
    'auth_attempts_detailed_failed_total',
    'auth_attempts_detailed_succeeded_total',
    'auth_attempts_detailed_total',
  ].map((n) => `rabbitmq_${n}`),
)

let broker: RunningBroker
let w: Wire
beforeAll(async () => {
  broker = await createBroker({ port: 0, metricsPort: 0, managementPort: 0 })
  w = await Wire.open(broker.url)
  await w.channel(CH)
  await confirmSelect(w)
  await declareQueue(w, { queue: 'q', durable: true, exclusive: false })
  const properties = { deliveryMode: 2, timestamp: 1_700_000_000n }
  for (const size of [1, 100, 101, 1000, 20_000])
    w.publish(CH, { routingKey: 'q', body: 'x'.repeat(size), properties })
  w.publish(CH, { routingKey: 'q', body: 'transient' })
  w.publish(CH, { routingKey: 'nowhere' })
  await confirmed(w, 7)
  w.publish(CH, { routingKey: 'nowhere', mandatory: true })
  await w.receive(CH, MethodId.BasicReturn)
  await confirmed(w, 8, 8)
  await get(w, 'q')
  await w.call(CH, MethodId.BasicQos, { prefetchCount: 2 }, MethodId.BasicQosOk)
  await consume(w, 'q')
  await deliveries(w, 2)
})
afterAll(async () => {
  await w.close()
  await broker.close()
})

async function scrape(path: string): Promise<Map<string, Family>> {
  const r = await fetch(`http://127.0.0.1:${broker.metricsPort}${path}`)
  expect([path, r.status]).toEqual([path, 200])
  return parse(await r.text())
}

describe('the names of RabbitMQ 4', () => {
  it('are all there, with their types and labels, but for those that are left out', async () => {
    const families = await scrape('/metrics')
    const wrong: string[] = []
    for (const line of lines('rabbitmq-4-metrics.txt')) {
      const [name = '', type, labels = ''] = line.split(' ')
      const f = families.get(name)
      if (left.has(name)) {
        if (f !== undefined) wrong.push(`${name} is there`)
        continue
      }
      if (f === undefined) {
        wrong.push(`${name} is missing`)
        continue
      }
      if (f.type !== type) wrong.push(`${name} is a ${f.type}`)
      const missing = labels
        .split(',')
        .filter((l) => l !== '' && f.samples.every((s) => s.labels[l] === undefined))
      if (missing.length > 0) wrong.push(`${name} has no label ${missing.join()}`)
      if (f.samples.length === 0 && name !== 'rabbitmq_queue_head_message_timestamp')
        wrong.push(`${name} is empty`)
      if (f.help === '') wrong.push(`${name} has no help`)
    }
    expect(wrong).toEqual([])
  })

  it.each(lines('rabbitmq-4-metric-families.txt'))('of the family %s', async (line) => {
    const [family = '', ...names] = line.split(' ')
    const families = await scrape(`/metrics/detailed?family=${family}`)
    const plain = (n: string): string => n.replace('rabbitmq_detailed_', 'rabbitmq_')
    const due = names.filter((n) => !left.has(plain(n)))
    expect([...families.keys()]).toEqual(expect.arrayContaining(due))
    const others = [...families.keys()].filter((n) => !names.includes(n) && !/_info$/.test(n))
    const own = /queue_head_message_age_seconds|open_tcp_sockets|max_tcp_sockets/
    expect(others.filter((n) => !own.test(n))).toEqual([])
    for (const n of due) expect([n, families.get(n)?.samples.length]).toEqual([n, expect.any(Number)])
    if (due.length > 0) expect(due.some((n) => (families.get(n)?.samples.length ?? 0) > 0)).toBe(true)
  })

  it('are in the answer of single objects too, whatever the family', async () => {
    const aggregated = await scrape('/metrics')
    const single = await scrape('/metrics/per-object')
    const missing = [...aggregated.keys()].filter((n) => !single.has(n))
    expect(missing).toEqual([])
  })
})

describe('the values', () => {
  const one = (
    families: Map<string, Family>,
    name: string,
    labels: Record<string, string> = {},
  ): number | undefined =>
    families.get(name)?.samples.find((s) => Object.entries(labels).every(([l, v]) => s.labels[l] === v))
      ?.value

  it('of queues are those of memory, disk and the first message', async () => {
    const f = await scrape('/metrics/detailed?family=queue_metrics&family=queue_delivery_metrics')
    const q = (name: string): number | undefined => one(f, `rabbitmq_detailed_queue_${name}`, { queue: 'q' })
    expect({
      ram: q('messages_ram'),
      readyRam: q('messages_ready_ram'),
      unackedRam: q('messages_unacked_ram'),
      persistent: q('messages_persistent'),
      pagedOut: q('messages_paged_out'),
      timestamp: q('head_message_timestamp'),
      consumers: q('consumers'),
      capacity: q('consumer_capacity'),
      getAck: q('get_ack_total'),
      get: q('get_total'),
      deliveredAck: q('messages_delivered_ack_total'),
      delivered: q('messages_delivered_total'),
    }).toEqual({
      ram: 5,
      readyRam: 3,
      unackedRam: 2,
      persistent: 4,
      pagedOut: 0,
      timestamp: 1_700_000_000,
      consumers: 1,
      capacity: 1,
      getAck: 0,
      get: 1,
      deliveredAck: 2,
      delivered: 0,
    })
  })

  it('of channels and connections are those of each, and their sums go on when they go', async () => {
    const f = await scrape(
      '/metrics/detailed?family=channel_metrics&family=channel_exchange_metrics&family=connection_metrics&family=connection_coarse_metrics',
    )
    const ch = (name: string): number | undefined => one(f, `rabbitmq_detailed_channel_${name}`)
    expect([
      ch('consumers'),
      ch('messages_unacked'),
      one(f, 'rabbitmq_detailed_consumer_prefetch'),
      ch('messages_published_total'),
      ch('messages_confirmed_total'),
      ch('messages_unroutable_returned_total'),
      ch('messages_unroutable_dropped_total'),
    ]).toEqual([1, 2, 2, 8, 8, 1, 1])
    expect(one(f, 'rabbitmq_detailed_connection_channels')).toBe(1)
    expect(one(f, 'rabbitmq_detailed_connection_incoming_bytes_total')).toBeGreaterThan(21_000)
    expect(one(f, 'rabbitmq_detailed_connection_incoming_packets_total')).toBeGreaterThan(0)
    const sums = async (): Promise<unknown[]> => {
      const all = await scrape('/metrics')
      return ['published', 'confirmed', 'unroutable_returned', 'unroutable_dropped', 'delivered_ack'].map(
        (n) => one(all, `rabbitmq_channel_messages_${n}_total`),
      )
    }
    const before = await sums()
    const other = await session(broker)
    other.publish(CH, { routingKey: 'nowhere' })
    await other.call(CH, MethodId.BasicQos, {}, MethodId.BasicQosOk)
    await other.close()
    expect(await sums()).toEqual(before.map((n, i) => (n as number) + (i === 0 || i === 3 ? 1 : 0)))
  })

  it('of message sizes are a cumulative histogram', async () => {
    const f = (await scrape('/metrics')).get('rabbitmq_message_size_bytes')
    const bucket = (le: string): number | undefined =>
      f?.samples.find((s) => s.suffix === '_bucket' && s.labels['le'] === le)?.value
    const [small, kilo, ten] = [bucket('100'), bucket('1000'), bucket('10000')]
    const inf = bucket('+Inf')
    expect((kilo as number) - (small as number)).toBe(2)
    expect((ten as number) - (kilo as number)).toBe(0)
    expect((bucket('100000') as number) - (ten as number)).toBe(1)
    expect(f?.samples.find((s) => s.suffix === '_count')?.value).toBe(inf)
    expect(f?.samples.find((s) => s.suffix === '_sum')?.value).toBeGreaterThanOrEqual(21_211)
    expect(f?.samples.map((s) => s.labels['le'] ?? s.suffix)).toEqual([
      '100',
      '1000',
      '10000',
      '100000',
      '1000000',
      '10000000',
      '50000000',
      '100000000',
      '+Inf',
      '_count',
      '_sum',
    ])
  })

  it('of logins count each protocol', async () => {
    const attempts = async (protocol: string): Promise<unknown[]> => {
      const f = await scrape('/metrics')
      return ['', '_succeeded', '_failed'].map((n) =>
        one(f, `rabbitmq_auth_attempts${n}_total`, { protocol }),
      )
    }
    const [all, succeeded, failed] = (await attempts('http')) as number[]
    const login = (password: string): Promise<Response> =>
      fetch(`http://127.0.0.1:${broker.managementPort}/api/whoami`, {
        headers: { authorization: `Basic ${Buffer.from(`guest:${password}`).toString('base64')}` },
      })
    await login('guest')
    await login('wrong')
    expect(await attempts('http')).toEqual([(all ?? 0) + 2, (succeeded ?? 0) + 1, (failed ?? 0) + 1])
    expect((await attempts('amqp091'))[1]).toBeGreaterThan(0)
  })

  it('of vhosts and exchanges are there by name', async () => {
    const f = await scrape(
      '/metrics/detailed?family=vhost_status&family=exchange_bindings&family=exchange_names',
    )
    expect(one(f, 'rabbitmq_cluster_vhost_status', { vhost: '/' })).toBe(1)
    expect(
      one(f, 'rabbitmq_cluster_exchange_name', { exchange: 'amq.topic', type: 'topic', vhost: '/' }),
    ).toBe(1)
    expect(one(f, 'rabbitmq_cluster_exchange_bindings', { exchange: 'amq.topic' })).toBe(0)
  })
})
