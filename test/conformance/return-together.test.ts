/** Several deliveries that return at once to a queue with a length limit: what is too much is dropped once all are back. */
import { expect, it } from 'vitest'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { CH, counts, declareQueue, get, holds, session } from '../support/session.ts'
import { useTarget } from '../support/target.ts'
import { table, type Wire } from '../support/wire.ts'

const t = useTarget()
const CONSUMER = 2

const returns: readonly (readonly [string, (w: Wire) => Promise<unknown>])[] = [
  [
    'basic.nack of several',
    async (w) => w.send(CONSUMER, MethodId.BasicNack, { deliveryTag: 0, multiple: true, requeue: true }),
  ],
  [
    'basic.recover',
    (w) => w.call(CONSUMER, MethodId.BasicRecover, { requeue: true }, MethodId.BasicRecoverOk),
  ],
  ['channel.close', (w) => w.call(CONSUMER, MethodId.ChannelClose, {}, MethodId.ChannelCloseOk)],
]

it.each(returns)('%s', async (_, giveBack) => {
  const w = await session(t)
  await w.channel(CONSUMER)
  const dead = await declareQueue(w)
  const q = await declareQueue(w, {
    arguments: table({
      'x-max-length-bytes': 10,
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': dead,
    }),
  })
  const consumer = { queue: q, consumerTag: 'c' }
  await w.call(CONSUMER, MethodId.BasicConsume, consumer, MethodId.BasicConsumeOk)
  w.publish(CH, { routingKey: q, body: 'small' })
  w.publish(CH, { routingKey: q, body: 'larger than that' })
  const { deliveryTag } = await w.expect(CONSUMER, MethodId.BasicDeliver)
  await w.expect(CONSUMER, MethodId.BasicDeliver)
  // It comes again: the last one that the channel has got, and the first one of the queue.
  w.send(CONSUMER, MethodId.BasicReject, { deliveryTag, requeue: true })
  await w.expect(CONSUMER, MethodId.BasicDeliver)
  await w.call(CONSUMER, MethodId.BasicCancel, { consumerTag: 'c' }, MethodId.BasicCancelOk)
  await giveBack(w)
  // The small one has room, but not beside the other one, which is too large by itself.
  await holds(w, dead, 2)
  expect((await counts(w, q)).messages).toBe(0)
  expect([String((await get(w, dead))?.body), String((await get(w, dead))?.body)]).toEqual([
    'small',
    'larger than that',
  ])
})
