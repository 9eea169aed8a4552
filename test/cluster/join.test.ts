/** How a node comes to a store, where the servers of the log do not tell the truth for a while. */
import { describe, expect, it } from 'vitest'
import type { Engine, LogBounds } from '../../src/cluster/engine.ts'
import type { Heartbeat } from '../../src/cluster/heartbeat.ts'
import { Joining } from '../../src/cluster/join.ts'
import { memoryStores } from '../../src/cluster/memory-store.ts'
import { systemClock } from '../../src/util/clock.ts'
import { type Logger, silent } from '../../src/util/logger.ts'

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

describe('a node that needs a copy', () => {
  it('takes it from another node if the one that has the most cannot be reached', async () => {
    const bounds = async (): Promise<LogBounds> => ({
      first: 100,
      last: 200,
      bytes: 0,
      identity: 'log',
      leader: 'n',
      replicas: [],
    })
    const asked: string[] = []
    const joining = new Joining({
      engine: { bounds } as unknown as Engine,
      clock: systemClock,
      stores: memoryStores(),
      logger: silent,
      copy: async ({ node }, into) => {
        asked.push(node)
        // One that is left alone must not wait for ever.
        if (asked.length > 9) joining.stop()
        if (node !== 'c') throw new Error('cannot be reached')
        const place = { position: 7, sequence: 150, epoch: 1, owner: 'b', log: 'log' }
        await into.write([{ op: 'put', key: 'applied', value: Buffer.from(JSON.stringify(place)) }])
      },
      sources: () =>
        [
          { node: 'b', state: 'standby', flushed: 9, applied: 9 },
          { node: 'c', state: 'serving', flushed: 7, applied: 9 },
        ] as Heartbeat[],
      problem: () => {},
    })
    const joined = await joining.join()
    expect([joined?.place.sequence, asked]).toEqual([150, ['b', 'c']])
  })
})

describe('a node that has read further than the log goes', () => {
  it('waits and says so: the servers have an older copy, whose next records are not those that it expects', async () => {
    let identity = 'log'
    const bounds = async (): Promise<LogBounds> => ({
      first: 1,
      last: 149,
      bytes: 0,
      identity,
      leader: 'n',
      replicas: [],
    })
    const stores = memoryStores()
    const place = { position: 7, sequence: 150, epoch: 1, owner: 'b', log: 'log' }
    const value = Buffer.from(JSON.stringify(place))
    await (await stores.open()).write([{ op: 'put', key: 'applied', value }])
    const problems: (string | undefined)[] = []
    const joining = new Joining({
      engine: { bounds } as unknown as Engine,
      clock: systemClock,
      stores,
      logger: silent,
      copy: () => Promise.reject(new Error('there is nobody')),
      sources: () => [],
      problem: (text) => {
        problems.push(text)
        // Somebody deletes the stream, and it is made anew.
        if (text?.startsWith('the log ends at record 149') === true) identity = 'another'
      },
    })
    const joined = await joining.join()
    expect(joined).toMatchObject({ log: 'another', place: { sequence: 0, number: 7 } })
    expect(problems.at(-1)).toBeUndefined()
  })
})
