import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createBroker, type RunningBroker } from '../../src/index.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import {
  bindQueue,
  CH,
  confirmSelect,
  consume,
  declareExchange,
  declareQueue,
  session,
} from '../support/session.ts'
import { until } from '../support/until.ts'
import { Http } from './target.ts'

const http = new Http()
let broker: RunningBroker
beforeAll(async () => {
  broker = await createBroker({ port: 0, managementPort: 0, statisticsInterval: 50 })
  http.base = `http://127.0.0.1:${broker.managementPort}`
})
afterAll(() => broker.close())

// biome-ignore lint/suspicious/noExplicitAny: JSON
async function first(path: string): Promise<any> {
  const { json } = await http.get(path)
  return Array.isArray(json) ? json[0] : json
}

describe('rates', () => {
  it('are there for queues, exchanges, channels, connections, vhosts and the whole, and fall to 0 again', async () => {
    const w = await session(broker)
    await confirmSelect(w)
    const x = await declareExchange(w, 'fanout')
    const [q, other] = [await declareQueue(w), await declareQueue(w)]
    for (const queue of [q, other]) await bindQueue(w, queue, x)
    await consume(w, q, { noAck: true })
    let going = true
    const publishing = (async () => {
      while (going) {
        w.publish(CH, { exchange: x, body: 'x' })
        w.publish(CH, { exchange: x, body: 'x' })
        w.publish(CH, { routingKey: 'nowhere', mandatory: true })
        w.send(CH, MethodId.BasicQos, {})
        // Behind what has come back.
        while ((await w.next(CH)).method.id !== MethodId.BasicQosOk);
      }
    })()
    const rates = async () => {
      const queue = await first(`queues/%2F/${q}`)
      const long = await first(`queues/%2F/${other}`)
      const exchange = await first(`exchanges/%2F/${x}`)
      const channel = await first('channels')
      const connection = await first('connections')
      const vhost = await first('vhosts/%2F')
      const overview = await first('overview')
      return {
        published: queue.message_stats.publish_details.rate,
        delivered: queue.message_stats.deliver_get_details.rate,
        growing: long.messages_ready_details.rate,
        in: exchange.message_stats.publish_in_details.rate,
        out: exchange.message_stats.publish_out_details.rate,
        channel: channel.message_stats.publish_details.rate,
        confirmed: channel.message_stats.confirm_details.rate,
        returned: channel.message_stats.return_unroutable_details.rate,
        toChannel: channel.message_stats.deliver_no_ack_details.rate,
        octetsIn: connection.recv_oct_details.rate,
        octetsOut: connection.send_oct_details.rate,
        vhost: vhost.message_stats.publish_details.rate,
        vhostGrowing: vhost.messages_details.rate,
        whole: overview.message_stats.publish_details.rate,
        wholeGrowing: overview.queue_totals.messages_details.rate,
      }
    }
    await until(async () => Object.values(await rates()).every((r) => r > 0), 'rates above 0')
    const now = await rates()
    expect(now.out).toBeGreaterThan(now.in)
    going = false
    await publishing
    await w.call(CH, MethodId.BasicQos, { prefetchCount: 1 }, MethodId.BasicQosOk).catch(() => {})
    await until(async () => Object.values(await rates()).every((r) => r === 0), 'rates of 0')
  })

  it('of the churn count connections, channels and queues that come', async () => {
    let going = true
    const coming = (async () => {
      while (going) {
        const w = await session(broker)
        await declareQueue(w)
        await w.close()
      }
    })()
    await until(async () => {
      const { churn_rates: churn } = await first('overview')
      return [
        'connection_created',
        'connection_closed',
        'channel_created',
        'queue_created',
        'queue_deleted',
      ].every((name) => churn[name] > 0 && churn[`${name}_details`].rate > 0)
    }, 'rates of the churn')
    going = false
    await coming
  })

  it('count what is published over HTTP', async () => {
    const before = (await first('overview')).message_stats.publish
    const message = { properties: {}, routing_key: 'nowhere', payload: 'x', payload_encoding: 'string' }
    await http.post('exchanges/%2F/amq.topic/publish', message)
    expect((await first('overview')).message_stats.publish).toBe(before + 1)
    expect((await first('exchanges/%2F/amq.topic')).message_stats.publish_in).toBe(1)
  })
})

