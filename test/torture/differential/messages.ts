/** Steps that publish, consume and settle, and those of channels and connections. */
import type { Random } from '../random.ts'
import { flags, isFrom, type Known, oneOf, queues, rarely, someQueue } from './known.ts'
import type { Content, HandshakeStep, MethodStep, Step } from './step.ts'
import { someExchange, someKey } from './topology.ts'
import type { Typed } from './typed.ts'
import { headerValues, isDecimal, LONG_MS } from './values.ts'

const FRAME_BYTES = 131_072
const REPLY_TO = 'amq.rabbitmq.reply-to'

/** Properties that are handed on as they are, one of so many messages having each. */
const plainProperties: { readonly [name: string]: readonly [number, readonly (string | number)[]] } = {
  contentType: [8, ['text/plain', '']],
  contentEncoding: [15, ['gzip']],
  priority: [3, [0, 1, 2, 3, 9, 255]],
  correlationId: [12, ['c1', 'c2']],
  replyTo: [30, ['@a', REPLY_TO]],
  expiration: [10, ['0', String(LONG_MS), String(LONG_MS)]],
  messageId: [8, ['m1', 'm2', 'm3']],
  timestamp: [15, ['1700000000', '0']],
  type: [15, ['t']],
  userId: [25, ['guest']],
  appId: [15, ['app']],
  clusterId: [20, ['cluster']],
}
const wrongProperties: { readonly [name: string]: string } = { expiration: 'abc', userId: 'nosuch' }

function contentOf(random: Random, known: Known, client: number): Content {
  const properties: { [name: string]: string | number } = {}
  for (const [name, [often, values]] of Object.entries(plainProperties))
    if (rarely(random, often)) properties[name] = oneOf(random, values)
  // From 4.0 on RabbitMQ's quorum queues have a lane for those of 5 and more.
  if (isFrom(known, 4, 0) && Number(properties['priority']) > 4) properties['priority'] = 4
  if (random(2) === 0) properties['deliveryMode'] = rarely(random, 3) ? 2 : 1
  if (rarely(random, 60)) {
    const [name, value] = oneOf(random, Object.entries(wrongProperties))
    properties[name] = value
  }
  const headers: { [name: string]: Typed } = {}
  // RabbitMQ's streams cannot store a decimal: not in a transaction, where that shows with the commit only.
  const values = known.history.transactional.has(client)
    ? headerValues.filter((v) => !isDecimal(v))
    : headerValues
  for (const name of ['h', 'g', 'x-h']) if (rarely(random, 5)) headers[name] = oneOf(random, values)
  // RabbitMQ's dead letters go to the BCC keys, too, which Leveret has forgotten by then.
  for (const name of ['CC', 'BCC'])
    if (rarely(random, 12) && !(name === 'BCC' && keepsKeys(known)))
      headers[name] = rarely(random, 25)
        ? oneOf<Typed>(random, ['x', [5]])
        : [oneOf(random, queues), someKey(random, false)]
  if (rarely(random, 60)) headers['x-death'] = 'mine'
  const body = `m${++known.number}`
  const size = rarely(random, 60)
    ? FRAME_BYTES + random(1000)
    : rarely(random, 10)
      ? random(5000)
      : random(20)
  return { body, size, properties, ...(Object.keys(headers).length > 0 ? { headers } : {}) }
}

/** Some queue has dead letters that keep their keys. */
function keepsKeys({ queues: there }: Known): boolean {
  return [...there.values()].some(
    ({ arguments: a = {} }) => 'x-dead-letter-exchange' in a && !('x-dead-letter-routing-key' in a),
  )
}

export function publishStep(random: Random, known: Known, client: number): MethodStep {
  const byDefault = random(2) === 0
  const there = [...known.queues.keys()]
  const exchange = byDefault ? '' : someExchange(random, known)
  const routingKey = !byDefault
    ? someKey(random, false)
    : rarely(random, 40)
      ? '$reply'
      : there.length > 0 && !rarely(random, 20)
        ? oneOf(random, there)
        : oneOf(random, queues)
  const fields = {
    exchange,
    routingKey,
    ...flags({ mandatory: rarely(random, 4), immediate: rarely(random, 400) }),
  }
  const { history } = known
  if (exchange === '@w' || (history.isFed && exchange !== '')) {
    history.hasAny = true
    if (history.transactional.has(client)) history.isUncertain = true
  }
  return { client, do: 'basic.publish', fields, content: contentOf(random, known, client) }
}

const offsets: readonly Typed[] = [
  'first',
  'last',
  'next',
  0,
  1,
  5,
  { as: 'l', is: '2' },
  { as: 'T', is: '0' },
  '1h',
  'nosuch',
]

