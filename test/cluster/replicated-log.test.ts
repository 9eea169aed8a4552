/** The replicated log over an engine in memory, and the engine itself. */
import { describe, expect, it } from 'vitest'
import { MemoryEngine, MemoryEngineHub } from '../../src/cluster/memory-engine.ts'
import { systemClock } from '../../src/util/clock.ts'
import { commitLogContract } from '../storage/log/contract.ts'
import { engineContract } from './engine-contract.ts'
import { logUnderTest } from './opened-log.ts'

commitLogContract('replicated, in memory', () => {
  const hub = new MemoryEngineHub(systemClock)
  return logUnderTest(() => new MemoryEngine(hub, 'a'))
})

engineContract('in memory', async () => {
  const hub = new MemoryEngineHub(systemClock)
  return { open: async () => new MemoryEngine(hub, 'a') }
})

describe('engine in memory', () => {
  it('a node that is cut off neither appends nor reads', async () => {
    let cut = false
    const hub = new MemoryEngineHub(systemClock, { cut: (n) => cut && n === 'a' })
    const a = new MemoryEngine(hub, 'a')
    const seen: number[] = []
    a.read(1, { record: (s) => seen.push(s), gone: () => {} })
    cut = true
    await expect(a.append(Buffer.from('x'))).rejects.toMatchObject({ code: 'AWAY' })
    await expect(a.bounds()).rejects.toMatchObject({ code: 'AWAY' })
    await new MemoryEngine(hub, 'b').append(Buffer.from('y'))
    expect(seen).toEqual([])
  })
})
