import { describe, expect, it, onTestFinished } from 'vitest'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import {
  bindQueue,
  CH,
  counts,
  declareExchange,
  declareQueue,
  deliveries,
  session,
} from '../support/session.ts'
import { differs, useTarget } from '../support/target.ts'
import { until } from '../support/until.ts'
import { table, type Wire } from '../support/wire.ts'

const t = useTarget()

async function quorum(w: Wire, args: Parameters<typeof table>[0]): Promise<string> {
  const q = await declareQueue(w, {
    exclusive: false,
    durable: true,
    arguments: table({ 'x-queue-type': 'quorum', ...args }),
  })
  onTestFinished(() => w.call(CH, MethodId.QueueDelete, { queue: q }, MethodId.QueueDeleteOk).then(() => {}))
  return q
}

describe('delivery limit', () => {
  it('counts what comes back in x-delivery-count, and ends with a dead letter', async () => {
    const w = await session(t)
    const dlx = await declareExchange(w, 'fanout')
    const dead = await declareQueue(w)
    await bindQueue(w, dead, dlx)
    const q = await quorum(w, { 'x-delivery-limit': 2, 'x-dead-letter-exchange': dlx })
    w.publish(CH, { routingKey: q, body: 'poison', properties: { headers: table({ mine: 1 }) } })
    const consumerTag = (await w.call(CH, MethodId.BasicConsume, { queue: q }, MethodId.BasicConsumeOk))
      .consumerTag
    const seen: unknown[] = []
    for (let i = 0; i < 3; i++) {
      const [d] = await deliveries(w, 1)
      seen.push([
        String(d?.body),
        d?.properties?.headers?.toPlain()['x-delivery-count'] ?? 0,
        d?.method.redelivered,
      ])
      w.send(CH, MethodId.BasicReject, { deliveryTag: d?.method.deliveryTag ?? 0, requeue: true })
    }
    expect(seen).toEqual([
      ['poison', 0, false],
      ['poison', 1, true],
      ['poison', 2, true],
    ])
    await until(async () => (await counts(w, dead)).messages === 1, 'the dead letter')
    w.send(CH, MethodId.BasicGet, { queue: dead, noAck: true })
    const letter = await w.receive(CH, MethodId.BasicGetOk)
    const headers = letter.properties?.headers?.toPlain() ?? {}
    expect(headers['mine']).toBe(1)
    expect((headers['x-death'] as { reason: string }[])[0]).toMatchObject({
      reason: 'delivery_limit',
      queue: q,
      count: 1,
    })
    await w.call(CH, MethodId.BasicCancel, { consumerTag }, MethodId.BasicCancelOk)
  })

  differs('RabbitMQ has it on quorum queues only')('may be had on a classic queue', async () => {
    const w = await session(t)
    const q = await declareQueue(w, { arguments: table({ 'x-delivery-limit': 1 }) })
    w.publish(CH, { routingKey: q })
    await w.call(CH, MethodId.BasicConsume, { queue: q }, MethodId.BasicConsumeOk)
    for (let i = 0; i < 2; i++) {
      const [d] = await deliveries(w, 1)
      w.send(CH, MethodId.BasicNack, { deliveryTag: d?.method.deliveryTag ?? 0, requeue: true })
    }
    expect((await counts(w, q)).messages).toBe(0)
  })
})