export function consumeStep(random: Random, known: Known, client: number): MethodStep {
  if (rarely(random, 3)) {
    const consumerTag = known.number === 0 || rarely(random, 6) ? 'nosuch' : `t${1 + random(known.number)}`
    return { client, do: 'basic.cancel', fields: { consumerTag, ...flags({ nowait: rarely(random, 10) }) } }
  }
  if (rarely(random, 40))
    return {
      client,
      do: 'basic.consume',
      fields: { queue: REPLY_TO, consumerTag: `t${++known.number}`, noAck: true },
    }
  const queue = someQueue(random, known)
  const stream = queue === '@s'
  const args: { [name: string]: Typed } = {}
  if (rarely(random, 4)) args['x-priority'] = rarely(random, 12) ? 'high' : random(3) - 1
  if (stream && random(3) > 0) args['x-stream-offset'] = oneOf(random, offsets)
  if (rarely(random, 40)) args['x-cancel-on-ha-failover'] = true
  const nowait = rarely(random, 20)
  const consumerTag = rarely(random, 20) && !nowait ? '' : rarely(random, 200) ? 't1' : `t${++known.number}`
  const more = flags({
    noAck: rarely(random, stream ? 20 : 4),
    exclusive: rarely(random, 15),
    noLocal: rarely(random, 15),
    nowait,
  })
  return { client, do: 'basic.consume', fields: { queue, consumerTag, ...more }, arguments: args }
}

export function getStep(random: Random, known: Known, client: number): MethodStep {
  const noAck = rarely(random, 3)
  if (!noAck) known.getters.add(client)
  return { client, do: 'basic.get', fields: { queue: someQueue(random, known), ...flags({ noAck }) } }
}

export function settleStep(random: Random, _: Known, client: number): MethodStep {
  const which = rarely(random, 80) ? -1 : random(16)
  const multiple = flags({ multiple: rarely(random, 4) })
  const requeue = flags({ requeue: random(2) === 0 })
  const how = random(5)
  if (how < 2) return { client, do: 'basic.ack', fields: multiple, which }
  if (how < 4) return { client, do: 'basic.nack', fields: { ...multiple, ...requeue }, which }
  return { client, do: 'basic.reject', fields: requeue, which }
}

type Simple = readonly [number, (random: Random) => Omit<MethodStep, 'client'>]

/** How often each is done. */
const simple: readonly Simple[] = [
  [14, (r) => ({ do: 'basic.qos', fields: { prefetchCount: r(4), ...flags({ global: rarely(r, 4) }) } })],
  [1, () => ({ do: 'basic.qos', fields: { prefetchSize: 1 } })],
  [5, (r) => ({ do: 'basic.recover', fields: { requeue: !rarely(r, 20) } })],
  [3, (r) => ({ do: 'basic.recover-async', fields: { requeue: !rarely(r, 20) } })],
  [24, () => ({ do: 'tx.commit' })],
  [6, () => ({ do: 'tx.rollback' })],
  [2, () => ({ do: 'tx.select' })],
  [2, (r) => ({ do: 'confirm.select', fields: flags({ nowait: r(2) === 0 }) })],
  [2, (r) => ({ do: 'channel.flow', fields: { active: !rarely(r, 8) } })],
  [1, () => ({ do: 'channel.flow-ok', fields: { active: true } })],
  [1, () => ({ do: 'channel.open' })],
  [6, () => ({ do: 'channel.close' })],
  [1, () => ({ do: 'basic.cancel-ok', fields: { consumerTag: 't1' } })],
  [
    2,
    () => ({
      do: 'access.request',
      fields: { realm: '/data', exclusive: false, passive: true, active: true, write: true, read: true },
    }),
  ],
  [2, () => ({ do: 'connection.close', onConnection: true })],
  [
    1,
    () => ({
      do: 'connection.open',
      fields: { virtualHost: '/', capabilities: '', insist: false },
      onConnection: true,
    }),
  ],
  [
    1,
    () => ({
      do: 'connection.update-secret',
      fields: { newSecret: 'new', reason: 'old' },
      onConnection: true,
    }),
  ],
]
const ALL = simple.reduce((sum, [weight]) => sum + weight, 0)
const [CONFIRMS, TRANSACTIONS] = [0, 2]

export function channelStep(random: Random, known: Known, client: number): MethodStep {
  let at = random(ALL)
  for (const [weight, make] of simple) {
    if (at < weight) {
      const step = make(random)
      // Mostly where it is right.
      const right = step.do.startsWith('tx.')
        ? TRANSACTIONS
        : step.do === 'confirm.select'
          ? CONFIRMS
          : client
      const by = rarely(random, 15) ? client : right
      // What was got before the limit counts for it in RabbitMQ, for good: what is settled then does not make room.
      if (step.fields?.['global'] === true && known.getters.has(by))
        return { client: by, do: 'basic.qos', fields: {} }
      if (step.do === 'tx.select') known.history.transactional.add(by)
      return { client: by, ...step }
    }
    at -= weight
  }
  throw new RangeError('no such step')
}

const handshakes: readonly Omit<HandshakeStep, 'do'>[] = [
  {},
  { mechanism: 'AMQPLAIN' },
  { password: 'wrong' },
  { user: 'nosuch' },
  { vhost: 'nosuch' },
  { frameMax: 4096, channelMax: 1 },
  { instead: 'connection.tune-ok' },
]

export function handshakeStep(random: Random): Step {
  return { do: 'handshake', ...oneOf(random, handshakes) }
}
