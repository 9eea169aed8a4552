/** Arguments of consumers have any size: what a channel's consumers have in all is bounded. */
import { expect, it, onTestFinished } from 'vitest'
import { createBroker } from '../../src/index.ts'
import { CONSUMER_ARGUMENTS_BYTES_MAX } from '../../src/limits.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { CH, consume, declareQueue } from '../support/session.ts'
import { table, Wire } from '../support/wire.ts'

const BYTES = 100_000

it('530 beyond, however much the consumers get; a consumer that is cancelled counts no more', async () => {
  const broker = await createBroker({ port: 0 })
  onTestFinished(() => broker.close())
  const w = await Wire.open(broker.url)
  onTestFinished(() => void w.socket.destroy())
  await w.channel(CH)
  const queue = await declareQueue(w)
  const args = table({ note: 'x'.repeat(BYTES) })
  const fit = Math.floor(CONSUMER_ARGUMENTS_BYTES_MAX / args.bytes.length)
  const tags: string[] = []
  // Consumers that share a prefetch take turns.
  await w.call(CH, MethodId.BasicQos, { prefetchCount: 100, global: true }, MethodId.BasicQosOk)
  for (let i = 0; i < fit; i++) tags.push(await consume(w, queue, { arguments: args }))
  for (let i = 0; i < fit; i++) w.publish(CH, { routingKey: queue })
  for (let i = 0; i < fit; i++) await w.receive(CH, MethodId.BasicDeliver)
  await w.call(CH, MethodId.BasicCancel, { consumerTag: tags[0] as string }, MethodId.BasicCancelOk)
  await consume(w, queue, { arguments: args })
  w.send(CH, MethodId.BasicConsume, { queue, arguments: args })
  expect(await w.expect(0, MethodId.ConnectionClose)).toMatchObject({
    replyCode: 530,
    replyText: `NOT_ALLOWED - arguments of the consumers of the channel are larger than ${CONSUMER_ARGUMENTS_BYTES_MAX} octets`,
  })
})
