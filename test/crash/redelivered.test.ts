/** What was delivered before a broker was killed is marked as redelivered, although there was no time to record it. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { type BrokerProcess, startProcess } from '../support/process.ts'
import {
  CH,
  confirmed,
  confirmSelect,
  consume,
  declareQueue,
  deliveries,
  get,
  session,
} from '../support/session.ts'
import { table, type Wire } from '../support/wire.ts'

const queue = 'q'
const declaration = { queue, durable: true, exclusive: false }

async function filled(b: BrokerProcess, ...list: string[]): Promise<Wire> {
  const w = await session(b)
  await declareQueue(w, declaration)
  await confirmSelect(w)
  for (const body of list) w.publish(CH, { routingKey: queue, body, properties: { deliveryMode: 2 } })
  await confirmed(w, 1, list.length)
  return w
}

/** Body and mark of all messages, each returned. */
async function marks(b: BrokerProcess, count: number): Promise<[string, boolean][]> {
  const w = await session(b)
  const found: [string, boolean][] = []
  for (let i = 0; i < count; i++) {
    const m = await get(w, queue, false)
    if (m !== undefined) found.push([String(m.body), m.method.redelivered])
  }
  await w.close()
  return found
}

it('at once, and also behind a start that has ended properly since', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'leveret-redelivered-'))
  const first = await startProcess(dir)
  const w = await filled(first, 'a', 'b')
  await w.call(CH, MethodId.BasicQos, { prefetchCount: 1 }, MethodId.BasicQosOk)
  await consume(w, queue)
  await deliveries(w, 1)
  await first.stop('SIGKILL')
  const second = await startProcess(dir)
  expect(await second.stop('SIGTERM')).toBe(0)
  const third = await startProcess(dir)
  // Nobody knows that only the first one was delivered.
  expect(await marks(third, 2)).toEqual([
    ['a', true],
    ['b', true],
  ])
  await third.stop('SIGTERM')
})

it('and what was not delivered is not, where each run has ended properly', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'leveret-redelivered-'))
  const first = await startProcess(dir)
  await (await filled(first, 'a', 'b')).close()
  await first.stop('SIGTERM')
  const second = await startProcess(dir)
  await second.stop('SIGTERM')
  const third = await startProcess(dir)
  expect(await marks(third, 1)).toEqual([['a', false]])
  await third.stop('SIGTERM')
  const fourth = await startProcess(dir)
  expect(await marks(fourth, 2)).toEqual([
    ['a', true],
    ['b', false],
  ])
  await fourth.stop('SIGTERM')
})

it('but not what is in a stream, which all readers get', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'leveret-redelivered-'))
  const first = await startProcess(dir)
  const w = await session(first)
  await declareQueue(w, { ...declaration, arguments: table({ 'x-queue-type': 'stream' }) })
  await confirmSelect(w)
  w.publish(CH, { routingKey: queue, body: 'a' })
  await confirmed(w, 1)
  await first.stop('SIGKILL')
  const second = await startProcess(dir)
  const v = await session(second)
  await v.call(CH, MethodId.BasicQos, { prefetchCount: 1 }, MethodId.BasicQosOk)
  await consume(v, queue, { arguments: table({ 'x-stream-offset': 'first' }) })
  expect((await deliveries(v, 1)).map((d) => d.method.redelivered)).toEqual([false])
  await second.stop('SIGTERM')
})
