/** The young generation of a broker's heap, in a process of its own: that of the tests is large already. */
import { execFileSync } from 'node:child_process'
import { resolve } from 'node:path'
import { expect, it } from 'vitest'

const PROGRAM = `
const { keepYoungHeap } = require(${JSON.stringify(resolve('dist/cjs/util/process-memory.js'))})
const { Worker } = require('node:worker_threads')
const { getHeapSpaceStatistics } = require('node:v8')
keepYoungHeap()
const kept = []
function young() {
  for (let i = 0; i < 400_000; i++) kept.push({ i })
  return getHeapSpaceStatistics().find((s) => s.space_name === 'new_space').space_size
}
const before = young()
const worker = new Worker('', { eval: true })
worker.once('exit', () => process.stdout.write(JSON.stringify([before, young()])))
`

it('stays small, also once another thread has been started', () => {
  const [before, after] = JSON.parse(
    execFileSync(process.execPath, ['-e', PROGRAM], { encoding: 'utf8' }),
  ) as number[]
  // Without a bound it would have 32 MiB by then. It may grow once before the other thread says that it runs.
  expect(before).toBeLessThan(16 * 1024 * 1024)
  expect(after).toBeLessThan(16 * 1024 * 1024)
})
