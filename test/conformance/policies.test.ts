/** Policies and the firehose, set over the HTTP API and seen over AMQP (behaviour.md sections 9 and 10). */
import { describe, expect, it, onTestFinished } from 'vitest'
import { rows } from '../../src/broker/arguments/table.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { useHttp } from '../management/target.ts'
import {
  bindQueue,
  CH,
  confirmed,
  confirmSelect,
  consume,
  counts,
  declareExchange,
  declareQueue,
  deliveries,
  fill,
  get,
  holds,
  outlived,
  session,
} from '../support/session.ts'
import { differs, fresh } from '../support/target.ts'
import { until } from '../support/until.ts'
import { table, type Wire } from '../support/wire.ts'
import { argumentValues, type Values } from './argument-values.ts'

const http = useHttp()
const t = {
  get url() {
    return http.amqp
  },
}

interface Options {
  readonly kind?: 'policies' | 'operator-policies'
  readonly priority?: number
  readonly applyTo?: string
}

/** Sets a policy for one name, and waits until the queue or exchange goes by it; gone at the end of the test. */
async function policy(name: string, definition: object, o: Options = {}): Promise<string> {
  const path = `${o.kind ?? 'policies'}/%2F/${fresh('policy')}`
  const body = { pattern: `^${name}$`, definition, priority: o.priority ?? 0, 'apply-to': o.applyTo ?? 'all' }
  expect((await http.put(path, body)).status).toBe(201)
  onTestFinished(() => http.delete(path).then(() => {}))
  return path
}

/** What the broker says to be in force for the queue. */
async function effective(queue: string): Promise<object> {
  return (await http.get(`queues/%2F/${queue}`)).json?.effective_policy_definition ?? {}
}

async function inForce(queue: string, definition: object): Promise<void> {
  await until(
    async () => JSON.stringify(await effective(queue)) === JSON.stringify(definition),
    `${JSON.stringify(definition)} to be in force`,
  )
}

/** Publishes, and waits until the broker has dealt with it. */
async function publish(w: Wire, queue: string, bodies: readonly string[]): Promise<void> {
  for (const body of bodies) w.publish(CH, { routingKey: queue, body })
  // A queue that has answered a get has taken what was published before.
  await counts(w, queue)
}

const five = ['1', '2', '3', '4', '5']

describe('every key', () => {
  const keys = rows.flatMap(({ name, policy, kinds }) =>
    policy === undefined
      ? []
      : [[policy.key, policy, argumentValues[name] as Values, kinds[0] as string] as const],
  )
  const ours = differs('the table is of 4.x, with some of Leveret’s own')

  ours.each(keys)('%s is in force for a queue', async (key, _, { good }, kind) => {
    const w = await session(t)
    const q = fresh('q')
    const args = table({ 'x-queue-type': kind })
    await declareQueue(w, { queue: q, exclusive: false, durable: true, arguments: args })
    onTestFinished(() => http.delete(`queues/%2F/${q}`).then(() => {}))
    await policy(q, { [key]: good })
    await inForce(q, { [key]: good })
  })

  ours.each(keys)(
    '%s with a wrong value is refused, and so in an operator policy',
    async (key, { operator, what }, { good, bad }) => {
      const put = (where: string, value: unknown) =>
        http.put(`${where}/%2F/${fresh('bad')}`, { pattern: '.*', definition: { [key]: value } })
      const refused = await put('policies', bad)
      expect([refused.status, refused.json.reason]).toEqual([
        400,
        expect.stringContaining(`is not a valid ${what}`),
      ])
      const byOperator = await put('operator-policies', operator === true ? bad : good)
      expect([byOperator.status, byOperator.json.reason]).toEqual([
        400,
        expect.stringContaining(
          operator === true ? `is not a valid ${what}` : 'not recognised policy settings',
        ),
      ])
    },
  )

  it('a wrong value is told before a key that is not one', async () => {
    const definition = { 'of-ones-own': 1, 'max-length': -1 }
    for (const where of ['policies', 'operator-policies']) {
      const refused = await http.put(`${where}/%2F/${fresh('bad')}`, { pattern: '.*', definition })
      expect(refused.json.reason).toContain('-1 is not a valid maximum length')
    }
  })

  ours.each(keys.filter(([, { operator }]) => operator === true))(
    '%s is taken from operators',
    async (key, _, { good }) => {
      const w = await session(t)
      const q = await declareQueue(w)
      await policy(q, { [key]: good }, { kind: 'operator-policies' })
    },
  )
})

