import { describe, expect, it } from 'vitest'
import { Talkers } from '../../../src/connection/talkers.ts'
import { FreeSpace } from '../../../src/storage/lmdb/free-space.ts'
import { BriefWrites } from '../../../src/storage/log/brief-writes.ts'
import { Journal } from '../../../src/storage/log/journal.ts'
import { folderDisk, type JournalDisk, type JournalFile } from '../../../src/storage/log/journal-disk.ts'
import { testFolder } from '../../support/folder.ts'
import { readAll, record } from './records.ts'

/** A process in which time passes as told, with that part of it idle. */
class Process {
  time = 0
  idleMs = 0
  few = true
  readonly now = (): number => this.time
  readonly idle = (): number => this.idleMs
  readonly areFew = (): boolean => this.few

  pass(ms: number, idleShare: number): void {
    this.time += ms
    this.idleMs += ms * idleShare
  }
}

describe('writes of the event loop itself', () => {
  it('are small ones of an event loop with time to spare and few clients', () => {
    const process = new Process()
    const brief = new BriefWrites(process)
    expect(brief.allowed(1000)).toBe(false)
    process.pass(100, 0.5)
    expect([brief.allowed(1000), brief.allowed(100_000)]).toEqual([true, false])
    process.few = false
    expect(brief.allowed(1000)).toBe(false)
    process.few = true
    expect(brief.allowed(1000)).toBe(true)
    process.pass(100, 0)
    expect(brief.allowed(1000)).toBe(false)
    process.pass(100, 0.2)
    expect(brief.allowed(1000)).toBe(true)
  })

  it('are left to threads once the disk is slow, until one of theirs is not', () => {
    const process = new Process()
    const brief = new BriefWrites(process)
    /** Writes every 10 ms for a while. Returns how often the event loop did it itself. */
    const writesOwn = (duration: number, writeMs: number): number => {
      let own = 0
      for (const end = process.time + duration; process.time < end; ) {
        process.pass(10, 0.9)
        const mayWrite = brief.allowed(1000)
        process.pass(writeMs, 0.9)
        if (mayWrite) brief.took(writeMs)
        else brief.threadTook(1000, writeMs)
        if (mayWrite) own++
      }
      return own
    }
    expect(writesOwn(1_000, 0.2)).toBeGreaterThan(50)
    expect(writesOwn(60_000, 2_000)).toBe(1)
    expect(writesOwn(60_000, 12)).toBe(0)
    expect(writesOwn(21_000, 0.2)).toBeGreaterThan(50)
  })

  it('take a tenth of the time at most while slow ones alternate with others', () => {
    const process = new Process()
    const brief = new BriefWrites(process)
    let slowMs = 0
    for (let n = 1; process.time < 600_000; n++) {
      process.pass(5, 0.9)
      const mayWrite = brief.allowed(1000)
      const ms = n % 10 === 0 ? 1_000 : 0.2
      process.pass(ms, 0.9)
      if (!mayWrite) brief.threadTook(1000, ms)
      else {
        brief.took(ms)
        if (ms > 1) slowMs += ms
      }
    }
    expect(slowMs).toBeLessThan(60_000)
  })

  it('and those of threads come to the same journal', async () => {
    const dir = testFolder('brief')
    const process = new Process()
    const disk = folderDisk(dir)
    const counts = { now: 0, later: 0 }
    const counting = (file: JournalFile): JournalFile => ({
      ...file,
      write: (parts, at) => {
        counts.later++
        return file.write(parts, at)
      },
      writeNow: (parts, at) => {
        counts.now++
        return file.writeNow?.(parts, at) ?? false
      },
    })
    const counted: JournalDisk = { ...disk, open: async (name) => counting(await disk.open(name)) }
    const log = await Journal.open(counted, 1, process.now, new BriefWrites(process))
    for (let n = 1; n <= 60; n++) {
      process.pass(30, n % 3 === 0 ? 0 : 0.5)
      await log.append(record(n, n * 700))
    }
    expect(counts.now).toBeGreaterThan(10)
    expect(counts.later).toBeGreaterThan(20)
    const again = await Journal.open(disk, 1, process.now)
    expect((await readAll(again)).map(([, n]) => n)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1))
    await log.leave()
    await again.leave()
  })

  it('that fail are the end of the journal as any other', async () => {
    const dir = testFolder('brief')
    const process = new Process()
    const disk = folderDisk(dir)
    let broken = false
    const failing = (file: JournalFile): JournalFile => ({
      ...file,
      writeNow: (parts, at) => {
        if (broken) throw Object.assign(new Error('EIO: i/o error, writev'), { code: 'EIO' })
        return file.writeNow?.(parts, at) ?? false
      },
    })
    const log = await Journal.open(
      { ...disk, open: async (name) => failing(await disk.open(name)) },
      1,
      process.now,
      new BriefWrites(process),
    )
    process.pass(100, 1)
    expect(await log.append(record(1))).toBe(1)
    broken = true
    await expect(log.append(record(2))).rejects.toMatchObject({ code: 'IO' })
    broken = false
    await expect(log.append(record(2))).rejects.toMatchObject({ code: 'IO' })
    await log.leave()
  })
})

describe('few talkers', () => {
  it('are up to two in a tenth of a second, whoever they are', () => {
    const talkers = new Talkers()
    const [a, b, c] = [{}, {}, {}]
    let now = 1000
    for (let i = 0; i < 50; i++, now += 5) talkers.heard(i % 2 === 0 ? a : b, now)
    expect(talkers.areFew(now)).toBe(true)
    talkers.heard(c, now)
    expect(talkers.areFew(now)).toBe(false)
    for (let i = 0; i < 30; i++, now += 5) talkers.heard(i % 2 === 0 ? a : c, now)
    expect(talkers.areFew(now)).toBe(true)
    for (let i = 0; i < 30; i++, now += 5) talkers.heard([a, b, c][i % 3] as object, now)
    expect(talkers.areFew(now)).toBe(false)
    talkers.gone(c)
    expect(talkers.areFew(now + 100)).toBe(true)
  })
})

describe('free space', () => {
  it('is asked for now and then while there is plenty, and each time when there is not', () => {
    let now = 0
    let free = 100e9
    let asked = 0
    const space = new FreeSpace(
      () => {
        asked++
        return free
      },
      () => now,
    )
    for (let i = 0; i < 1000; i++, now += 1) expect(space.has(1000, 8e6)).toBe(true)
    expect(asked).toBeLessThan(12)
    free = 1e9
    now += 200
    for (let i = 0; i < 10; i++) expect(space.has(1000, 8e6)).toBe(true)
    free = 8e6
    expect(space.has(1000, 8e6)).toBe(false)
    free = 9e6
    expect(space.has(1000, 8e6)).toBe(true)
  })
})
