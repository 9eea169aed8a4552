import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createBroker, type RunningBroker } from '../../src/index.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { testFolder } from '../support/folder.ts'
import {
  bindQueue,
  CH,
  confirmSelect,
  counts,
  declareExchange,
  declareQueue,
  deliveries,
  get,
  session,
} from '../support/session.ts'
import { fresh } from '../support/target.ts'
import { until } from '../support/until.ts'
import { table, Wire } from '../support/wire.ts'

let broker: RunningBroker
beforeAll(async () => {
  broker = await createBroker({ port: 0 })
})
afterAll(() => broker.close())

type Definition = Parameters<RunningBroker['setPolicy']>[0]['definition']

/** A policy for the one queue or exchange, until the end of the test. */
async function policy(
  name: string,
  definition: Definition,
  o: { operator?: boolean; priority?: number; applyTo?: string } = {},
): Promise<string> {
  const { operator = false, ...more } = o
  const id = fresh('policy')
  await broker.setPolicy({ name: id, pattern: `^${name}$`, definition, ...more }, { operator })
  onTestFinished(() => broker.removePolicy(id, { operator }).then(() => {}))
  return id
}

describe('a policy', () => {
  it('applies to what exists and to what comes, and is undone when it goes', async () => {
    const w = await session(broker)
    const q = await declareQueue(w)
    const publish = async (): Promise<number> => {
      for (let i = 0; i < 5; i++) w.publish(CH, { routingKey: q })
      return (await counts(w, q)).messages
    }
    const id = await policy(q, { 'max-length': 2 })
    expect(await publish()).toBe(2)
    await broker.setPolicy({ name: id, pattern: q, definition: { 'max-length': 4 } })
    expect(await publish()).toBe(4)
    await broker.removePolicy(id)
    expect(await publish()).toBe(9)
    const later = fresh('later')
    await policy(later, { 'max-length': 1 })
    await declareQueue(w, { queue: later })
    for (let i = 0; i < 3; i++) w.publish(CH, { routingKey: later })
    expect((await counts(w, later)).messages).toBe(1)
  })

  it('drops what is too much at once', async () => {
    const w = await session(broker)
    const q = await declareQueue(w)
    for (let i = 0; i < 5; i++) w.publish(CH, { routingKey: q, body: String(i) })
    expect((await counts(w, q)).messages).toBe(5)
    await policy(q, { 'max-length': 1 })
    expect((await counts(w, q)).messages).toBe(1)
    expect(String((await get(w, q))?.body)).toBe('4')
  })

  it('of the highest priority applies, alone, where its kind and keys fit', async () => {
    const w = await session(broker)
    const q = await declareQueue(w)
    await policy(q, { 'max-length': 1, 'message-ttl': 1 }, { priority: 1 })
    await policy(q, { 'max-length': 3 }, { priority: 2 })
    await policy(q, { 'max-length': 7 }, { priority: 3, applyTo: 'quorum_queues' })
    await policy(q, { 'max-length': 7 }, { priority: 3, applyTo: 'exchanges' })
    await policy(q, { 'max-age': '1h' }, { priority: 4 })
    for (let i = 0; i < 5; i++) w.publish(CH, { routingKey: q })
    expect((await counts(w, q)).messages).toBe(3)
  })

  it('and arguments and operator policies: the smallest number counts', async () => {
    const w = await session(broker)
    const q = await declareQueue(w, { arguments: table({ 'x-max-length': 4 }) })
    const left = async (): Promise<number> => {
      for (let i = 0; i < 9; i++) w.publish(CH, { routingKey: q })
      return (await counts(w, q)).messages
    }
    await policy(q, { 'max-length': 6 })
    expect(await left()).toBe(4)
    await policy(q, { 'max-length': 3 }, { operator: true })
    expect(await left()).toBe(3)
  })

  it('sets a dead-letter exchange where the declaration does not', async () => {
    const w = await session(broker)
    const [x, other] = [await declareExchange(w, 'fanout'), await declareExchange(w, 'fanout')]
    const [dead, otherDead] = [await declareQueue(w), await declareQueue(w)]
    await bindQueue(w, dead, x)
    await bindQueue(w, otherDead, other)
    for (const [args, target] of [
      [{}, dead],
      [{ 'x-dead-letter-exchange': other }, otherDead],
    ] as const) {
      const q = await declareQueue(w, { arguments: table(args) })
      await policy(q, { 'dead-letter-exchange': x })
      w.publish(CH, { routingKey: q })
      const d = await get(w, q, false)
      w.send(CH, MethodId.BasicReject, { deliveryTag: d?.method.deliveryTag ?? 0, requeue: false })
      expect((await counts(w, target)).messages).toBe(1)
    }
  })

  it('may set the overflow: of a classic queue the declaration comes first', async () => {
    const w = await session(broker)
    await confirmSelect(w)
    const own = await declareQueue(w, { arguments: table({ 'x-max-length': 1, 'x-overflow': 'drop-head' }) })
    await policy(own, { overflow: 'reject-publish' })
    const plain = await declareQueue(w, { arguments: table({ 'x-max-length': 1 }) })
    await policy(plain, { overflow: 'reject-publish' })
    for (const queue of [own, plain])
      for (let i = 0; i < 2; i++) w.publish(CH, { routingKey: queue, body: String(i) })
    await w.receive(CH, MethodId.BasicNack)
    w.inbox.length = 0
    expect(String((await get(w, own))?.body)).toBe('1')
    expect(String((await get(w, plain))?.body)).toBe('0')
  })

  it('gives an alternate exchange, also to routes that are remembered', async () => {
    const w = await session(broker)
    const [x, alternate] = [
      await declareExchange(w, 'direct', { autoDelete: false }),
      await declareExchange(w, 'fanout'),
    ]
    const q = await declareQueue(w)
    await bindQueue(w, q, alternate)
    const publish = async (): Promise<number> => {
      w.publish(CH, { exchange: x, routingKey: 'nowhere' })
      return (await counts(w, q)).messages
    }
    expect(await publish()).toBe(0)
    const id = await policy(x, { 'alternate-exchange': alternate })
    expect(await publish()).toBe(1)
    await broker.removePolicy(id)
    expect(await publish()).toBe(1)
  })

  it('sets expiry, consumer timeout and back-off of what is in use', async () => {
    const w = await session(broker)
    const q = await declareQueue(w, { exclusive: false })
    await w.call(CH, MethodId.BasicConsume, { queue: q, consumerTag: 'c' }, MethodId.BasicConsumeOk)
    await policy(q, { 'consumer-timeout': 50, expires: 60 }, { priority: 1 })
    w.publish(CH, { routingKey: q })
    const seen = await deliveries(w, 2)
    expect(seen.map((d) => d.method.redelivered)).toEqual([false, true])
    w.send(CH, MethodId.BasicCancel, { consumerTag: 'c' })
    // It may have been late once more.
    while ((await w.next(CH)).method.id !== MethodId.BasicCancelOk);
    await until(async () => !broker.queues().some((s) => s.name === q), 'the queue to expire')
  })

  it('lets what comes back wait', async () => {
    const w = await session(broker)
    const q = await declareQueue(w)
    const id = await policy(q, { 'delayed-retry-type': 'all', 'delayed-retry-min': 3_600_000 })
    const reject = async (): Promise<number> => {
      const d = await get(w, q, false)
      w.send(CH, MethodId.BasicReject, { deliveryTag: d?.method.deliveryTag ?? 0, requeue: true })
      return (await counts(w, q)).messages
    }
    w.publish(CH, { routingKey: q })
    expect(await reject()).toBe(0)
    await broker.removePolicy(id)
    w.publish(CH, { routingKey: q })
    expect(await reject()).toBe(1)
  })

  it('is refused where it makes no sense', async () => {
    const set = (definition: Definition, more: object = {}): Promise<void> =>
      broker.setPolicy({ name: 'p', pattern: '.*', definition, ...more })
    await expect(set({ nonsense: 1 })).rejects.toThrow(
      '[{<<"nonsense">>,1}] are not recognised policy settings',
    )
    await expect(set({ 'message-ttl': -1 })).rejects.toThrow('-1 is not a valid message TTL')
    await expect(set({ overflow: 'no' })).rejects.toThrow('<<"no">> is not a valid overflow value')
    await expect(set({ 'max-age': '5 days' })).rejects.toThrow('is not a valid max age')
    await expect(set({})).rejects.toThrow('no policy provided')
    await expect(set({ expires: 1 }, { pattern: '(' })).rejects.toThrow(
      'pattern should be regular expression',
    )
    await expect(set({ expires: 1 }, { applyTo: 'cats' })).rejects.toThrow(
      "apply-to 'cats' unrecognised; should be one of",
    )
    await expect(
      broker.setPolicy(
        { name: 'p', pattern: '.*', definition: { 'dead-letter-exchange': 'x' } },
        { operator: true },
      ),
    ).rejects.toThrow('are not recognised policy settings')
    expect(await broker.removePolicy('p')).toBe(false)
  })

  it('cannot hang the broker with its pattern', async () => {
    const w = await session(broker)
    const id = fresh('evil')
    await broker.setPolicy({ name: id, pattern: '^(a+)+$', definition: { 'max-length': 1 } })
    onTestFinished(() => broker.removePolicy(id).then(() => {}))
    const q = await declareQueue(w, { queue: `${'a'.repeat(60)}!` })
    expect((await counts(w, q)).messages).toBe(0)
  })

  it('outlives the process', async () => {
    const dataDir = testFolder('policies')
    const start = (): Promise<RunningBroker> => createBroker({ port: 0, storage: 'lmdb', dataDir })
    let b = await start()
    await b.setPolicy({ name: 'a', pattern: '.*', definition: { 'max-length': 3 } })
    await b.setPolicy({ name: 'a', pattern: '.*', definition: { 'max-length': 2 } }, { operator: true })
    await b.setPolicy({ name: 'b', pattern: '.*', definition: { 'max-length': 1 }, priority: 9 })
    await b.removePolicy('b')
    await b.close()
    b = await start()
    const w = await Wire.open(b.url)
    await w.channel(CH)
    const q = await declareQueue(w)
    for (let i = 0; i < 5; i++) w.publish(CH, { routingKey: q })
    expect((await counts(w, q)).messages).toBe(2)
    await b.removePolicy('a', { operator: true })
    for (let i = 0; i < 5; i++) w.publish(CH, { routingKey: q })
    expect((await counts(w, q)).messages).toBe(3)
    await w.close()
    await b.close()
  })
})

