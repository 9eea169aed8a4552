import { describe, expect, it } from 'vitest'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import {
  CH,
  confirmSelect,
  consume,
  counts,
  declareQueue,
  deliveries,
  fill,
  get,
  holds,
  refused,
  session,
} from '../support/session.ts'
import { differs, fresh, useTarget } from '../support/target.ts'
import { table, type Wire } from '../support/wire.ts'

const t = useTarget()

/** Collects confirms until all publishes up to `last` have theirs; returns the nacked ones. */
async function confirmed(w: Wire, last: number): Promise<number[]> {
  const open = new Set(Array.from({ length: last }, (_, i) => i + 1))
  const nacked: number[] = []
  while (open.size > 0) {
    const m = (await w.next(CH)).method
    if (m.id !== MethodId.BasicAck && m.id !== MethodId.BasicNack)
      throw new Error(`unexpected ${JSON.stringify(m)}`)
    const covered = m.multiple ? [...open].filter((n) => n <= m.deliveryTag) : [m.deliveryTag]
    for (const n of covered) {
      if (open.delete(n) && m.id === MethodId.BasicNack) nacked.push(n)
    }
  }
  return nacked
}

describe('confirm.select', () => {
  it('confirms every publish, counted from 1', async () => {
    const w = await session(t)
    const q = await declareQueue(w, { exclusive: false, durable: true })
    w.publish(CH, { routingKey: q, body: 'before' })
    await confirmSelect(w)
    await confirmSelect(w)
    for (let i = 0; i < 200; i++)
      w.publish(CH, {
        routingKey: i % 3 === 0 ? fresh('nobody') : q,
        properties: { deliveryMode: (i % 2) + 1 },
      })
    expect(await confirmed(w, 200)).toEqual([])
    await w.call(CH, MethodId.QueueDelete, { queue: q }, MethodId.QueueDeleteOk)
  })

  it('nacks what a full queue refuses', async () => {
    const w = await session(t)
    const q = await declareQueue(w, {
      arguments: table({ 'x-max-length': 2, 'x-overflow': 'reject-publish' }),
    })
    await confirmSelect(w)
    for (let i = 0; i < 4; i++) w.publish(CH, { routingKey: q, body: String(i) })
    const nacked = await confirmed(w, 4)
    expect(nacked.length).toBe(2)
    expect((await counts(w, q)).messages).toBe(2)
  })

  it('on a tx channel is 406', async () => {
    const w = await session(t)
    await w.call(CH, MethodId.TxSelect, {}, MethodId.TxSelectOk)
    w.send(CH, MethodId.ConfirmSelect)
    expect(await refused(w)).toEqual([406, 'PRECONDITION_FAILED - cannot switch from tx to confirm mode'])
  })
})

describe('tx.select', () => {
  it('on a confirm channel is 406', async () => {
    const w = await session(t)
    await confirmSelect(w)
    w.send(CH, MethodId.TxSelect)
    expect(await refused(w)).toEqual([406, 'PRECONDITION_FAILED - cannot switch from confirm to tx mode'])
  })
})

