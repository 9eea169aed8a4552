import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { startProcess } from '../support/process.ts'
import { until } from '../support/until.ts'
import { publishFrames, Wire } from '../support/wire.ts'

const ROUNDS = 20
const QUEUES = ['crash-a', 'crash-b']
const WINDOW = 200

/** Publishes with confirms until the socket breaks, noting what was confirmed; returns the next number. */
async function publishUntilDeath(
  url: string,
  queue: string,
  first: number,
  confirmed: number[],
): Promise<number> {
  const open = new Map<number, number>()
  let sent = 0
  try {
    const w = await Wire.open(url)
    await w.channel(1)
    await w.call(1, MethodId.QueueDeclare, { queue, durable: true }, MethodId.QueueDeclareOk)
    await w.call(1, MethodId.ConfirmSelect, {}, MethodId.ConfirmSelectOk)
    for (;;) {
      while (open.size < WINDOW) {
        const n = first + sent
        open.set(++sent, n)
        w.write(publishFrames(1, { routingKey: queue, body: String(n), properties: { deliveryMode: 2 } }))
      }
      const m = await w.expect(1, MethodId.BasicAck)
      for (const [tag, n] of open) {
        if (tag > m.deliveryTag || (!m.multiple && tag !== m.deliveryTag)) continue
        open.delete(tag)
        confirmed.push(n)
      }
    }
  } catch {
    return first + sent
  }
}

/** Consumes and acknowledges some of what is there, so that crashes meet settlements too. */
async function consumeUntilDeath(url: string, queue: string, seen: number[]): Promise<void> {
  try {
    const w = await Wire.open(url)
    await w.channel(1)
    await w.call(1, MethodId.BasicQos, { prefetchCount: 20 }, MethodId.BasicQosOk)
    await w.call(1, MethodId.BasicConsume, { queue, consumerTag: 'c' }, MethodId.BasicConsumeOk)
    for (let i = 0; i < 500; i++) {
      const d = await w.receive(1, MethodId.BasicDeliver)
      seen.push(Number(d.body))
      w.send(1, MethodId.BasicAck, { deliveryTag: d.method.deliveryTag })
    }
  } catch {
    // The broker has died: what was acknowledged last may come again.
  }
}

async function drain(url: string, queue: string): Promise<number[]> {
  const w = await Wire.open(url)
  await w.channel(1)
  const { messageCount } = await w.call(
    1,
    MethodId.QueueDeclare,
    { queue, passive: true },
    MethodId.QueueDeclareOk,
  )
  await w.call(1, MethodId.BasicConsume, { queue, noAck: true, consumerTag: 'c' }, MethodId.BasicConsumeOk)
  const out: number[] = []
  for (let i = 0; i < messageCount; i++) out.push(Number((await w.receive(1, MethodId.BasicDeliver)).body))
  await w.close()
  return out
}

describe('kill -9 in mid-traffic', () => {
  it(`loses nothing confirmed in ${ROUNDS} rounds on one data folder`, { timeout: 180_000 }, async () => {
    const dir = mkdtempSync(join(tmpdir(), 'leveret-crash-'))
    const confirmed = new Map(QUEUES.map((q) => [q, [] as number[]]))
    const seen = new Map(QUEUES.map((q) => [q, [] as number[]]))
    const next = new Map(QUEUES.map((q) => [q, 0]))
    for (let round = 0; round < ROUNDS; round++) {
      const p = await startProcess(dir)
      const total = (): number => [...confirmed.values()].reduce((sum, l) => sum + l.length, 0)
      const before = total()
      const work = QUEUES.map(async (q) => {
        next.set(q, await publishUntilDeath(p.url, q, next.get(q) ?? 0, confirmed.get(q) ?? []))
      })
      const consuming =
        round % 3 === 1
          ? consumeUntilDeath(p.url, QUEUES[0] as string, seen.get(QUEUES[0] as string) ?? [])
          : undefined
      // Where the kill falls differs from round to round.
      const confirms = 1 + ((round * 977) % 4000)
      await until(() => total() >= before + confirms, `${confirms} confirms in the round`)
      expect(await p.stop('SIGKILL')).toBe('SIGKILL')
      await Promise.all([...work, consuming])
    }
    const p = await startProcess(dir)
    for (const q of QUEUES) {
      const rest = await drain(p.url, q)
      const there = new Set([...rest, ...(seen.get(q) ?? [])])
      expect((confirmed.get(q) ?? []).filter((n) => !there.has(n))).toEqual([])
      expect(rest).toEqual([...rest].sort((a, b) => a - b))
      expect(new Set(rest).size).toBe(rest.length)
    }
    await p.stop('SIGTERM')
    rmSync(dir, { recursive: true, force: true })
  })
})
