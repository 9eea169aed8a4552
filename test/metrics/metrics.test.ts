import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createBroker, type RunningBroker } from '../../src/index.ts'
import { Report } from '../../src/metrics/report.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { CH, confirmed, confirmSelect, declareQueue, deliveries, get, session } from '../support/session.ts'
import { until } from '../support/until.ts'
import { table } from '../support/wire.ts'
import { parse } from './parse.ts'

let broker: RunningBroker
beforeAll(async () => {
  broker = await createBroker({ port: 0, metricsPort: 0 })
})
afterAll(() => broker.close())

async function scrape(path = '/metrics'): Promise<ReturnType<typeof parse>> {
  const r = await fetch(`http://127.0.0.1:${broker.metricsPort}${path}`)
  expect([r.status, r.headers.get('content-type')]).toEqual([200, expect.stringContaining('version=0.0.4')])
  return parse(await r.text())
}

/** What the panels of RabbitMQ's overview dashboard ask for. */
const dashboard = [
  ...[
    'build_info',
    'identity_info',
    'queue_messages_ready',
    'queue_messages_unacked',
    'queues',
    'connections',
    'channels',
    'consumers',
  ],
  ...[
    'connections_opened_total',
    'connections_closed_total',
    'channels_opened_total',
    'channels_closed_total',
  ],
  ...['queues_declared_total', 'queues_created_total', 'queues_deleted_total'],
  ...['resident_memory_limit_bytes', 'process_resident_memory_bytes', 'disk_space_available_bytes'],
  ...['process_max_fds', 'process_open_fds', 'process_max_tcp_sockets', 'process_open_tcp_sockets'],
  ...[
    'messages_received_total',
    'messages_confirmed_total',
    'messages_received_confirm_total',
    'messages_routed_total',
    'messages_unroutable_dropped_total',
    'messages_unroutable_returned_total',
    'messages_delivered_total',
    'messages_redelivered_total',
    'messages_delivered_consume_manual_ack_total',
    'messages_delivered_consume_auto_ack_total',
    'messages_acknowledged_total',
    'messages_delivered_get_auto_ack_total',
    'messages_get_empty_total',
    'messages_delivered_get_manual_ack_total',
    'publishers',
    'consumers',
  ].map((n) => `global_${n}`),
].map((n) => `rabbitmq_${n}`)

