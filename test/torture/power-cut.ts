/**
 * Power cuts under the journal, and under journal and store together, on a disk in memory: of what was not synced it keeps a
 * random part, torn between sectors of 512 octets. What a seed does is always the same.
 */
import { Journal } from '../../src/storage/log/journal.ts'
import { LoggedStorage } from '../../src/storage/log/logged-storage.ts'
import { StorageError, type StorageWrite } from '../../src/storage/storage.ts'
import { Store } from '../storage/log/memory-store.ts'
import { PowerCut, randomOf, readAll, record, SimulatedDisk } from '../storage/log/records.ts'
import { ManualClock } from '../support/manual-clock.ts'

const JOURNAL_RUNS = 3
const STORE_RUNS = 4
const PROBLEMS_MAX = 10

/** A write that fails, by its number from 1, in place of power cuts. */
export interface FailingWrite {
  readonly at: number
  readonly code: 'EIO' | 'ENOSPC'
}

/** What was wrong in which seed; ends after some. */
export async function inEachSeed(
  run: (seed: number) => Promise<string | undefined>,
  first: number,
  count: number,
): Promise<string[]> {
  const problems: string[] = []
  for (let seed = first; seed < first + count && problems.length < PROBLEMS_MAX; seed++) {
    const problem = await run(seed)
    if (problem !== undefined) problems.push(`seed ${seed}: ${problem}`)
  }
  return problems
}

function isExpected(error: unknown): boolean {
  return error instanceof PowerCut || (error as Error).cause instanceof PowerCut
}

/** Appends and trims until the power goes, and opens the journal again. */
export async function journalSeed(seed: number): Promise<string | undefined> {
  const random = randomOf(seed)
  const disk = new SimulatedDisk(random)
  // Files are made in advance only in some: filling them with zeros is what takes the time.
  disk.free = seed % 8 === 0 ? 20e6 : 10e6
  let needed = 1
  let last = 0
  for (let run = 0; run < JOURNAL_RUNS; run++) {
    disk.cutAfter = random(30)
    try {
      const log = await Journal.open(disk, needed, () => performance.now())
      const positions = (await readAll(log)).map(([p]) => p)
      for (let i = 0; i < positions.length; i++)
        if (positions[i] !== needed + i) return `record ${positions[i]} stands where ${needed + i} should be`
      const more = positions.length - (last - needed + 1)
      // What was on its way may be there, whole.
      if (more < 0 || more > 1) return `${positions.length} records from ${needed} on, with ${last} appended`
      last = log.last
      for (;;) {
        await log.append(record(last + 1, 16 + random(random(4) === 0 ? 20_000 : 600)))
        last++
        if (random(5) === 0) {
          needed = Math.max(needed, last - random(8))
          log.trim(needed)
        }
      }
    } catch (error) {
      if (!isExpected(error)) throw error
      disk.restart()
    }
  }
  return undefined
}

const state = (segment: number, ...octets: number[]): StorageWrite => ({
  op: 'segment',
  log: 1,
  segment,
  state: Uint8Array.from(octets),
})

/** Random writes to one log and some keys, as queues make them: numbers of segments and records are not used again. */
function randomBatch(
  random: (below: number) => number,
  next: { segment: number; index: number },
): StorageWrite[] {
  const out: StorageWrite[] = []
  for (let i = 1 + random(4); i > 0; i--) {
    const segment = 1 + random(next.segment)
    const octets = Uint8Array.from({ length: random(40) }, () => random(256))
    switch (random(7)) {
      case 0:
        out.push({ op: 'put', key: `k${random(5)}`, value: octets })
        break
      case 1:
        out.push({ op: 'delete', key: `k${random(5)}` })
        break
      case 2:
        out.push({ op: 'drop-segment', log: 1, segment })
        next.segment++
        break
      case 3:
        out.push({ op: 'clear-segment', log: 1, segment: next.segment }, state(next.segment, ...octets))
        break
      default:
        out.push({ op: 'record', log: 1, segment: next.segment, index: next.index++, bytes: octets })
        out.push(state(next.segment, ...octets))
    }
    if (out.some((w) => w.op === 'drop-segment' && w.segment === next.segment)) next.segment++
  }
  return out
}

/** Writes batches until the power goes or a write fails, and compares with what was answered after each start. */
export async function storeSeed(seed: number, failing?: FailingWrite): Promise<string | undefined> {
  const random = randomOf(seed)
  const disk = new SimulatedDisk(random)
  disk.free = 20e6
  const store = new Store()
  const model = new Store()
  const next = { segment: 1, index: 0 }
  /** The batch whose answer was never seen. */
  let open: StorageWrite[] | undefined
  for (let run = 0; run < STORE_RUNS; run++) {
    disk.restart()
    store.cut = false
    const clock = new ManualClock()
    try {
      const s = await LoggedStorage.open(store, (from) => Journal.open(disk, from, () => 0), clock)
      if (open !== undefined && store.content() !== model.content()) await model.write(open)
      open = undefined
      if (store.content() !== model.content())
        return `after start ${run} something else is there than was written`
      disk.failCode = failing?.code ?? 'EIO'
      if (run === 0 && failing !== undefined) disk.failAt = failing.at
      else if (random(4) === 0) disk.failAt = disk.writes + 1 + random(15)
      else disk.cutAfter = disk.writes + random(25)
      for (;;) {
        open ??= randomBatch(random, next)
        await writeAgain(s, open)
        await model.write(open)
        open = undefined
        if (random(3) === 0) clock.pass(500)
        if (random(3) === 0) await new Promise((resolve) => setImmediate(resolve))
        // Enough for one that has met no fault.
        if (disk.cutAfter < 0 && disk.writes > disk.failAt + 20) disk.cutAfter = disk.writes
      }
    } catch (error) {
      if (!(error instanceof StorageError) && !(error instanceof PowerCut)) throw error
      disk.cut = store.cut = true
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  return undefined
}

/** As the broker does: a full disk is tried again. */
async function writeAgain(s: LoggedStorage, batch: StorageWrite[]): Promise<void> {
  try {
    await s.write(batch)
  } catch (error) {
    if (!(error instanceof StorageError) || error.code !== 'FULL') throw error
    await s.write(batch)
  }
}
