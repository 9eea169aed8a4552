import type { Queue, Settlement } from '../../broker/queue/queue.ts'
import type { Vhost } from '../../broker/vhost.ts'
import { ChannelConsumer } from '../../channel/consumer.ts'
import type { Connection } from '../../connection/connection.ts'
import { queueArguments } from '../../definitions/requests.ts'
import { HTTP_BODY_BYTES_SHORT, TAKEN_BYTES_MAX } from '../../limits.ts'
import { readableQueue, takeMessages, takingWaits } from '../../operations/messages.ts'
import {
  declareQueue,
  defaultKind,
  deleteQueue,
  isAlwaysDurable,
  purgeQueue,
} from '../../operations/queues.ts'
import { type RedriveOptions, redrive } from '../../operations/redrive.ts'
import type { Json } from '../../util/json.ts'
import { nextTurn } from '../../util/timers.ts'
import { bindingKind, bindingRows } from '../binding-rows.ts'
import { bareQueueJson, consumerJson, queueJson } from '../describe.ts'
import { type AddRoute, badRequest, flag, notFound, type Request } from '../http.ts'
import { type Listed, type LongAnswer, withList } from '../listing.ts'
import type { ManagedNode } from '../managed-node.ts'
import { messageJson, payloadOptions } from '../message.ts'
import { peek, peekQuestion } from '../peek.ts'
import type { Rates } from '../rates.ts'
import { Statistics } from '../statistics.ts'

const ackModes = new Map<string, Settlement>([
  ['ack_requeue_true', 'return'],
  ['ack_requeue_false', 'ack'],
  ['reject_requeue_true', 'fail'],
  ['reject_requeue_false', 'reject'],
])

function existing(r: Request): Queue {
  r.broker.turn.pumpNow()
  const q = r.vhost().queues.get(r.params['name'] as string)
  if (q === undefined) throw notFound()
  return q
}

export function queueRoutes(add: AddRoute, node: ManagedNode, rates: Rates): void {
  type Item = { vhost: Vhost; q: Queue }
  const kind = (r: Request, s = new Statistics(rates, r.query)): Listed<Item> => ({
    name: (i) => i.q.name,
    vhost: (i) => i.vhost.name,
    describe: (i) =>
      r.withoutStatistics
        ? bareQueueJson(node.nodeName, i.vhost, i.q, r.withQueueTotals)
        : queueJson(s, i.vhost, i.q),
    keys: {
      messages: ({ q }) => q.counts.ready + q.counts.unacked,
      messages_ready: ({ q }) => q.counts.ready,
      messages_unacknowledged: ({ q }) => q.counts.unacked,
      consumers: ({ q }) => q.counts.consumers,
      message_bytes: ({ q }) => q.bytes.ready + q.bytes.unacked,
      ...rateKeys(s),
      vhost: ({ vhost }) => vhost.name,
      type: ({ q }) => q.kind.name,
    },
  })
  const items = function* (r: Request, of = (_: Queue): boolean => true): Iterable<Item> {
    for (const vhost of r.vhostsOfPath()) for (const q of vhost.queues.values()) if (of(q)) yield { vhost, q }
  }
  const list = (r: Request, of?: (q: Queue) => boolean): Promise<unknown> => {
    r.broker.turn.pumpNow()
    return r.list(items(r, of), kind(r))
  }
  for (const path of ['queues', 'queues/detailed', 'queues/:vhost'])
    add('GET', path, 'management', (r) => list(r))
  // The users who declared other queues are not recorded.
  add('GET', 'users/:user/queues', 'administrator', (r) => {
    const { user = '' } = r.params
    if (r.users.get(user) === undefined) throw notFound()
    return list(r, (q) => (q.owner as Connection | undefined)?.caller?.user === user)
  })
  oneQueueRoutes(add, node, rates)
}

/** Rates that lists of many queues can be sorted by. */
function rateKeys(s: Statistics): { readonly [column: string]: (i: { q: Queue }) => number } {
  const rate = (stats: Json, name: string): number => (stats[`${name}_details`] as { rate: number }).rate
  return {
    'messages_details.rate': ({ q }) => rate(s.lengths(q), 'messages'),
    'message_stats.publish_details.rate': ({ q }) => rate(s.ofQueue(q), 'publish'),
    'message_stats.deliver_get_details.rate': ({ q }) => rate(s.ofQueue(q), 'deliver_get'),
  }
}

