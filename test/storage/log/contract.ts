/** What every commit log must do; run over each implementation. */
import { describe, expect, it } from 'vitest'
import type { CommitLog } from '../../../src/storage/log/commit-log.ts'
import { readAll, record } from './records.ts'

/** late: all is well, but the answer takes its time. */
export type Fault = 'fail' | 'lost' | 'full' | 'late'

export interface LogUnderTest {
  /** Opens it again, from a position on, as it was left. */
  open(from: number): Promise<CommitLog>
  /** The n-th append from now on goes wrong. */
  fail(n: number, fault: Fault): void
}

export function commitLogContract(name: string, make: () => LogUnderTest): void {
  describe(`commit log contract: ${name}`, () => {
    it('numbers records and reads them back after it was left open', async () => {
      const under = make()
      let log = await under.open(1)
      expect([log.first, log.last]).toEqual([1, 0])
      for (let n = 1; n <= 20; n++) expect(await log.append(record(n, n * 97))).toBe(n)
      expect([log.first, log.last]).toEqual([1, 20])
      log = await under.open(1)
      expect(await readAll(log)).toEqual(Array.from({ length: 20 }, (_, i) => [i + 1, i + 1]))
      expect((await readAll(log, 18)).map(([p]) => p)).toEqual([18, 19, 20])
    })

    it('goes on where it was, and forgets what is trimmed', async () => {
      const under = make()
      let log = await under.open(1)
      for (let n = 1; n <= 10; n++) await log.append(record(n))
      log.trim(5)
      log.trim(3)
      expect([log.first, log.last]).toEqual([5, 10])
      log = await under.open(5)
      expect((await readAll(log)).map(([p]) => p)).toEqual([5, 6, 7, 8, 9, 10])
      expect(await log.append(record(11))).toBe(11)
      log.trim(100)
      expect([log.first, log.last]).toEqual([12, 11])
      expect(await log.append(record(12))).toBe(12)
      log = await under.open(12)
      expect(await readAll(log)).toEqual([[12, 12]])
    })

    it('takes large records', async () => {
      const under = make()
      let log = await under.open(1)
      for (const n of [1, 2, 3]) await log.append(record(n, 3_000_000 + n * 1000))
      log = await under.open(2)
      expect(await readAll(log)).toEqual([
        [2, 2],
        [3, 3],
      ])
    })

    it.each([1, 2, 5])('a full disk at append %i loses nothing: the record is taken again', async (n) => {
      const under = make()
      let log = await under.open(1)
      under.fail(n, 'full')
      for (let i = 1; i <= 6; i++) {
        if (i === n) await expect(log.append(record(i, 3000))).rejects.toMatchObject({ code: 'FULL' })
        expect(await log.append(record(i, 3000))).toBe(i)
      }
      log = await under.open(1)
      expect((await readAll(log)).map(([p]) => p)).toEqual([1, 2, 3, 4, 5, 6])
    })

    it.each([1, 3])('append %i is answered late: the record is there, and once', async (n) => {
      const under = make()
      let log = await under.open(1)
      under.fail(n, 'late')
      for (let i = 1; i <= 5; i++) {
        expect(await log.append(record(i, 3000))).toBe(i)
        expect(log.last).toBe(i)
      }
      log = await under.open(1)
      expect(await readAll(log)).toEqual([1, 2, 3, 4, 5].map((i) => [i, i]))
      expect(await log.append(record(6))).toBe(6)
    })

    it.each([
      [1, 'fail'],
      [2, 'lost'],
      [5, 'fail'],
    ] as const)(
      'takes nothing more after append %i has failed (%s), until it is opened again',
      async (n, fault) => {
        const under = make()
        let log = await under.open(1)
        under.fail(n, fault)
        for (let i = 1; i < n; i++) await log.append(record(i, 3000))
        await expect(log.append(record(n, 3000))).rejects.toMatchObject({
          code: expect.stringMatching(/^(IO|ENDED)$/),
        })
        await expect(log.append(record(n, 3000))).rejects.toMatchObject({
          code: expect.stringMatching(/^(IO|ENDED)$/),
        })
        expect(log.last).toBeLessThanOrEqual(n)
        log = await under.open(1)
        const found = await readAll(log)
        expect(found.slice(0, n - 1).map(([p]) => p)).toEqual(Array.from({ length: n - 1 }, (_, i) => i + 1))
        expect(found.length).toBeLessThanOrEqual(n)
        expect(await log.append(record(n))).toBe(found.length + 1)
      },
    )
  })
}