describe('metrics', () => {
  it('have every name that the dashboard asks for, with the node to join by', async () => {
    const families = await scrape()
    expect(dashboard.filter((n) => (families.get(n)?.samples.length ?? 0) < 1)).toEqual([])
    expect(families.get('rabbitmq_identity_info')?.samples[0]?.labels).toMatchObject({
      rabbitmq_node: expect.stringMatching(/^leveret@/),
      rabbitmq_cluster: expect.any(String),
      rabbitmq_cluster_permanent_id: expect.stringMatching(/^rabbitmq-cluster-id-/),
      // Dashboards of 4.1 and later choose by it.
      rabbitmq_endpoint: 'aggregated',
    })
    expect(families.has('nodejs_eventloop_lag_p99_seconds')).toBe(true)
  })

  it('count what happens', async () => {
    const value = async (name: string): Promise<number> =>
      (await scrape()).get(`rabbitmq_${name}`)?.samples.reduce((n, x) => n + x.value, 0) ?? Number.NaN
    const names = [
      'global_messages_received_total',
      'global_messages_received_confirm_total',
      'global_messages_confirmed_total',
      'global_messages_routed_total',
      'global_messages_unroutable_dropped_total',
      'global_messages_unroutable_returned_total',
      'global_messages_delivered_consume_manual_ack_total',
      'global_messages_delivered_get_auto_ack_total',
      'global_messages_get_empty_total',
      'global_messages_redelivered_total',
      'global_messages_acknowledged_total',
      'global_messages_dead_lettered_rejected_total',
      'queues_created_total',
      'channels_opened_total',
    ]
    const all = async (): Promise<number[]> => await Promise.all(names.map(value))
    const before = await all()
    const w = await session(broker)
    const q = await declareQueue(w, { arguments: table({ 'x-dead-letter-exchange': 'amq.fanout' }) })
    for (let i = 0; i < 3; i++) w.publish(CH, { routingKey: q })
    await get(w, q)
    await confirmSelect(w)
    w.publish(CH, { routingKey: 'nowhere' })
    await confirmed(w, 1)
    w.publish(CH, { routingKey: 'nowhere', mandatory: true })
    await w.receive(CH, MethodId.BasicReturn)
    await confirmed(w, 2, 2)
    await w.call(CH, MethodId.BasicConsume, { queue: q, consumerTag: 'c' }, MethodId.BasicConsumeOk)
    const [a, b] = await deliveries(w, 2)
    w.send(CH, MethodId.BasicAck, { deliveryTag: a?.method.deliveryTag ?? 0 })
    w.send(CH, MethodId.BasicReject, { deliveryTag: b?.method.deliveryTag ?? 0, requeue: true })
    const [again] = await deliveries(w, 1)
    w.send(CH, MethodId.BasicReject, { deliveryTag: again?.method.deliveryTag ?? 0 })
    expect(await get(w, q)).toBeUndefined()
    const after = await all()
    expect(after.map((n, i) => n - (before[i] as number))).toEqual([5, 2, 2, 3, 1, 1, 3, 1, 1, 1, 1, 1, 1, 1])
  })

  it('are there by queue and exchange, without channels, and filtered', async () => {
    const w = await session(broker)
    const [a, b] = [await declareQueue(w, { queue: 'metrics "a"' }), await declareQueue(w)]
    for (const queue of [a, a, b]) w.publish(CH, { routingKey: queue })
    await w.call(CH, MethodId.BasicQos, {}, MethodId.BasicQosOk)
    const everything = await scrape('/metrics/per-object')
    const ready = everything.get('rabbitmq_queue_messages_ready')?.samples ?? []
    expect(ready.find((s) => s.labels['queue'] === 'metrics \\"a\\"')).toMatchObject({
      labels: { vhost: '/', queue: 'metrics \\"a\\"' },
      value: 2,
    })
    expect(everything.get('rabbitmq_exchange_messages_published_total')?.samples.length).toBeGreaterThan(5)
    const some = await scrape('/metrics/detailed?family=queue_coarse_metrics&vhost=%2F&name=%5Emetrics')
    expect([...some.keys()]).toEqual([
      'rabbitmq_build_info',
      'rabbitmq_identity_info',
      'rabbitmq_detailed_queue_messages_ready',
      'rabbitmq_detailed_queue_messages_unacked',
      'rabbitmq_detailed_queue_messages',
    ])
    expect(some.get('rabbitmq_detailed_queue_messages')?.samples).toHaveLength(1)
    expect(some.get('rabbitmq_identity_info')?.samples[0]?.labels['rabbitmq_endpoint']).toBe('detailed')
    const none = await scrape('/metrics/detailed?family=queue_coarse_metrics&vhost=other')
    expect(none.get('rabbitmq_detailed_queue_messages')?.samples).toEqual([])
    // As RabbitMQ: what is not known has nothing to show.
    for (const query of ['?family=nonsense', '', '?family=queue_coarse_metricz&family='])
      expect([...(await scrape(`/metrics/detailed${query}`)).keys()]).toEqual([
        'rabbitmq_build_info',
        'rabbitmq_identity_info',
      ])
    await w.close()
  })
})

describe('a long answer', () => {
  it('is made no faster than it is read, and no longer than somebody waits for it', async () => {
    let [made, over] = [0, false]
    async function* pieces(): AsyncGenerator<string> {
      try {
        for (; made < 1000; made++) yield 'x'.repeat(100_000)
      } finally {
        over = true
      }
    }
    const spy = vi.spyOn(Report, 'of').mockResolvedValue({ pieces } as unknown as Report)
    try {
      const socket = connect(broker.metricsPort as number, '127.0.0.1')
      socket.write('GET /metrics/per-object HTTP/1.1\r\nHost: x\r\n\r\n')
      await new Promise((resolve) => socket.once('data', resolve))
      socket.destroy()
      await until(() => over, 'the end of the answer')
      expect(made).toBeLessThan(1000)
    } finally {
      spy.mockRestore()
    }
  })
})
