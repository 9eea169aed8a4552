/** A vhost with a bit of everything, in use, for programs to look at. Its name has a slash, as that of rabbit-hole's suite. */
import { MethodId } from '../../../src/protocol/generated/constants.ts'
import { fresh } from '../../support/target.ts'
import { until } from '../../support/until.ts'
import { Wire } from '../../support/wire.ts'
import type { Http } from '../target.ts'

const PUBLISHING = 1
const CONSUMING = 2

export interface Scene {
  /** What stands in braces in a path or a body. */
  readonly names: { readonly [placeholder: string]: string }
  end(): Promise<void>
}

export async function setScene(http: Http): Promise<Scene> {
  const vhost = fresh('tools/hole')
  const user = fresh('reader')
  const v = encodeURIComponent(vhost)
  const all = { configure: '.*', write: '.*', read: '.*' }
  await http.put(`vhosts/${v}`, { description: 'for tools', tags: 'a,b' })
  await http.put(`permissions/${v}/guest`, all)
  await http.put(`users/${user}`, { password: 'p', tags: 'monitoring' })
  await http.put(`permissions/${v}/${user}`, { configure: '', write: '', read: '.*' })
  await http.put(`topic-permissions/${v}/${user}`, { exchange: 'amq.topic', write: '^a', read: '^b' })
  await http.put(`vhost-limits/${v}/max-connections`, { value: 100 })
  await http.put(`user-limits/${user}/max-channels`, { value: 100 })
  await http.put(`global-parameters/${user}`, { value: { a: 1 } })
  const policy = {
    pattern: '^orders$',
    definition: { 'max-length': 1000 },
    priority: 1,
    'apply-to': 'queues',
  }
  await http.put(`policies/${v}/bounds`, policy)
  await http.put(`operator-policies/${v}/limits`, policy)
  await http.put(`exchanges/${v}/events`, { type: 'topic', durable: true })
  for (const [name, args] of [
    ['orders', {}],
    ['idle', { 'x-message-ttl': 60_000 }],
    ['quorum', { 'x-queue-type': 'quorum' }],
    ['log', { 'x-queue-type': 'stream' }],
  ] as const)
    await http.put(`queues/${v}/${name}`, { durable: true, arguments: args })
  await http.post(`bindings/${v}/e/events/q/orders`, { routing_key: 'a.#' })
  await http.post(`bindings/${v}/e/events/e/amq.fanout`, { routing_key: 'b', arguments: { x: 1 } })
  const wire = await inUse(http, vhost)
  const { connection, channel } = await seen(http, v)
  const { json: nodes } = await http.get('nodes')
  const names = {
    v,
    vhost,
    user,
    queue: 'orders',
    exchange: 'events',
    connection,
    channel,
    node: nodes[0].name,
  }
  return {
    names,
    async end() {
      await wire.close().catch(() => wire.socket.destroy())
      for (const path of [`vhosts/${v}`, `users/${user}`, `global-parameters/${user}`])
        await http.delete(path)
    },
  }
}

/** Publishes with and without confirms and routes, delivers, acknowledges, returns and takes back. */
async function inUse(http: Http, vhost: string): Promise<Wire> {
  const w = await Wire.open(http.amqp, { vhost })
  await w.channel(PUBLISHING)
  await w.channel(CONSUMING)
  await w.call(PUBLISHING, MethodId.ConfirmSelect, {}, MethodId.ConfirmSelectOk)
  w.publish(PUBLISHING, { exchange: 'events', routingKey: 'nowhere', mandatory: true })
  await w.receive(PUBLISHING, MethodId.BasicReturn)
  const properties = { deliveryMode: 2, timestamp: 1_700_000_000n }
  for (let i = 0; i < 5; i++)
    w.publish(PUBLISHING, { exchange: 'events', routingKey: 'a.b', body: 'x', properties })
  w.publish(PUBLISHING, { exchange: 'events', routingKey: 'nowhere' })
  await w.call(CONSUMING, MethodId.BasicQos, { prefetchCount: 2 }, MethodId.BasicQosOk)
  await w.call(
    CONSUMING,
    MethodId.BasicConsume,
    { queue: 'orders', consumerTag: 'reader' },
    MethodId.BasicConsumeOk,
  )
  const first = await w.receive(CONSUMING, MethodId.BasicDeliver)
  const second = await w.receive(CONSUMING, MethodId.BasicDeliver)
  w.send(CONSUMING, MethodId.BasicAck, { deliveryTag: first.method.deliveryTag })
  w.send(CONSUMING, MethodId.BasicReject, { deliveryTag: second.method.deliveryTag, requeue: true })
  await w.receive(CONSUMING, MethodId.BasicDeliver)
  await w.receive(CONSUMING, MethodId.BasicDeliver)
  return w
}

/** The names of the scene's connection and of its consuming channel, once statistics have them. */
async function seen(http: Http, v: string): Promise<{ connection: string; channel: string }> {
  let connection = ''
  let channel = ''
  await until(async () => {
    const { json: rows } = await http.get(`vhosts/${v}/channels`)
    const row = (rows as { number?: number; name: string; connection_details?: { name: string } }[]).find(
      (r) => r.number === CONSUMING,
    )
    channel = row?.name ?? ''
    connection = row?.connection_details?.name ?? ''
    return channel !== '' && connection !== ''
  }, 'the channel in the statistics')
  return { connection: encodeURIComponent(connection), channel: encodeURIComponent(channel) }
}

/** Puts the scene's names in. */
export function filled<T>(what: T, names: Scene['names']): T {
  if (typeof what === 'string')
    return what.replace(/\{(\w+)\}/g, (all, name: string) => names[name] ?? all) as T
  if (Array.isArray(what)) return what.map((item) => filled(item, names)) as T
  // Matchers of the test runner stay as they are.
  if (typeof what !== 'object' || what === null || Object.getPrototypeOf(what) !== Object.prototype)
    return what
  return Object.fromEntries(Object.entries(what).map(([k, value]) => [k, filled(value, names)])) as T
}
