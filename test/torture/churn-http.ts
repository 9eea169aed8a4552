/** Who asks over HTTP, again and again, and changes policies, users and vhosts there. */
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { Wire } from '../support/wire.ts'
import type { Part, Place } from './churn.ts'
import { connected } from './churn-topology.ts'
import { declare } from './client.ts'

const authorization = `Basic ${btoa('guest:guest')}`

/** @throws Error for an answer that is none of 2xx */
export async function api(place: Place, method: string, path: string, body?: object): Promise<unknown> {
  const headers = { authorization, 'content-type': 'application/json' }
  const content = body === undefined ? {} : { body: JSON.stringify(body) }
  const answer = await fetch(`${place.http}/api/${path}`, { method, headers, ...content })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text.slice(0, 200)}`)
  return text === '' ? undefined : JSON.parse(text)
}

const looked = [
  'overview?lengths_age=60&lengths_incr=5&msg_rates_age=60&msg_rates_incr=5',
  'queues?page=1&page_size=100&sort=messages&sort_reverse=true',
  'queues/%2F?columns=name,messages,consumers',
  'connections',
  'channels',
  'consumers',
  'nodes',
  'exchanges',
  'bindings?page=1&page_size=100',
  'policies',
  'definitions',
  'vhosts',
  'health/checks/alarms',
]

const pollers: Part = {
  name: 'HTTP pollers',
  everyMs: 300,
  async piece(place, random) {
    await Promise.all([0, 1, 2].map(() => api(place, 'GET', looked[random(looked.length)] as string)))
  },
}

const scrapes: Part = {
  name: 'scrapes of the metrics',
  everyMs: 500,
  async piece(place) {
    const detailed = '/metrics/detailed?family=queue_coarse_metrics&family=queue_consumer_count'
    for (const path of ['/metrics', '/metrics/per-object', detailed]) {
      const answer = await fetch(`${place.metrics}${path}`)
      if (!answer.ok) throw new Error(`${path}: ${answer.status}`)
      await answer.text()
    }
  },
}

const policies: Part = {
  name: 'policies',
  everyMs: 300,
  piece: (place, random, number) =>
    connected(place, async (w) => {
      const queue = `policed.${number}`
      await declare(w, queue)
      for (const kind of ['policies', 'operator-policies']) {
        const definition = { 'max-length': 10 + random(100), 'message-ttl': 100 + random(1000) }
        const body = { pattern: '^policed\\.', definition, 'apply-to': 'queues', priority: random(5) }
        await api(place, 'PUT', `${kind}/%2F/churn-${number % 7}`, body)
      }
      for (let n = 0; n < 20; n++)
        w.publish(1, { routingKey: queue, body: 'x', properties: { deliveryMode: 2 } })
      for (const kind of ['policies', 'operator-policies'])
        await api(place, 'DELETE', `${kind}/%2F/churn-${number % 7}`)
      await w.call(1, MethodId.QueueDelete, { queue }, MethodId.QueueDeleteOk)
    }),
}

const vhosts: Part = {
  name: 'vhosts, users and permissions',
  everyMs: 1_000,
  async piece(place, random, number) {
    const [vhost, user] = [`churn-${number}`, `churn-${number}`]
    await api(place, 'PUT', `vhosts/${vhost}`)
    await api(place, 'PUT', `users/${user}`, { password: 'p', tags: 'monitoring' })
    const all = { configure: '.*', write: '.*', read: '.*' }
    await api(place, 'PUT', `permissions/${vhost}/${user}`, all)
    const w = await Wire.open(place.url, { vhost, user, password: 'p' })
    await w.channel(1)
    for (let n = 0; n < 5; n++) await declare(w, `q${n}`)
    w.publish(1, { routingKey: 'q0', body: 'x', properties: { deliveryMode: 2 } })
    if (random(2) === 0) await w.close()
    await api(place, 'DELETE', `vhosts/${vhost}`)
    await api(place, 'DELETE', `users/${user}`)
    await w.over()
  },
}

/** Looks at messages as they pass, and goes away in the middle of the answer. */
const watchers: Part = {
  name: 'watchers',
  everyMs: 700,
  piece: (place, random) =>
    connected(place, async (w) => {
      await declare(w, 'watched', { 'x-max-length': 20 })
      const away = new AbortController()
      const path = `${place.http}/api/queues/%2F/watched/tail?limit=100&seconds=30`
      const headers = { authorization, accept: 'text/event-stream' }
      const answer = await fetch(path, { headers, signal: away.signal })
      for (let n = 0; n < 20; n++) w.publish(1, { routingKey: 'watched', body: 'x' })
      await answer.body?.getReader().read()
      away.abort()
      const get = {
        count: 5,
        ackmode: random(2) === 0 ? 'ack_requeue_true' : 'ack_requeue_false',
        encoding: 'auto',
      }
      await api(place, 'POST', 'queues/%2F/watched/get', get)
      await api(place, 'GET', 'queues/%2F/watched/peek?count=10')
      const message = { routing_key: 'watched', payload: 'y', payload_encoding: 'string', properties: {} }
      await api(place, 'POST', 'exchanges/%2F/amq.default/publish', message)
    }),
}

export const httpParts: readonly Part[] = [pollers, scrapes, policies, vhosts, watchers]
