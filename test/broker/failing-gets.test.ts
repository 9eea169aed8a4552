/** Messages that cannot be written to the client that gets them: they stay in the queue, once. */

import { afterEach, expect, it, onTestFinished, vi } from 'vitest'
import { defaultSettings } from '../../src/config/default-settings.ts'
import { Output } from '../../src/output/output.ts'
import { oneForAll, silent } from '../../src/util/logger.ts'
import { RunningNode } from '../support/running-node.ts'
import { CH, counts, declareQueue, get, holds, session } from '../support/session.ts'
import { until } from '../support/until.ts'

afterEach(() => void vi.restoreAllMocks())

/** The n-th piece that the broker puts out from now on fails. */
function failing(n: number, error: Error): void {
  const { reserve } = Output.prototype
  let left = n
  vi.spyOn(Output.prototype, 'reserve').mockImplementation(function (this: Output, size) {
    if (--left === 0) throw error
    return reserve.call(this, size)
  })
}

const noMemory = new RangeError('Array buffer allocation failed')
const names = ['a', 'b', 'c']

async function filled() {
  const node = await RunningNode.start(
    { ...defaultSettings, listeners: [{ port: 0, bind: '127.0.0.1' }] },
    oneForAll(silent),
  )
  onTestFinished(() => node.close())
  const t = { url: `amqp://guest:guest@127.0.0.1:${node.ports[0]}` }
  const w = await session(t)
  const queue = await declareQueue(w, { exclusive: false })
  for (const body of names) w.publish(CH, { routingKey: queue, body })
  await holds(w, queue, names.length)
  return { t, w, queue, q: node.broker.vhosts.get('/')?.queues.get(queue) }
}

it.each([
  ['the answer', 1, true],
  ['the answer, without acknowledgement', 1, false],
  ['the content', 2, true],
  ['the content, without acknowledgement', 2, false],
])('for want of memory for %s, the connection ends and the message returns', async (_, n, acks) => {
  const { t, w, queue, q } = await filled()
  failing(n, noMemory)
  await get(w, queue, !acks).catch(() => undefined)
  await until(() => w.closed)
  await until(() => q?.counts.ready === names.length, 'the message to return')
  expect(q?.counts.unacked).toBe(0)
  const other = await session(t)
  for (const body of names) expect(String((await get(other, queue))?.body)).toBe(body)
  expect(await get(other, queue)).toBe(undefined)
  expect((await counts(other, queue)).messages).toBe(0)
})

it.each([true, false])('one that cannot be sent is set aside, and the next one comes', async (noAck) => {
  const { w, queue, q } = await filled()
  failing(1, new Error('this one cannot be sent'))
  expect(String((await get(w, queue, noAck))?.body)).toBe('b')
  expect([...(q?.aside ?? [])].map(({ number, during }) => [number, during])).toEqual([[0, 'get']])
  expect(q?.counts).toMatchObject({ ready: 1, unacked: noAck ? 0 : 1 })
})