function oneQueueRoutes(add: AddRoute, node: ManagedNode, rates: Rates): void {
  const one = 'queues/:vhost/:name'
  add('GET', one, 'management', (r) => {
    const q = existing(r)
    if (r.withoutStatistics) return bareQueueJson(node.nodeName, r.vhost(), q, r.withQueueTotals)
    const s = new Statistics(rates, r.query)
    const consumers = [...q.consumerList].filter((c) => c instanceof ChannelConsumer)
    // Nothing is counted per exchange or per channel.
    const object = { ...queueJson(s, r.vhost(), q), incoming: [], deliveries: [] }
    r.reply.type('application/json; charset=utf-8')
    return r.long(() =>
      withList(object, 'consumer_details', consumers, (c) => consumerJson(node, c), r.query),
    )
  })
  add('PUT', one, 'management', (r) => {
    const vhost = r.vhost()
    const name = r.params['name'] as string
    const isNew = !vhost.queues.has(name)
    const args = queueArguments(r.body, defaultKind(r.broker, vhost))
    declareQueue(r.broker, r.caller(vhost), {
      name,
      // Defaults to what a client gets that sets no flags, or to true for a type that is always durable.
      durable: flag(r.body, 'durable', isAlwaysDurable(args)),
      // As in RabbitMQ: there is no connection that the queue could belong to.
      exclusive: false,
      autoDelete: flag(r.body, 'auto_delete'),
      arguments: args,
    })
    return r.stored(isNew)
  })
  add('DELETE', one, 'management', (r) => {
    const q = existing(r)
    const [unused, empty] = [r.query['if-unused'] === 'true', r.query['if-empty'] === 'true']
    deleteQueue(r.caller(r.vhost()), q.name, unused, empty)
    return r.stored(false)
  })
  contentRoutes(add, one)
}

function contentRoutes(add: AddRoute, one: string): void {
  add('GET', `${one}/bindings`, 'management', (r) => {
    const [vhost, q] = [r.vhost(), existing(r)]
    return r.listAll([{ vhost, bound: q }, ...bindingRows(vhost, vhost.bindings.to(q))], bindingKind)
  })
  add('DELETE', `${one}/contents`, 'management', (r) => {
    purgeQueue(r.caller(r.vhost()), existing(r).name)
    return r.stored(false)
  })
  add('POST', `${one}/actions`, 'administrator', (r) => {
    existing(r)
    if (!['sync', 'cancel_sync'].includes(r.text('action'))) throw badRequest('unknown_action')
    return r.stored(false)
  })
  add('POST', `${one}/get`, 'management', (r) => getMessages(r))
  add('GET', `${one}/peek`, 'management', async (r) => {
    const q = readableQueue(r.caller(r.vhost()), existing(r).name)
    const shown = await r.long(() => peek(r.active, q, peekQuestion(r.query), r))
    return r.inPieces(shown, (m) => m)
  })
  add('POST', `${one}/redrive`, 'policymaker', (r) => {
    const { rate, limit, from, reason, message } = r.body as RedriveOptions
    const options = { rate, limit, from, reason, message }
    return redrive(r.caller(r.vhost()), existing(r).name, r.broker, options)
  })
}

/** Gets messages as a client would, and settles them as requested. */
async function getMessages(r: Request): Promise<string | LongAnswer> {
  const { name } = existing(r)
  const how = ackModes.get(String(r.body['ackmode']))
  const count = Number(r.body['count'])
  if (how === undefined) throw badRequest('invalid_ackmode')
  if (!Number.isSafeInteger(count) || count < 0) throw badRequest('invalid_count')
  const options = payloadOptions(r.body['encoding'], r.body['truncate'])
  if (takingWaits(r.broker, r.caller(r.vhost()), name, how)) await r.untilWritten()
  // Checked before the messages are taken, since they may not be returned.
  r.needsRoom(TAKEN_BYTES_MAX)
  const taken = takeMessages(r.caller(r.vhost()), name, count, how)
  const octets = taken.reduce((sum, { content }) => sum + content.body.length, 0)
  if (octets > HTTP_BODY_BYTES_SHORT) {
    r.holds(Math.min(octets, TAKEN_BYTES_MAX))
    // Reading them from disk and copying them may have taken a while.
    await nextTurn()
  }
  return r.inPieces(taken, ({ content, redelivered, left }) => ({
    ...messageJson(content, options),
    redelivered,
    message_count: left,
  }))
}
