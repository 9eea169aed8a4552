/** How a node comes to a store, where the servers of the log do not tell the truth for a while. */
import { describe, expect, it } from 'vitest'
import type { Engine, LogBounds } from '../../src/cluster/engine.ts'
import { Joining } from '../../src/cluster/join.ts'
import { memoryStores } from '../../src/cluster/memory-store.ts'
import { systemClock } from '../../src/util/clock.ts'
import type { Logger } from '../../src/util/logger.ts'

describe('a node whose log seems to begin too late', () => {
  it('goes on with its own store when the log has it after all, though no other node can be heard', async () => {
    let asked = 0
    const bounds = async (): Promise<LogBounds> => {
      asked++
      return { first: asked < 4 ? 2045 : 1, last: 2044, bytes: 0, identity: 'log', leader: 'n', replicas: [] }
    }
    const lines: string[] = []
    const problems: (string | undefined)[] = []
    const joining = new Joining({
      engine: { bounds } as unknown as Engine,
      clock: systemClock,
      stores: memoryStores(),
      logger: { warn: (_: object, text: string) => lines.push(text) } as unknown as Logger,
      copy: () => Promise.reject(new Error('there is nobody')),
      sources: () => [],
      problem: (text) => problems.push(text),
    })
    const joined = await joining.join()
    expect(joined?.place.sequence).toBe(0)
    expect(asked).toBe(4)
    expect(problems).toContain('no other node can be heard whose data could be copied')
    // Said once, not at every look.
    expect(lines).toEqual(['copying the data of another node'])
  })
})
