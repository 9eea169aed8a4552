/** Deliveries whose consumer timeout is over, when their consumer is gone or the channel has transactions. */
import { describe, expect } from 'vitest'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import {
  CH,
  consume,
  counts,
  declareQueue,
  deliveries,
  holds,
  outlived,
  session,
} from '../support/session.ts'
import { differs, useTarget } from '../support/target.ts'
import { table } from '../support/wire.ts'

const t = useTarget()
const own = differs('RabbitMQ closes the channel, and looks once a minute')

const MS = 100

async function withOne() {
  const w = await session(t)
  const q = await declareQueue(w, { arguments: table({ 'x-consumer-timeout': MS }) })
  const tag = await consume(w, q)
  w.publish(CH, { routingKey: q, body: 'slow' })
  const [first] = await deliveries(w, 1)
  return { w, q, tag, deliveryTag: first?.method.deliveryTag ?? 0 }
}

describe('a delivery that took too long', () => {
  own('returns although its consumer was cancelled', async () => {
    const { w, q, tag, deliveryTag } = await withOne()
    await w.call(CH, MethodId.BasicCancel, { consumerTag: tag }, MethodId.BasicCancelOk)
    await holds(w, q, 1)
    // Too late, but no error.
    w.send(CH, MethodId.BasicAck, { deliveryTag })
    expect((await counts(w, q)).messages).toBe(1)
  })

  own('is no error either if it is acknowledged in a transaction', async () => {
    const { w, q, tag, deliveryTag } = await withOne()
    await w.call(CH, MethodId.TxSelect, {}, MethodId.TxSelectOk)
    await w.call(CH, MethodId.BasicCancel, { consumerTag: tag }, MethodId.BasicCancelOk)
    await holds(w, q, 1)
    w.send(CH, MethodId.BasicAck, { deliveryTag })
    await w.call(CH, MethodId.TxCommit, {}, MethodId.TxCommitOk)
    expect((await counts(w, q)).messages).toBe(1)
  })

  own('does not return if it was acknowledged in time, and the commit comes later', async () => {
    const { w, q, deliveryTag } = await withOne()
    await w.call(CH, MethodId.TxSelect, {}, MethodId.TxSelectOk)
    w.send(CH, MethodId.BasicAck, { deliveryTag })
    await outlived(await session(t), 2 * MS)
    await w.call(CH, MethodId.TxCommit, {}, MethodId.TxCommitOk)
    expect((await counts(w, q)).messages).toBe(0)
    expect(w.inbox).toEqual([])
  })

  own('returns after a rollback, too', async () => {
    const { w, deliveryTag } = await withOne()
    await w.call(CH, MethodId.TxSelect, {}, MethodId.TxSelectOk)
    w.send(CH, MethodId.BasicAck, { deliveryTag })
    await outlived(await session(t), 2 * MS)
    await w.call(CH, MethodId.TxRollback, {}, MethodId.TxRollbackOk)
    const [again] = await deliveries(w, 1)
    expect(again?.method).toMatchObject({ deliveryTag: deliveryTag + 1, redelivered: true })
  })
})
