/** Numbers of logs: those of durable queues never reach those of logs that are dropped at each start. */
import { expect, it, onTestFinished } from 'vitest'
import { ReplyCode } from '../../src/protocol/errors.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { LmdbStorage } from '../../src/storage/lmdb/lmdb-storage.ts'
import { SPILL_LOGS_FROM } from '../../src/storage/storage.ts'
import { DurableBroker } from '../support/durable-broker.ts'
import { testFolder } from '../support/folder.ts'
import { CH, confirmed, confirmSelect, counts, declareQueue } from '../support/session.ts'
import { table } from '../support/wire.ts'

const LEVELS = 10

/** A broker that has numbers for that many more logs. */
async function startWithLeft(left: number): Promise<DurableBroker> {
  const dataDir = testFolder('log-numbers')
  const storage = await LmdbStorage.open(dataDir)
  const value = Buffer.from(JSON.stringify({ log: SPILL_LOGS_FROM - 1 - left }))
  await storage.write([{ op: 'put', key: 'last-log', value }])
  await storage.close()
  const t = new DurableBroker({ port: 0, storage: 'lmdb', dataDir })
  await t.start()
  onTestFinished(() => t.stop())
  return t
}

it('a durable queue is refused when they are used up, for its messages would be gone after a restart', async () => {
  const t = await startWithLeft(LEVELS)
  const priorities = table({ 'x-max-priority': LEVELS })
  const wanted = { queue: 'q', durable: true, arguments: priorities }
  t.w.send(CH, MethodId.QueueDeclare, wanted)
  const { code } = await t.w.connectionError()
  expect(code).toBe(ReplyCode.ResourceError)
  await t.restart()
  await declareQueue(t.w, { queue: 'q', durable: false })
})

it('the last of them keep messages', async () => {
  const t = await startWithLeft(LEVELS)
  const priorities = table({ 'x-max-priority': LEVELS - 1 })
  const queue = await declareQueue(t.w, { exclusive: false, durable: true, arguments: priorities })
  await confirmSelect(t.w)
  t.w.publish(CH, { routingKey: queue, properties: { deliveryMode: 2, priority: LEVELS - 1 } })
  await confirmed(t.w, 1)
  await t.restart()
  expect((await counts(t.w, queue)).messages).toBe(1)
})