describe('history', () => {
  const samples = (what: { samples?: { sample: number; timestamp: number }[] }) => what.samples ?? []

  it('is there with samples, avg and avg_rate where the query asks for it', async () => {
    const w = await session(broker)
    const x = await declareExchange(w, 'fanout')
    const q = await declareQueue(w)
    await bindQueue(w, q, x)
    await until(async () => (await first(`queues/%2F/${q}`)).idle_since !== null, 'a reading')
    for (let i = 0; i < 3; i++) w.publish(CH, { exchange: x, body: 'x' })
    const query = (part: string): string => `${part}_age=60&${part}_incr=5`
    const all = ['lengths', 'msg_rates', 'data_rates', 'node_stats'].map(query).join('&')
    const queue = () => first(`queues/%2F/${q}?${all}`)
    await until(async () => samples((await queue()).messages_details)[0]?.sample === 3, 'the newest sample')
    const seen = await queue()
    const details = seen.messages_details
    const values = samples(details).map((s) => s.sample)
    const fromThenOn = values.lastIndexOf(3) + 1
    expect(values).toEqual(values.map((_, i) => (i < fromThenOn ? 3 : 0)))
    expect([values.length, values[12]]).toEqual([13, 0])
    const times = samples(details).map((s) => s.timestamp)
    expect(times.every((t, i) => t === (times[0] as number) - i * 5000 && t % 5000 === 0)).toBe(true)
    expect([details.avg, details.avg_rate]).toEqual([(3 * fromThenOn) / 13, 3 / 60])
    expect(samples(seen.message_stats.publish_details)[0]?.sample).toBe(3)
    for (const [path, part, at] of [
      [`exchanges/%2F/${x}`, 'msg_rates', 'message_stats.publish_in_details'],
      ['queues', 'lengths', 'messages_ready_details'],
      ['queues/%2F?page=1', 'msg_rates', 'items.0.message_stats.ack_details'],
      ['channels', 'msg_rates', 'message_stats.publish_details'],
      ['connections', 'data_rates', 'recv_oct_details'],
      ['vhosts/%2F', 'msg_rates', 'message_stats.publish_details'],
      ['vhosts/%2F', 'msg_rates', 'messages_details'],
      ['vhosts/%2F', 'lengths', 'messages_details'],
      ['vhosts/%2F', 'data_rates', 'send_oct_details'],
      ['overview', 'msg_rates', 'message_stats.deliver_get_details'],
      ['overview', 'lengths', 'queue_totals.messages_unacknowledged_details'],
      ['nodes', 'node_stats', 'mem_used_details'],
      ['nodes', 'node_stats', 'queue_created_details'],
    ] as const) {
      const value = async (q: string) =>
        at
          .split('.')
          .reduce((v, name) => v[name], await first(`${path}${path.includes('?') ? '&' : '?'}${q}`))
      expect([path, Object.keys(await value(query(part))).sort()]).toEqual([
        path,
        ['avg', 'avg_rate', 'rate', 'samples'],
      ])
      expect([path, Object.keys(await value('columns_=x'))]).toEqual([path, ['rate']])
    }
  })

  it.each([
    ['lengths_age=2505&lengths_incr=5', 400],
    ['lengths_age=0&lengths_incr=5', 400],
    ['lengths_age=60&lengths_incr=0', 400],
    ['msg_rates_age=60&msg_rates_incr=-5', 400],
    ['lengths_age=2500&lengths_incr=5', 501],
    ['lengths_age=5&lengths_incr=60', 1],
    ['lengths_age=61&lengths_incr=7', 9],
    ['lengths_age=60', undefined],
    ['lengths_age=sixty&lengths_incr=5', undefined],
    ['lengths_age=60&lengths_incr=2.5', undefined],
  ])('for %s has %s samples', async (query, expected) => {
    const { status, json } = await http.get(`overview?${query}`)
    if (status === 200) expect(json.queue_totals.messages_details.samples?.length).toBe(expected)
    else
      expect([status, json.reason]).toEqual([
        expected,
        expect.stringMatching(/^Invalid range parameters: age /),
      ])
  })
})
