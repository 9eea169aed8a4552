/** The list of nodes that the cluster knows is part of its data: what is forgotten is so when that is durable. */
import { describe, expect, it } from 'vitest'
import type { Member } from '../../src/cluster/member.ts'
import { Trimming } from '../../src/cluster/trimming.ts'
import { Abandoned, GroupCommit } from '../../src/storage/batch.ts'
import type { Storage, StorageWrite } from '../../src/storage/storage.ts'
import { silent } from '../../src/util/logger.ts'
import { ManualClock } from '../support/manual-clock.ts'

interface Begun {
  readonly keys: string[]
  readonly done: () => void
}

class Target {
  readonly writes: Begun[] = []
  readonly commit: GroupCommit
  readonly trimming: Trimming

  constructor() {
    const clock = new ManualClock()
    const storage = {
      keeps: true,
      write: (batch: readonly StorageWrite[]) =>
        new Promise<void>((done) => {
          this.writes.push({ keys: batch.map((w) => `${w.op} ${'key' in w ? w.key : ''}`), done })
        }),
    } as unknown as Storage
    this.commit = new GroupCommit(storage, clock)
    const stored = ['a', 'b'].map((n) => ({ key: `cluster-node:${n}`, value: Buffer.from('host') }))
    const member = {
      state: 'serving',
      session: { store: { scan: () => stored } },
      heartbeat: { node: 'a', host: 'host' },
      roles: { heardNow: () => [], forget: () => {}, others: new Map() },
    } as unknown as Member
    this.trimming = new Trimming({
      member,
      engine: {} as never,
      clock,
      logger: silent,
      logBytesMax: 1,
      commit: () => this.commit,
    })
  }
}

describe('a node', () => {
  it('is forgotten when that is durable, not before', async () => {
    const { trimming, writes } = new Target()
    const order: string[] = []
    const forgotten = trimming.forget('b').then(() => order.push('forgotten'))
    expect(writes.map((w) => w.keys)).toEqual([['delete cluster-node:b']])
    // Whatever does not wait for the write is over by then.
    await new Promise((resolve) => setImmediate(resolve))
    order.push('durable')
    writes[0]?.done()
    await forgotten
    expect(order).toEqual(['durable', 'forgotten'])
    expect(trimming.known.map((k) => k.node)).toEqual(['a'])
  })

  it('of which nobody knows whether it is forgotten is not reported as such', async () => {
    const { trimming, commit, writes } = new Target()
    const forgotten = trimming.forget('b').catch((error: unknown) => error)
    const abandoned = commit.abandon()
    expect(await forgotten).toBeInstanceOf(Abandoned)
    writes[0]?.done()
    await abandoned
  })

  it('that is not known, or runs, is refused', async () => {
    const { trimming } = new Target()
    await expect(trimming.forget('c')).rejects.toThrow('there is no node c')
    await expect(trimming.forget('a')).rejects.toThrow('node a is running: stop it first')
  })
})