describe('tx.commit', () => {
  it('publishes then, and not before', async () => {
    const w = await session(t)
    const [a, b] = [await declareQueue(w), await declareQueue(w)]
    await w.call(CH, MethodId.TxSelect, {}, MethodId.TxSelectOk)
    w.publish(CH, { routingKey: a, body: '1', properties: { deliveryMode: 2 } })
    w.publish(CH, { routingKey: b, body: '2' })
    expect((await counts(w, a)).messages).toBe(0)
    await w.call(CH, MethodId.TxCommit, {}, MethodId.TxCommitOk)
    expect([String((await get(w, a))?.body), String((await get(w, b))?.body)]).toEqual(['1', '2'])
  })

  it('settles then', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    w.publish(CH, { routingKey: q })
    await consume(w, q)
    await deliveries(w, 1)
    await w.call(CH, MethodId.TxSelect, {}, MethodId.TxSelectOk)
    w.send(CH, MethodId.BasicAck, { deliveryTag: 1 })
    await w.call(CH, MethodId.TxCommit, {}, MethodId.TxCommitOk)
    await w.channel(2)
    await w.call(CH, MethodId.ChannelClose, {}, MethodId.ChannelCloseOk)
    expect(await w.call(2, MethodId.QueueDelete, { queue: q }, MethodId.QueueDeleteOk)).toMatchObject({
      messageCount: 0,
    })
  })

  it('settles each delivery by the first of its commands', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await fill(w, q, '1', '2', '3')
    await w.call(CH, MethodId.TxSelect, {}, MethodId.TxSelectOk)
    for (const body of ['1', '2', '3']) expect(String((await get(w, q, false))?.body)).toBe(body)
    w.send(CH, MethodId.BasicNack, { deliveryTag: 3, requeue: true })
    w.send(CH, MethodId.BasicAck, { deliveryTag: 0, multiple: true })
    await w.call(CH, MethodId.TxCommit, {}, MethodId.TxCommitOk)
    expect(String((await get(w, q))?.body)).toBe('3')
    expect(await get(w, q)).toBeUndefined()
  })

  it('returns what is mandatory before commit-ok', async () => {
    const w = await session(t)
    await w.call(CH, MethodId.TxSelect, {}, MethodId.TxSelectOk)
    w.publish(CH, { routingKey: fresh('nobody'), mandatory: true })
    w.send(CH, MethodId.TxCommit)
    await w.expect(CH, MethodId.BasicReturn)
    await w.expect(CH, MethodId.TxCommitOk)
  })

  it('goes by the queues that are there then', async () => {
    const w = await session(t)
    const [gone, anew] = [await declareQueue(w), await declareQueue(w)]
    await w.call(CH, MethodId.TxSelect, {}, MethodId.TxSelectOk)
    w.publish(CH, { routingKey: gone, mandatory: true, body: 'for nobody' })
    w.publish(CH, { routingKey: gone, body: 'dropped' })
    w.publish(CH, { routingKey: anew, mandatory: true, body: 'for the new one' })
    await w.call(CH, MethodId.QueueDelete, { queue: gone }, MethodId.QueueDeleteOk)
    await w.call(CH, MethodId.QueueDelete, { queue: anew }, MethodId.QueueDeleteOk)
    await declareQueue(w, { queue: anew })
    w.send(CH, MethodId.TxCommit)
    const returned = await w.receive(CH, MethodId.BasicReturn)
    expect([returned.method.replyCode, String(returned.body)]).toEqual([312, 'for nobody'])
    await w.expect(CH, MethodId.TxCommitOk)
    expect(String((await get(w, anew))?.body)).toBe('for the new one')
  })

  it('acknowledges before it publishes, so that consumers can make room', async () => {
    const w = await session(t)
    const args = table({ 'x-max-length': 1, 'x-overflow': 'reject-publish' })
    const q = await declareQueue(w, { arguments: args })
    await w.call(CH, MethodId.BasicQos, { prefetchCount: 1 }, MethodId.BasicQosOk)
    await consume(w, q)
    w.publish(CH, { routingKey: q })
    await deliveries(w, 1)
    await w.call(CH, MethodId.TxSelect, {}, MethodId.TxSelectOk)
    for (let i = 0; i < 2; i++) w.publish(CH, { routingKey: q })
    w.send(CH, MethodId.BasicAck, { deliveryTag: 1 })
    w.send(CH, MethodId.TxCommit)
    const answers = [(await w.next(CH)).method.id, (await w.next(CH)).method.id]
    expect(answers.sort()).toEqual([MethodId.BasicDeliver, MethodId.TxCommitOk].sort())
  })

  it('finds queues that have come since the publish by their names', async () => {
    const w = await session(t)
    const [named, copied] = [fresh('q'), fresh('q')]
    await w.call(CH, MethodId.TxSelect, {}, MethodId.TxSelectOk)
    const headers = table({ CC: [copied] })
    w.publish(CH, { routingKey: named, mandatory: true, properties: { headers } })
    for (const queue of [named, copied]) await declareQueue(w, { queue })
    await w.call(CH, MethodId.TxCommit, {}, MethodId.TxCommitOk)
    for (const queue of [named, copied]) await holds(w, queue, 1)
  })

  it('without select is 406', async () => {
    const w = await session(t)
    w.send(CH, MethodId.TxCommit)
    expect(await refused(w)).toEqual([406, 'PRECONDITION_FAILED - channel is not transactional'])
  })

  it('an unknown tag fails at once', async () => {
    const w = await session(t)
    await w.call(CH, MethodId.TxSelect, {}, MethodId.TxSelectOk)
    w.send(CH, MethodId.BasicAck, { deliveryTag: 1 })
    expect((await refused(w))[0]).toBe(406)
  })
})

describe('basic.recover in a transaction', () => {
  it('leaves alone what is acknowledged but not committed', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    await fill(w, q, '1', '2', '3')
    await w.call(CH, MethodId.TxSelect, {}, MethodId.TxSelectOk)
    for (const body of ['1', '2', '3']) expect(String((await get(w, q, false))?.body)).toBe(body)
    w.send(CH, MethodId.BasicAck, { deliveryTag: 2 })
    await w.call(CH, MethodId.BasicRecover, { requeue: true }, MethodId.BasicRecoverOk)
    expect(String((await get(w, q))?.body)).toBe('1')
    expect(String((await get(w, q))?.body)).toBe('3')
    expect(await get(w, q)).toBeUndefined()
    await w.call(CH, MethodId.TxCommit, {}, MethodId.TxCommitOk)
    await w.call(CH, MethodId.BasicRecover, { requeue: true }, MethodId.BasicRecoverOk)
    expect(await get(w, q)).toBeUndefined()
  })
})

describe('tx.rollback', () => {
  it('forgets publishes and keeps deliveries outstanding', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    w.publish(CH, { routingKey: q, body: 'first' })
    await holds(w, q, 1)
    await w.call(CH, MethodId.TxSelect, {}, MethodId.TxSelectOk)
    await get(w, q, false)
    w.send(CH, MethodId.BasicAck, { deliveryTag: 1 })
    w.publish(CH, { routingKey: q, body: 'second' })
    await w.call(CH, MethodId.TxRollback, {}, MethodId.TxRollbackOk)
    expect((await counts(w, q)).messages).toBe(0)
    w.send(CH, MethodId.BasicAck, { deliveryTag: 1 })
    await w.call(CH, MethodId.TxCommit, {}, MethodId.TxCommitOk)
  })

  it('without select is 406', async () => {
    const w = await session(t)
    w.send(CH, MethodId.TxRollback)
    expect(await refused(w)).toEqual([406, 'PRECONDITION_FAILED - channel is not transactional'])
  })

  differs('RabbitMQ closes the channel the same way but may deliver first')(
    'closing the channel rolls back',
    async () => {
      const w = await session(t)
      const q = await declareQueue(w)
      await w.call(CH, MethodId.TxSelect, {}, MethodId.TxSelectOk)
      w.publish(CH, { routingKey: q, body: 'lost' })
      await w.call(CH, MethodId.ChannelClose, {}, MethodId.ChannelCloseOk)
      await w.channel(CH)
      expect((await counts(w, q)).messages).toBe(0)
    },
  )
})
