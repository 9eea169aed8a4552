/** What closing does to memory: what is left behind, and what still uses it. In processes of their own. */
import { execFileSync } from 'node:child_process'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { LmdbStorage } from '../../src/storage/lmdb/lmdb-storage.ts'
import type { StorageWrite } from '../../src/storage/storage.ts'
import { testFolder } from '../support/folder.ts'

/** Every second page is free, so the list of free pages has some 80 kB. */
const RECORDS = 16_000
/** Of ten rounds the least memory counts. */
const [TENS, TEN] = [6, 10]

const LOADED = `const { LmdbStorage } = require(${JSON.stringify(resolve('dist/cjs/storage/lmdb/lmdb-storage.js'))})`

const REMAPPING = `${LOADED}
const { readFileSync } = require('node:fs')
// Allocated, whether resident or not: the system may take pages from an idle process.
function own() {
  gc()
  const allocated = /VmData:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))[1] * 1024
  return allocated - process.memoryUsage().heapTotal
}
async function main(dir) {
  const s = await LmdbStorage.open(dir)
  let index = 0
  const least = []
  for (let ten = 0; ten < ${TENS}; ten++) {
    least.push(Infinity)
    for (let round = 0; round < ${TEN}; round++) {
      // It needs pages that lie together, so LMDB reads the whole list.
      await s.write([{ op: 'record', log: 2, segment: 1, index: index++, bytes: new Uint8Array(20_000) }])
      for (let i = 1; i < ${RECORDS} && !s.maintenanceDue; i += 12) s.record(1, 1, i)
      if (!s.maintenanceDue) throw new Error('the file is not to be mapped anew')
      await s.maintain()
      least[ten] = Math.min(least[ten], own())
    }
  }
  await s.close()
  process.stdout.write(JSON.stringify(least))
}
main(process.argv[1])
`

/** With gaps: each record has a page of its own. */
async function fill(dir: string): Promise<void> {
  const s = await LmdbStorage.open(dir)
  const all = Array.from({ length: RECORDS }, (_, index) => ({ log: 1, segment: 1, index }))
  const bytes = new Uint8Array(2500)
  await s.write(all.map((at): StorageWrite => ({ op: 'record', ...at, bytes })))
  await s.write(
    all.filter((at) => at.index % 2 === 0).map((at): StorageWrite => ({ op: 'drop-record', ...at })),
  )
  await s.close()
}

/** Found by npm run torture -- endurance. Only Linux says what is mapped and what is a process's own. */
it.skipIf(process.platform !== 'linux')(
  'a store that is mapped anew leaves no list of free pages behind',
  async () => {
    const dir = testFolder('closing')
    await fill(dir)
    const steady = ['--expose-gc', '--single-threaded-gc', '--max-semi-space-size=1']
    const said = execFileSync(process.execPath, [...steady, '-e', REMAPPING, dir], {
      encoding: 'utf8',
      // Then each list has a mapping of its own, and no free memory of others to be in.
      env: { ...process.env, MALLOC_MMAP_THRESHOLD_: '32768', MALLOC_ARENA_MAX: '1' },
    })
    const least = JSON.parse(said) as number[]
    // The first rounds fill what is used again. 80 kB a round if no list is freed.
    const left = (least.at(-1) ?? 0) - (least[1] ?? 0)
    expect(left).toBeLessThan((TENS - 2) * TEN * 30_000)
  },
)

const USED = `${LOADED}
const { mkdirSync } = require('node:fs')
const { join } = require('node:path')
const put = (key) => [{ op: 'put', key, value: Buffer.from(key) }]
async function main(dir, what) {
  const s = await LmdbStorage.open(join(dir, what))
  for (const key of ['a', 'b', 'c']) await s.write(put(key))
  const bytes = new Uint8Array(3000)
  await s.write(Array.from({ length: 5000 }, (_, index) => ({ op: 'record', log: 1, segment: 1, index, bytes })))
  const said = []
  const copy = join(dir, 'copy')
  mkdirSync(copy)
  const snapshot = s.contents()
  snapshot.next()
  // The snapshot is not that of the newest commit then.
  for (const key of ['d', 'e']) await s.write(put(key))
  await new Promise(setImmediate)
  const copied = what === 'copied' ? s.copyTo(copy).then(() => said.push('copied')) : undefined
  await s.close()
  said.push('closed')
  await copied
  try { snapshot.next() } catch (error) { said.push(error.message) }
  snapshot.return()
  process.stdout.write(said.join(', '))
}
main(...process.argv.slice(1))
`

describe('a store that is closed while all of it is read', () => {
  it.each([
    ['copied', 'copied, closed, the store was closed while it was read'],
    ['dumped', 'closed, the store was closed while it was read'],
  ])('ends the reading first (%s)', (what, said) => {
    const given = ['-e', USED, testFolder('closing'), what]
    // What is freed is overwritten, so that who uses it ends.
    const env = { ...process.env, MALLOC_PERTURB_: '170' }
    expect(execFileSync(process.execPath, given, { encoding: 'utf8', env })).toBe(said)
  })
})
