/** Messages of every kind on queues that stay: TTL, dead letters, streams, priorities, delays, transactions, bodies. */
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { table } from '../support/wire.ts'
import type { Part } from './churn.ts'
import { confirmed, connected, consumed, remove } from './churn-topology.ts'
import { bind, declare, declareExchange } from './client.ts'
import { bodyOf } from './record.ts'

const durable = { deliveryMode: 2 }

const expiring: Part = {
  name: 'TTL and dead letters',
  everyMs: 100,
  piece: (place, random, number) =>
    connected(place, async (w) => {
      const [queue, dead] = ['expiring', `dead.${number % 5}`]
      await declare(w, dead)
      const toDead = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead }
      await declare(w, `${queue}.${number % 5}`, { 'x-message-ttl': 300, 'x-max-length': 30, ...toDead })
      await confirmed(w, 50, () => ({
        routingKey: `${queue}.${number % 5}`,
        properties: { ...durable, expiration: String(random(400)) },
      }))
      // Some were too many, the others expire.
      await consumed(w, dead, 50)
    }),
}

const rejected: Part = {
  name: 'rejected and returned messages',
  everyMs: 100,
  piece: (place, random, number) =>
    connected(place, async (w) => {
      const [queue, dead] = [`rejected.${number}`, `rejected-dead.${number}`]
      await declare(w, dead)
      await declare(w, queue, {
        'x-queue-type': 'quorum',
        'x-delivery-limit': 2,
        'x-dead-letter-exchange': '',
        'x-dead-letter-routing-key': dead,
      })
      await confirmed(w, 20, () => ({ routingKey: queue, properties: durable }))
      await w.channel(3)
      const consume = { queue, consumerTag: 'r' }
      await w.call(3, MethodId.BasicConsume, consume, MethodId.BasicConsumeOk)
      const times = 20 * (random(2) + 1)
      for (let n = 0; n < times; n++) {
        const { deliveryTag } = (await w.receive(3, MethodId.BasicDeliver)).method
        w.send(3, MethodId.BasicNack, { deliveryTag, requeue: times > 20 && n < 20 })
      }
      await consumed(w, dead, 20)
      await remove(w, queue)
      await remove(w, dead)
    }),
}

const stream: Part = {
  name: 'streams',
  everyMs: 150,
  piece: (place, random, number) =>
    connected(place, async (w) => {
      const queue = `stream.${number % 3}`
      await declare(w, queue, {
        'x-queue-type': 'stream',
        'x-max-length-bytes': 2_000_000,
        'x-stream-max-segment-size-bytes': 200_000,
      })
      await confirmed(w, 200, () => ({
        routingKey: queue,
        properties: durable,
        body: bodyOf(1, 8 + random(500)),
      }))
      await consumed(w, queue, 100, { 'x-stream-offset': 'first' })
    }),
}

const priorities: Part = {
  name: 'priorities',
  everyMs: 100,
  piece: (place, random) =>
    connected(place, async (w) => {
      await declare(w, 'priority', { 'x-max-priority': 9 })
      await confirmed(w, 100, () => ({
        routingKey: 'priority',
        properties: { deliveryMode: 1 + random(2), priority: random(12) },
      }))
      await consumed(w, 'priority', 100)
    }),
}

const delayed: Part = {
  name: 'delayed and deduplicated messages',
  everyMs: 100,
  piece: (place, random, number) =>
    connected(place, async (w) => {
      const [exchange, queue] = ['delayed', `delayed.${number}`]
      await declareExchange(w, exchange, 'x-delayed-message', { 'x-delayed-type': 'direct' })
      await declare(w, queue, { 'x-message-deduplication': true, 'x-cache-size': 100 })
      const fields = { queue, exchange, routingKey: queue }
      await w.call(1, MethodId.QueueBind, fields, MethodId.QueueBindOk)
      await confirmed(w, 30, (n) => ({
        exchange,
        routingKey: queue,
        properties: {
          ...durable,
          headers: table({ 'x-delay': random(300), 'x-deduplication-header': `m${n % 15}` }),
        },
      }))
      await consumed(w, queue, 15)
      await remove(w, queue)
    }),
}

const transactions: Part = {
  name: 'transactions',
  everyMs: 150,
  piece: (place, random) =>
    connected(place, async (w) => {
      await declare(w, 'tx', { 'x-max-length': 1000 })
      await w.call(1, MethodId.TxSelect, {}, MethodId.TxSelectOk)
      for (let n = 0; n < 10; n++) {
        for (let m = 0; m < 5; m++)
          w.publish(1, { routingKey: 'tx', body: bodyOf(m, 200), properties: durable })
        w.send(1, MethodId.BasicGet, { queue: 'tx' })
        const { method } = await w.next(1)
        if (method.id === MethodId.BasicGetOk)
          w.send(1, MethodId.BasicAck, { deliveryTag: method.deliveryTag })
        if (random(3) === 0) await w.call(1, MethodId.TxRollback, {}, MethodId.TxRollbackOk)
        else await w.call(1, MethodId.TxCommit, {}, MethodId.TxCommitOk)
      }
      if (random(10) === 0) await w.call(1, MethodId.QueuePurge, { queue: 'tx' }, MethodId.QueuePurgeOk)
    }),
}

const bodies: Part = {
  name: 'large bodies and fanout',
  everyMs: 250,
  piece: (place, random, number) =>
    connected(place, async (w) => {
      const names = [0, 1, 2].map((n) => `large.${number}.${n}`)
      const exchange = `large.${number}`
      await declareExchange(w, exchange, 'fanout')
      for (const queue of names) {
        await declare(w, queue)
        await bind(w, queue, exchange)
      }
      await confirmed(w, 4, () => ({ exchange, body: bodyOf(1, random(1_000_000)), properties: durable }))
      await consumed(w, names[0] as string, 4)
      for (const queue of names) await remove(w, queue)
      await w.call(1, MethodId.ExchangeDelete, { exchange }, MethodId.ExchangeDeleteOk)
    }),
}

/** Twice what stays in memory, so that it is paged out and read again. */
const backlog: Part = {
  name: 'a backlog that is paged out',
  everyMs: 2_000,
  piece: (place) =>
    connected(place, async (w) => {
      await declare(w, 'backlog')
      await confirmed(w, 4_000, () => ({
        routingKey: 'backlog',
        body: bodyOf(1, 8_000),
        properties: durable,
      }))
      await consumed(w, 'backlog', 4_000)
    }),
}

export const messageParts: readonly Part[] = [
  expiring,
  rejected,
  stream,
  priorities,
  delayed,
  transactions,
  bodies,
  backlog,
]
