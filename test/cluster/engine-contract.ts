/** What every engine must do; run over each implementation. */
import { describe, expect, it } from 'vitest'
import type { Engine, LogListener } from '../../src/cluster/engine.ts'
import { until } from '../support/until.ts'

export interface EngineUnderTest {
  /** One more node's end of the same engine. */
  open(): Promise<Engine>
}

export function engineContract(name: string, make: () => Promise<EngineUnderTest>): void {
  const text = (b: Uint8Array): string => Buffer.from(b).toString()

  describe(`engine contract: ${name}`, () => {
    it('every reader gets every record once, in one order', async () => {
      const under = await make()
      const [a, b] = [await under.open(), await under.open()]
      const { last } = await a.bounds()
      const seen: [number, string][][] = [[], []]
      a.read(last + 1, { record: (s, r) => seen[0]?.push([s, text(r)]), gone: () => {} })
      await Promise.all(
        Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? a : b).append(Buffer.from(`r${i}`))),
      )
      b.read(last + 1, { record: (s, r) => seen[1]?.push([s, text(r)]), gone: () => {} })
      await until(() => seen.every((s) => s.length === 40))
      expect(seen[0]).toEqual(seen[1])
      expect(seen[0]?.map(([s]) => s)).toEqual(Array.from({ length: 40 }, (_, i) => last + 1 + i))
      const bounds = await b.bounds()
      expect(bounds.last).toBe(last + 40)
      expect(bounds.bytes).toBeGreaterThan(0)
      await a.close()
      await b.close()
    })

    it('delivers nothing of another log than the one that was read, and says so', async () => {
      const under = await make()
      const engine = await under.open()
      const { last, identity } = await engine.bounds()
      await engine.append(Buffer.from('x'))
      const seen: string[] = []
      const ears = (name: string): LogListener => ({
        record: () => void seen.push(`record ${name}`),
        gone: () => void seen.push(`gone ${name}`),
      })
      engine.read(last + 1, ears('another'), 'another log')
      engine.read(last + 1, ears('this'), identity)
      await until(() => seen.length === 2)
      expect(seen.sort()).toEqual(['gone another', 'record this'])
      await engine.close()
    })

    it('forgets what is purged, and says so to whoever comes too late', async () => {
      const under = await make()
      const engine = await under.open()
      const { last } = await engine.bounds()
      for (let i = 0; i < 10; i++) await engine.append(Buffer.from(`r${i}`))
      await engine.purge(last + 6)
      const { first, identity } = await engine.bounds()
      expect(first).toBe(last + 6)
      let goneTo = 0
      engine.read(last + 2, {
        record: () => expect.unreachable('a record in front of a gap'),
        gone: (f) => {
          goneTo = f
        },
      })
      await until(() => goneTo === last + 6)
      const seen: string[] = []
      const stop = engine.read(last + 9, { record: (_, r) => seen.push(text(r)), gone: () => {} })
      await until(() => seen.length === 2)
      stop()
      expect(seen).toEqual(['r8', 'r9'])
      await engine.purge(last + 11)
      expect(await engine.bounds()).toMatchObject({ first: last + 11, last: last + 10, identity })
      await engine.close()
    })

    it('carries large records, and calls that all nodes hear', async () => {
      const under = await make()
      const [a, b] = [await under.open(), await under.open()]
      const { last } = await a.bounds()
      const large = Buffer.alloc(512 * 1024 + 100, 7)
      const seen: Uint8Array[] = []
      b.read(last + 1, { record: (_, r) => seen.push(r), gone: () => {} })
      await a.append(large)
      await until(() => seen.length === 1)
      expect(Buffer.from(seen[0] as Uint8Array).equals(large)).toBe(true)
      const heard: string[] = []
      a.hear((c) => heard.push(`a ${text(c)}`))
      b.hear((c) => heard.push(`b ${text(c)}`))
      await until(() => {
        a.say(Buffer.from('x'))
        return heard.includes('a x') && heard.includes('b x')
      })
      await a.close()
      await b.close()
    })
  })
}
