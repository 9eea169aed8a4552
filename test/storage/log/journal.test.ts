import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { Journal } from '../../../src/storage/log/journal.ts'
import { folderDisk, type JournalDisk, type JournalFile } from '../../../src/storage/log/journal-disk.ts'
import { frameBytes, makeFrame } from '../../../src/storage/log/journal-frame.ts'
import { until } from '../../support/until.ts'
import { inEachSeed, journalSeed } from '../../torture/power-cut.ts'
import { commitLogContract, type Fault } from './contract.ts'
import { MemoryLog } from './memory-log.ts'
import { manyTurns, randomOf, readAll, record, SimulatedDisk } from './records.ts'

const root = mkdtempSync(join(tmpdir(), 'leveret-journal-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const folder = (): string => mkdtempSync(join(root, 'f-'))
const now = (): number => performance.now()

commitLogContract('in memory', () => {
  let at = -1
  let count = 0
  let kind: Fault = 'fail'
  const log = new MemoryLog(1, { fault: () => (++count === at ? kind : undefined) })
  return {
    open: async (from) => {
      log.reopen(from)
      return log
    },
    fail: (n, fault) => {
      at = count + n
      kind = fault
    },
  }
})

/** The real one, of which a write can be told to fail. */
function failing(disk: JournalDisk): { disk: JournalDisk; fail(n: number, fault: Fault): void } {
  let left = 0
  let kind: Fault = 'fail'
  const wrap = (file: JournalFile): JournalFile => ({
    ...file,
    write: async (parts, at) => {
      if (--left !== 0) return file.write(parts, at)
      if (kind === 'lost' || kind === 'late') await file.write(parts, at)
      if (kind === 'late') return manyTurns()
      throw Object.assign(new Error('no'), { code: kind === 'full' ? 'ENOSPC' : 'EIO' })
    },
  })
  return {
    disk: { ...disk, open: async (name) => wrap(await disk.open(name)) },
    fail: (n, fault) => {
      left = n
      kind = fault
    },
  }
}

commitLogContract('journal in a folder', () => {
  const { disk, fail } = failing(folderDisk(folder()))
  return { open: (from) => Journal.open(disk, from, now), fail }
})

commitLogContract('journal on a simulated disk', () => {
  const disk = new SimulatedDisk(randomOf(1))
  return {
    open: async (from) => {
      disk.restart()
      return Journal.open(disk, from, now)
    },
    fail: (n, fault) => {
      disk.failAt = disk.writes + n
      disk.late = fault === 'late'
      disk.failCode = fault === 'full' ? 'ENOSPC' : 'EIO'
    },
  }
})

describe('the files of a journal', () => {
  it('are made in advance, used again and again, and gone after a clean end', async () => {
    const dir = folder()
    const log = await Journal.open(folderDisk(dir), 1, () => 0)
    const size = (): number => readdirSync(dir).reduce((n, f) => n + statSync(join(dir, f)).size, 0)
    for (let n = 1; n <= 40; n++) await log.append(record(n, 4000))
    await until(() => readdirSync(dir).length === 2, 'a file made in advance')
    for (let n = 41; n <= 300; n++) {
      await log.append(record(n, 60_000))
      log.trim(n - 5)
    }
    const names = readdirSync(dir)
    expect(names.length).toBeLessThan(6)
    expect(size()).toBeLessThan(200 * 1024 * 1024)
    log.trim(5000)
    await log.close()
    expect(readdirSync(dir)).toEqual([])
  })

  it('may have a record twice: a full disk had written all of it, and the next attempt went to another file', async () => {
    const dir = folder()
    let allocate: () => void = () => {}
    let isFull = false
    const real = folderDisk(dir)
    const open = async (name: string): Promise<JournalFile> => {
      const file = await real.open(name)
      return {
        ...file,
        write: async (parts, at) => {
          await file.write(parts, at)
          if (isFull) throw Object.assign(new Error('no'), { code: 'ENOSPC' })
        },
        allocate: async (bytes) => {
          await new Promise<void>((resolve) => (allocate = resolve))
          await file.allocate(bytes)
        },
      }
    }
    const log = await Journal.open({ ...real, open }, 1, now)
    for (let n = 1; n <= 3; n++) await log.append(record(n, 40_000))
    await until(() => readdirSync(dir).length === 2, 'another file is being made')
    isFull = true
    await expect(log.append(record(4, 4000))).rejects.toMatchObject({ code: 'FULL' })
    isFull = false
    const before = log.bytes
    await until(() => {
      allocate()
      return log.bytes > before
    }, 'it is made')
    for (let n = 4; n <= 6; n++) expect(await log.append(record(n, 4000))).toBe(n)
    await log.leave()
    const again = await Journal.open(real, 1, now)
    expect((await readAll(again, 1)).length).toBe(6)
    await again.close()
  })

  it('take no more than a small part of what is free', async () => {
    const disk = new SimulatedDisk(randomOf(2))
    disk.free = 20e6
    const log = await Journal.open(disk, 1, now)
    for (let n = 1; n <= 1000; n++) {
      await log.append(record(n, 8000))
      log.trim(n - 5)
      expect(log.bytes).toBeLessThan(12e6)
    }
  })

  it('hold no octet of a message that passes for the beginning of a record', () => {
    const inner = Buffer.concat(makeFrame({ salt: 1, position: 7, length: 16 }, record(7)))
    const bytes = Buffer.concat([Buffer.alloc(512 - 32), inner, inner, inner, Buffer.alloc(4)])
    const frame = Buffer.concat(makeFrame({ salt: 2, position: 6, length: bytes.length }, bytes))
    expect(frame.length).toBe(frameBytes(bytes.length))
    for (let at = 512; at < frame.length; at += 512)
      expect(frame.readUInt32LE(at)).not.toBe(inner.readUInt32LE(0))
  })
})

/** `journal-seeds.test.ts` goes on behind them; `npm run torture -- power-cut` for more. */
const SEEDS = 300

describe('a power cut', () => {
  it(`at a random moment loses nothing that was appended (${SEEDS} seeds)`, async () => {
    expect(await inEachSeed(journalSeed, 1, SEEDS)).toEqual([])
  })
})

describe('one octet changed', () => {
  it('anywhere is read right or refused by file and offset', async () => {
    const disk = new SimulatedDisk(randomOf(3))
    const log = await Journal.open(disk, 1, now)
    for (let n = 1; n <= 4; n++) await log.append(record(n, 200 * n))
    const [name] = disk.list() as [string]
    const whole = await (await disk.open(name)).read()
    let refused = 0
    for (let at = 0; at < whole.length; at++) {
      const damaged = Buffer.from(whole)
      damaged[at] = (damaged[at] as number) ^ (1 << (at % 8))
      disk.content.set(name, { memory: damaged, length: damaged.length })
      try {
        const again = await Journal.open(disk, 1, now)
        expect(await readAll(again), `octet ${at}`).toEqual([1, 2, 3, 4].map((n) => [n, n]))
      } catch (error) {
        refused++
        expect(error, `octet ${at}`).toMatchObject({
          code: 'DAMAGED',
          message: expect.stringMatching(new RegExp(`${name}, offset \\d+`)),
        })
      }
    }
    // All octets of heads and records.
    expect(refused).toBeGreaterThanOrEqual(4 * 32 + 200 + 400 + 600 + 800)
  }, 30_000)

  it('of a file on the disk too', async () => {
    const dir = folder()
    const log = await Journal.open(folderDisk(dir), 1, now)
    for (let n = 1; n <= 3; n++) await log.append(record(n, 2000))
    const [name] = readdirSync(dir) as [string]
    expect(readFileSync(join(dir, name)).length).toBe(3 * frameBytes(2000))
  })
})
