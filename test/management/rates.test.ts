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
        await new Promise((resolve) => setTimeout(resolve, 2))
        w.inbox.length = 0
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