describe('a policy', () => {
  it.each(['classic', 'quorum'])('applies to what exists and is undone when it goes: %s', async (type) => {
    const w = await session(t)
    const args = table({ 'x-queue-type': type })
    const q = await declareQueue(w, { exclusive: false, durable: true, arguments: args })
    onTestFinished(() => http.delete(`queues/%2F/${q}`).then(() => {}))
    await publish(w, q, five)
    await holds(w, q, 5)
    const path = await policy(q, { 'max-length': 2 })
    await inForce(q, { 'max-length': 2 })
    await publish(w, q, ['6'])
    await holds(w, q, 2)
    expect(String((await get(w, q))?.body)).toBe('5')
    await http.delete(path)
    await inForce(q, {})
    await publish(w, q, five)
    await holds(w, q, 6)
  })

  it('applies to what comes later', async () => {
    const w = await session(t)
    const queue = fresh('later')
    await policy(queue, { 'max-length': 1 })
    await declareQueue(w, { queue })
    await publish(w, queue, five)
    await holds(w, queue, 1)
  })

  it('of the highest priority applies, alone, where its kind fits', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await policy(q, { 'max-length': 1, 'message-ttl': 1 }, { priority: 1 })
    await policy(q, { 'max-length': 3 }, { priority: 2 })
    await policy(q, { 'alternate-exchange': 'x' }, { priority: 3, applyTo: 'exchanges' })
    await inForce(q, { 'max-length': 3 })
    await publish(w, q, five)
    await holds(w, q, 3)
  })

  it('applies to an exchange whatever it says: alone, if its priority is the highest', async () => {
    const w = await session(t)
    const [x, alternate] = [await declareExchange(w, 'direct'), await declareExchange(w, 'fanout')]
    const q = await declareQueue(w)
    await bindQueue(w, q, alternate)
    await policy(x, { 'alternate-exchange': alternate }, { priority: 1 })
    await policy(x, { 'max-length': 1 }, { priority: 2 })
    expect((await http.get(`exchanges/%2F/${x}`)).json.policy).toMatch(/^test-policy-/)
    w.publish(CH, { exchange: x, routingKey: 'nowhere', mandatory: true })
    expect((await w.receive(CH, MethodId.BasicReturn)).method.replyCode).toBe(312)
  })

  it('and an argument and an operator policy: the smallest number counts', async () => {
    const w = await session(t)
    const q = await declareQueue(w, { arguments: table({ 'x-max-length': 4 }) })
    await policy(q, { 'max-length': 6 })
    await inForce(q, { 'max-length': 6 })
    await publish(w, q, five)
    await holds(w, q, 4)
    await policy(q, { 'max-length': 3 }, { kind: 'operator-policies' })
    await until(async () => {
      await publish(w, q, five)
      return (await counts(w, q)).messages === 3
    }, 'the operator policy')
  })

  it('gives a dead-letter exchange and key; those of the declaration come first', async () => {
    const w = await session(t)
    const [x, other] = [await declareExchange(w, 'direct'), await declareExchange(w, 'direct')]
    const [dead, otherDead] = [await declareQueue(w), await declareQueue(w)]
    await bindQueue(w, dead, x, 'gone')
    await bindQueue(w, otherDead, other, 'gone')
    for (const [args, target] of [
      [{}, dead],
      [{ 'x-dead-letter-exchange': other }, otherDead],
    ] as const) {
      const q = await declareQueue(w, { arguments: table(args) })
      const definition = { 'dead-letter-exchange': x, 'dead-letter-routing-key': 'gone' }
      await policy(q, definition)
      await inForce(q, definition)
      await publish(w, q, ['bad'])
      await holds(w, q, 1)
      const d = await get(w, q, false)
      w.send(CH, MethodId.BasicReject, { deliveryTag: d?.method.deliveryTag ?? 0, requeue: false })
      await holds(w, target, 1)
    }
  })

  it('sets the overflow', async () => {
    const w = await session(t)
    await confirmSelect(w)
    const own = await declareQueue(w, { arguments: table({ 'x-max-length': 1, 'x-overflow': 'drop-head' }) })
    const plain = await declareQueue(w, { arguments: table({ 'x-max-length': 1 }) })
    for (const queue of [own, plain]) {
      await policy(queue, { overflow: 'reject-publish' })
      await inForce(queue, { overflow: 'reject-publish' })
    }
    for (const body of ['0', '1']) w.publish(CH, { routingKey: own, body })
    await confirmed(w, 2)
    w.publish(CH, { routingKey: plain, body: '0' })
    await confirmed(w, 3, 3)
    w.publish(CH, { routingKey: plain, body: '1' })
    await w.receive(CH, MethodId.BasicNack)
    expect(String((await get(w, own))?.body)).toBe('1')
    expect(String((await get(w, plain))?.body)).toBe('0')
  })

  it('gives messages and queues a time to live', async () => {
    const w = await session(t)
    const q = await declareQueue(w, { exclusive: false })
    const path = await policy(q, { 'message-ttl': 40 })
    await inForce(q, { 'message-ttl': 40 })
    await publish(w, q, five)
    await holds(w, q, 0)
    await http.delete(path)
    await inForce(q, {})
    await publish(w, q, ['stays'])
    await holds(w, q, 1)
    await outlived(w, 40)
    await holds(w, q, 1)
    await policy(q, { expires: 50 })
    await until(async () => (await http.get(`queues/%2F/${q}`)).status === 404, 'the queue to expire')
  })

  it('limits the deliveries of a quorum queue', async () => {
    const w = await session(t)
    const q = await declareQueue(w, {
      exclusive: false,
      durable: true,
      arguments: table({ 'x-queue-type': 'quorum' }),
    })
    onTestFinished(() => http.delete(`queues/%2F/${q}`).then(() => {}))
    await policy(q, { 'delivery-limit': 1 })
    await inForce(q, { 'delivery-limit': 1 })
    await consume(w, q)
    w.publish(CH, { routingKey: q })
    const counted: unknown[] = []
    for (let i = 0; i < 2; i++) {
      const [d] = await deliveries(w, 1)
      counted.push(d?.properties?.headers?.toPlain()['x-delivery-count'])
      w.send(CH, MethodId.BasicReject, { deliveryTag: d?.method.deliveryTag ?? 0, requeue: true })
    }
    expect(counted).toEqual([undefined, 1])
    await holds(w, q, 0)
    expect(w.inbox).toEqual([])
  })

  differs('RabbitMQ drops whole segments and looks only when one is full')(
    'bounds a stream by age and size',
    async () => {
      const w = await session(t)
      const q = await declareQueue(w, {
        exclusive: false,
        durable: true,
        arguments: table({ 'x-queue-type': 'stream', 'x-stream-max-segment-size-bytes': 1000 }),
      })
      onTestFinished(() => http.delete(`queues/%2F/${q}`).then(() => {}))
      const body = 'x'.repeat(500)
      await publish(w, q, Array(20).fill(body))
      await holds(w, q, 20)
      await policy(q, { 'max-length-bytes': 2000 })
      await inForce(q, { 'max-length-bytes': 2000 })
      await publish(w, q, Array(20).fill(body))
      expect((await counts(w, q)).messages).toBeLessThan(12)
    },
  )

  it('gives an alternate exchange', async () => {
    const w = await session(t)
    const x = await declareExchange(w, 'direct')
    const alternate = await declareExchange(w, 'fanout')
    const [own, q] = [await declareQueue(w), await declareQueue(w)]
    await bindQueue(w, own, x, 'own')
    await bindQueue(w, q, alternate)
    const send = async (): Promise<void> => {
      w.publish(CH, { exchange: x, routingKey: 'nowhere' })
      w.publish(CH, { exchange: x, routingKey: 'own' })
    }
    await send()
    await holds(w, own, 1)
    expect((await counts(w, q)).messages).toBe(0)
    const path = await policy(x, { 'alternate-exchange': alternate }, { applyTo: 'exchanges' })
    await send()
    await holds(w, q, 1)
    await http.delete(path)
    await send()
    await holds(w, own, 3)
    expect((await counts(w, q)).messages).toBe(1)
  })
})

