/** What of the log goes: that which all nodes have on their disks; of what an absent one would need, not more than fits. */
import { describe, expect, it } from 'vitest'
import type { LogBounds } from '../../src/cluster/engine.ts'
import type { Member } from '../../src/cluster/member.ts'
import { Trimming } from '../../src/cluster/trimming.ts'
import { silent } from '../../src/util/logger.ts'
import { ManualClock } from '../support/manual-clock.ts'

const LOG_BYTES_MAX = 1000

interface Seen {
  readonly node: string
  /** The last record that it does not need any more. */
  readonly sequence: number
  readonly state?: string
}

interface Situation {
  /** The nodes that are heard, this one aside. */
  readonly heard: readonly Seen[]
  /** Those that are remembered and not heard; the place is unknown where this node has never heard it. */
  readonly away?: readonly (Seen | { readonly node: string })[]
  readonly own?: number
  readonly bytes?: number
  /** The log that this node follows, if the servers have another one. */
  readonly log?: string
  readonly state?: string
}

const bounds = { first: 1, last: 10_000, identity: 'i', leader: '', replicas: [] }

/** Below which record the log is removed at the next look, if it is; and what is said. */
async function trimmed(s: Situation): Promise<{ below: number | undefined; said: string[] }> {
  const clock = new ManualClock()
  const said: string[] = []
  let below: number | undefined
  const nodes = [...s.heard, ...(s.away ?? [])].map((n) => ({
    key: `cluster-node:${n.node}`,
    value: Buffer.from('host'),
  }))
  const beat = (n: Seen): object => ({ state: 'standby', host: 'host', ...n })
  const member = {
    state: s.state ?? 'serving',
    session: { log: s.log ?? bounds.identity, store: { scan: () => nodes } },
    heartbeat: beat({ node: 'own', sequence: s.own ?? 9000, state: 'serving' }),
    roles: {
      heardNow: () => s.heard.map(beat),
      others: new Map(
        (s.away ?? []).flatMap((n) => ('sequence' in n ? [[n.node, { heartbeat: beat(n), at: 0 }]] : [])),
      ),
    },
  } as unknown as Member
  const engine = {
    bounds: async (): Promise<LogBounds> => ({ ...bounds, bytes: s.bytes ?? 10 }),
    purge: async (n: number) => {
      below = n
    },
  }
  const logger = { ...silent, warn: (_: object, text: string) => void said.push(text) }
  const trimming = new Trimming({
    member,
    engine: engine as never,
    clock,
    logger: logger as typeof silent,
    logBytesMax: LOG_BYTES_MAX,
    commit: () => ({ put: () => {} }) as never,
  })
  trimming.start()
  clock.pass(1000)
  await new Promise((resolve) => setImmediate(resolve))
  trimming.stop()
  return { below, said }
}

describe('the log is removed', () => {
  it('up to what every node has on its disk, its own among them', async () => {
    const heard = [
      { node: 'b', sequence: 5000 },
      { node: 'c', sequence: 7000 },
    ]
    expect(await trimmed({ heard })).toEqual({ below: 5001, said: [] })
    expect((await trimmed({ heard, own: 3000 })).below).toBe(3001)
  })

  it('not for a few records', async () => {
    expect((await trimmed({ heard: [{ node: 'b', sequence: 150 }] })).below).toBeUndefined()
    expect((await trimmed({ heard: [{ node: 'b', sequence: 250 }] })).below).toBe(251)
  })

  it('not by a node that is no active one', async () => {
    const heard = [{ node: 'b', sequence: 5000 }]
    for (const state of ['standby', 'fenced', 'opening'])
      expect([state, (await trimmed({ heard, state })).below]).toEqual([state, undefined])
  })

  it('not by a node that follows another one, whose places mean something else', async () => {
    const heard = [{ node: 'b', sequence: 5000 }]
    expect((await trimmed({ heard, log: 'the former one' })).below).toBeUndefined()
  })

  it('not beyond what a node that is away needs, or could need', async () => {
    const heard = [{ node: 'b', sequence: 5000 }]
    expect((await trimmed({ heard, away: [{ node: 'c', sequence: 2000 }] })).below).toBe(2001)
    expect((await trimmed({ heard, away: [{ node: 'c' }] })).below).toBeUndefined()
  })

  it('beyond that, where the log is longer than it may be: such a node copies the data, which is said', async () => {
    const heard = [
      { node: 'b', sequence: 5000 },
      { node: 'd', sequence: 0, state: 'joining' },
    ]
    const away = [{ node: 'c', sequence: 2000 }]
    const said = ['the log is too long for a node that is away: it will have to copy the data of another one']
    expect(await trimmed({ heard, away, bytes: LOG_BYTES_MAX + 1 })).toEqual({ below: 5001, said })
    expect((await trimmed({ heard, away, bytes: LOG_BYTES_MAX })).below).toBeUndefined()
  })
})
