import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { startProcess } from '../support/process.ts'
import { publishFrames, Wire } from '../support/wire.ts'
import { randomOf } from '../torture/random.ts'

const ROUNDS = 12
const random = randomOf(12)
const INPUTS = 4000
const IN = 'orders'
const OUT = 'invoices'

/** The worker of the README's example: takes an input, publishes its output, and commits both together. */
async function work(url: string, committing: () => void = () => {}): Promise<boolean> {
  try {
    const w = await Wire.open(url)
    await w.channel(1)
    await w.call(1, MethodId.TxSelect, {}, MethodId.TxSelectOk)
    await w.call(1, MethodId.BasicQos, { prefetchCount: 20 }, MethodId.BasicQosOk)
    for (;;) {
      w.send(1, MethodId.BasicGet, { queue: IN })
      const m = await w.next(1)
      if (m.method.id !== MethodId.BasicGetOk) {
        await w.close()
        return true
      }
      w.write(
        publishFrames(1, {
          routingKey: OUT,
          body: `invoice for ${m.body}`,
          properties: { deliveryMode: 2 },
        }),
      )
      const { deliveryTag } = m.method as { deliveryTag: number }
      w.send(1, MethodId.BasicAck, { deliveryTag })
      w.send(1, MethodId.TxCommit)
      committing()
      await w.expect(1, MethodId.TxCommitOk)
    }
  } catch {
    return false
  }
}

/** In this turn of the event loop, or so many later. */
function soonOrAtOnce(turns: number, action: () => void): void {
  if (turns === 0) action()
  else setImmediate(() => soonOrAtOnce(turns - 1, action))
}

it('processes each input exactly once, whenever the broker is killed', { timeout: 120_000 }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'leveret-exactly-once-'))
  let broker = await startProcess(dir)
  const w = await Wire.open(broker.url)
  await w.channel(1)
  for (const queue of [IN, OUT])
    await w.call(1, MethodId.QueueDeclare, { queue, durable: true }, MethodId.QueueDeclareOk)
  await w.call(1, MethodId.TxSelect, {}, MethodId.TxSelectOk)
  for (let i = 0; i < INPUTS; i++)
    w.publish(1, { routingKey: IN, body: String(i), properties: { deliveryMode: 2 } })
  await w.call(1, MethodId.TxCommit, {}, MethodId.TxCommitOk)
  await w.close()

  for (let round = 0; round < ROUNDS; round++) {
    // In the middle of a commit, before its answer, sooner or later.
    let left = 1 + random(100)
    const { child } = broker
    expect(
      await work(broker.url, () => {
        if (--left === 0) soonOrAtOnce(random(3), () => child.kill('SIGKILL'))
      }),
    ).toBe(false)
    expect(await broker.ended).toBe('SIGKILL')
    broker = await startProcess(dir)
  }
  expect(await work(broker.url)).toBe(true)

  const reader = await Wire.open(broker.url)
  await reader.channel(1)
  await reader.call(1, MethodId.BasicConsume, { queue: OUT, noAck: true }, MethodId.BasicConsumeOk)
  const seen: number[] = []
  for (let i = 0; i < INPUTS; i++) {
    const d = await reader.receive(1, MethodId.BasicDeliver)
    seen.push(Number(String(d.body).replace('invoice for ', '')))
  }
  const { messageCount } = await reader.call(
    1,
    MethodId.QueueDeclare,
    { queue: OUT, passive: true },
    MethodId.QueueDeclareOk,
  )
  expect(messageCount).toBe(0)
  expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: INPUTS }, (_, i) => i))
  await reader.close()
  await broker.stop('SIGTERM')
  rmSync(dir, { recursive: true, force: true })
})
