/** A queue is deleted, and one of its consumers cannot be told: the others are, and its bindings go. */

import { expect, it, onTestFinished } from 'vitest'
import { defaultSettings } from '../../src/config/default-settings.ts'
import type { Connection } from '../../src/connection/connection.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { oneForAll, silent } from '../../src/util/logger.ts'
import { RunningNode } from '../support/running-node.ts'
import { bindQueue, CH, consume, declareQueue, session } from '../support/session.ts'

it('as for want of memory', async () => {
  const listeners = [{ port: 0, bind: '127.0.0.1' }]
  const leveret = await RunningNode.start({ ...defaultSettings, listeners }, oneForAll(silent))
  onTestFinished(() => leveret.close())
  const t = { url: `amqp://127.0.0.1:${leveret.ports[0]}` }
  const [owner, first, second] = [await session(t), await session(t), await session(t)]
  const q = await declareQueue(owner, { exclusive: false })
  await bindQueue(owner, q, 'amq.direct', 'key')
  for (const w of [first, second]) await consume(w, q)
  const connections = [...leveret.server.connections] as Connection[]
  const output = connections[1]?.output
  if (output === undefined) throw new Error('no connection')
  const { method } = output
  output.method = (channel, m) => {
    output.method = method
    if (m.id === MethodId.BasicCancel) throw new RangeError('Array buffer allocation failed')
    method.call(output, channel, m)
  }
  await owner.call(CH, MethodId.QueueDelete, { queue: q }, MethodId.QueueDeleteOk)
  await second.expect(CH, MethodId.BasicCancel)
  expect((await first.connectionError()).code).toBe(541)
  const vhost = leveret.broker.vhosts.get('/')
  expect([vhost?.bindings.size, vhost?.exchanges.get('amq.direct')?.outgoing]).toEqual([0, 0])
})
