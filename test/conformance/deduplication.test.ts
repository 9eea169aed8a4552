/** An exchange that deduplicates remembers only what was accepted: anything else is published again and must arrive. */
import { describe, expect } from 'vitest'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import {
  bindQueue,
  CH,
  confirmSelect,
  counts,
  declareExchange,
  declareQueue,
  refused,
  session,
} from '../support/session.ts'
import { differs, useTarget } from '../support/target.ts'
import { table, type Wire } from '../support/wire.ts'

const t = useTarget()
const plugin = differs('RabbitMQ needs a plugin that Debian does not have')

const deduplicates = { arguments: table({ 'x-message-deduplication': true }) }
const full = { arguments: table({ 'x-max-length': 1, 'x-overflow': 'reject-publish' }) }

function publish(w: Wire, exchange: string, value: string, mandatory = false): void {
  const properties = { headers: table({ 'x-deduplication-header': value }) }
  w.publish(CH, { exchange, mandatory, properties })
}

async function answer(w: Wire): Promise<'ack' | 'nack'> {
  const { method } = await w.next(CH)
  if (method.id === MethodId.BasicAck) return 'ack'
  expect(method.id).toBe(MethodId.BasicNack)
  return 'nack'
}

const purge = (w: Wire, queue: string) => w.call(CH, MethodId.QueuePurge, { queue }, MethodId.QueuePurgeOk)

describe('an exchange with deduplication', () => {
  plugin('accepts a message again that a full queue has refused, and counts from then on', async () => {
    const w = await session(t)
    const x = await declareExchange(w, 'fanout', deduplicates)
    const [q, other] = [await declareQueue(w, full), await declareQueue(w)]
    await bindQueue(w, q, x)
    await bindQueue(w, other, x)
    await confirmSelect(w)
    const answers: string[] = []
    for (const value of ['a', 'b']) {
      publish(w, x, value)
      answers.push(await answer(w))
    }
    await purge(w, q)
    for (let i = 0; i < 2; i++) {
      publish(w, x, 'b')
      answers.push(await answer(w))
    }
    expect(answers).toEqual(['ack', 'nack', 'ack', 'ack'])
    // At least once where it was accepted at first, too.
    expect([(await counts(w, q)).messages, (await counts(w, other)).messages]).toEqual([1, 3])
  })

  plugin(
    'behind another exchange remembers nothing if a queue elsewhere has refused the message',
    async () => {
      const w = await session(t)
      const [source, x] = [
        await declareExchange(w, 'fanout'),
        await declareExchange(w, 'fanout', deduplicates),
      ]
      const [behind, q] = [await declareQueue(w), await declareQueue(w, full)]
      const bind = { source, destination: x }
      await w.call(CH, MethodId.ExchangeBind, bind, MethodId.ExchangeBindOk)
      await bindQueue(w, behind, x)
      await bindQueue(w, q, source)
      await confirmSelect(w)
      const answers: string[] = []
      for (const value of ['a', 'b', 'b']) {
        publish(w, source, value)
        answers.push(await answer(w))
      }
      expect(answers).toEqual(['ack', 'nack', 'nack'])
      expect((await counts(w, behind)).messages).toBe(3)
    },
  )

  plugin('accepts a message again that it has returned', async () => {
    const w = await session(t)
    const x = await declareExchange(w, 'fanout', deduplicates)
    const q = await declareQueue(w)
    await confirmSelect(w)
    publish(w, x, 'a', true)
    expect((await w.next(CH)).method.id).toBe(MethodId.BasicReturn)
    expect(await answer(w)).toBe('ack')
    await bindQueue(w, q, x)
    publish(w, x, 'a', true)
    expect(await answer(w)).toBe('ack')
    expect((await counts(w, q)).messages).toBe(1)
  })

  plugin(
    'accepts a message again whose transaction was refused, or whose queue was gone at the commit',
    async () => {
      const w = await session(t)
      const x = await declareExchange(w, 'fanout', deduplicates)
      const q = await declareQueue(w, full)
      await bindQueue(w, q, x)
      const commit = () => w.call(CH, MethodId.TxCommit, {}, MethodId.TxCommitOk)
      const select = () => w.call(CH, MethodId.TxSelect, {}, MethodId.TxSelectOk)
      await select()
      publish(w, x, 'a')
      await commit()
      publish(w, x, 'b')
      w.send(CH, MethodId.TxCommit, {})
      expect((await refused(w))[0]).toBe(406)
      await purge(w, q)
      await select()
      publish(w, x, 'b')
      await commit()
      expect((await counts(w, q)).messages).toBe(1)
      const gone = await declareQueue(w)
      const y = await declareExchange(w, 'fanout', { ...deduplicates, autoDelete: false })
      await bindQueue(w, gone, y)
      publish(w, y, 'c')
      await w.call(CH, MethodId.QueueDelete, { queue: gone }, MethodId.QueueDeleteOk)
      await commit()
      await bindQueue(w, await declareQueue(w, { queue: gone }), y)
      publish(w, y, 'c')
      await commit()
      expect((await counts(w, gone)).messages).toBe(1)
      await w.call(CH, MethodId.ExchangeDelete, { exchange: y }, MethodId.ExchangeDeleteOk)
    },
  )
})
