import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { GarbageBound } from '../../src/util/process-memory.ts'

const MB = 1024 * 1024

describe('the garbage of a heap', () => {
  it('is bound once the heap is large, and no more when it is small again', () => {
    let used = 20 * MB
    const set: number[] = []
    const bound = new GarbageBound(
      () => used,
      (percent) => set.push(percent),
    )
    for (const size of [20, 40, 50, 200, 30, 50, 20, 40]) {
      used = size * MB
      bound.look()
    }
    expect(set).toEqual([40, 0])
  })

  it('is bound by an option that V8 has', () => {
    expect(execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8' })).toContain(
      '--heap-growing-percent',
    )
  })
})