describe('the firehose', () => {
  it('copies what is published and delivered, and only while it is on', async () => {
    const w = await session(broker)
    const [q, trace] = [await declareQueue(w), await declareQueue(w)]
    await bindQueue(w, trace, 'amq.rabbitmq.trace', '#')
    broker.trace(true)
    onTestFinished(() => broker.trace(false))
    w.publish(CH, { routingKey: q, body: 'hello', properties: { messageId: 'm', headers: table({ a: 1 }) } })
    await w.call(CH, MethodId.BasicConsume, { queue: q, noAck: true }, MethodId.BasicConsumeOk)
    await deliveries(w, 1)
    broker.trace(false)
    w.publish(CH, { routingKey: q, body: 'unseen' })
    await deliveries(w, 1)
    const first = await get(w, trace)
    const second = await get(w, trace)
    expect([first?.method.routingKey, String(first?.body)]).toEqual(['publish.', 'hello'])
    expect(first?.properties?.headers?.toPlain()).toMatchObject({
      exchange_name: '',
      routing_keys: [q],
      routed_queues: [q],
      properties: { message_id: 'm', headers: { a: 1 } },
      vhost: '/',
      channel: 1,
      user: 'guest',
    })
    expect([second?.method.routingKey, second?.properties?.headers?.toPlain()['redelivered']]).toEqual([
      `deliver.${q}`,
      0,
    ])
    expect(await get(w, trace)).toBeUndefined()
  })
})