/** Goes with the test. */
async function tracedVhost(): Promise<string> {
  const vhost = fresh('traced')
  await http.put(`vhosts/${vhost}`, { tracing: true })
  onTestFinished(() => http.delete(`vhosts/${vhost}`).then(() => {}))
  await http.put(`permissions/${vhost}/guest`, { configure: '.*', write: '.*', read: '.*' })
  return vhost
}

describe('the firehose', () => {
  it('copies what is published and delivered, and only while it is on', async () => {
    const vhost = await tracedVhost()
    const w = await session(t, { vhost })
    const [x, q, trace] = [await declareExchange(w, 'fanout'), await declareQueue(w), await declareQueue(w)]
    await bindQueue(w, q, x)
    await bindQueue(w, trace, 'amq.rabbitmq.trace', '#')
    const properties = { messageId: 'm', headers: table({ a: 1 }) }
    w.publish(CH, { exchange: x, routingKey: 'key', body: 'hello', properties })
    await consume(w, q, { noAck: true })
    await deliveries(w, 1)
    await holds(w, trace, 2)
    await http.put(`vhosts/${vhost}`, { tracing: false })
    w.publish(CH, { exchange: x, body: 'unseen' })
    await deliveries(w, 1)
    const copies = [await get(w, trace), await get(w, trace)]
    const published = copies.find((c) => c?.method.routingKey === `publish.${x}`)
    const delivered = copies.find((c) => c?.method.routingKey === `deliver.${q}`)
    expect([String(published?.body), String(delivered?.body)]).toEqual(['hello', 'hello'])
    expect(published?.properties?.headers?.toPlain()).toMatchObject({
      exchange_name: x,
      routing_keys: ['key'],
      routed_queues: [q],
      properties: { message_id: 'm', headers: { a: 1 } },
      node: expect.any(String),
      vhost,
      connection: expect.stringMatching(/^127\.0\.0\.1:\d+ -> 127\.0\.0\.1:\d+$/),
      channel: 1,
      user: 'guest',
    })
    expect(delivered?.properties?.headers?.toPlain()).toMatchObject({
      exchange_name: x,
      routing_keys: ['key'],
      redelivered: 0,
    })
    expect(await get(w, trace)).toBeUndefined()
  })

  it('copies what is taken with basic.get', async () => {
    const vhost = await tracedVhost()
    const w = await session(t, { vhost })
    const [q, trace] = [await declareQueue(w), await declareQueue(w)]
    await fill(w, q, 'hello')
    await bindQueue(w, trace, 'amq.rabbitmq.trace', 'deliver.#')
    expect(String((await get(w, q))?.body)).toBe('hello')
    await holds(w, trace, 1)
    const copy = await get(w, trace)
    expect([copy?.method.routingKey, String(copy?.body)]).toEqual([`deliver.${q}`, 'hello'])
    expect(copy?.properties?.headers?.toPlain()).toMatchObject({ routing_keys: [q], redelivered: 0 })
  })
})
