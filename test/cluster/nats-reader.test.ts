/** The reader of a stream in which a record is missing. */
import type { Msg, NatsConnection } from '@nats-io/transport-node'
import { describe, expect, it } from 'vitest'
import { NatsReader } from '../../src/cluster/nats-reader.ts'
import { ManualClock } from '../support/manual-clock.ts'

const NEXT = 5

class Stream {
  readonly clock = new ManualClock()
  readonly read: number[] = []
  readonly missing: number[] = []
  /** How often it was told that the log cannot be read from there. */
  gone = 0
  consumers = 0
  last: number
  /** Identities of the log, one for each time it is asked for; the last one remains. */
  identities = ['x']
  private callback: (error: null, message: Msg) => void = () => {}

  constructor(last = 9, log?: string, identities = ['x']) {
    this.last = last
    this.identities = identities
    const connection = {
      subscribe: (_: string, { callback }: { callback: (error: null, message: Msg) => void }) => {
        this.callback = callback
        return { isClosed: () => false, unsubscribe: () => {} }
      },
    }
    new NatsReader(NEXT, {
      log,
      connection: connection as unknown as NatsConnection,
      clock: this.clock,
      newName: () => 'c',
      inbox: () => 'i',
      make: async () => void this.consumers++,
      remove: () => {},
      bounds: async () => {
        const identity = (this.identities.length > 1 ? this.identities.shift() : this.identities[0]) as string
        return { first: 1, last: this.last, bytes: 1, identity, leader: '', replicas: [] }
      },
      listener: {
        record: (sequence) => this.read.push(sequence),
        gone: () => void this.gone++,
        missing: (sequence) => this.missing.push(sequence),
      },
    })
  }

  /** The current consumer delivers these records. */
  async deliver(...sequences: number[]): Promise<void> {
    await this.settled()
    this.deliverNow(...sequences)
    await this.settled()
  }

  deliverNow(...sequences: number[]): void {
    for (const s of sequences)
      this.callback(null, { reply: `$JS.ACK.s.c.1.${s}.1.0.0`, data: new Uint8Array() } as unknown as Msg)
  }

  async settled(): Promise<void> {
    for (let i = 0; i < 20; i++) await Promise.resolve()
  }
}

describe('a record that is not there', () => {
  it('is asked for, not too often, and reported after a while', async () => {
    const s = new Stream()
    await s.deliver(NEXT + 1)
    for (let ms = 0; ms < 299_000; ms += 1000) {
      s.clock.pass(1000)
      await s.deliver(NEXT + 1, NEXT + 2)
    }
    expect([s.read, s.missing]).toEqual([[], []])
    expect(s.consumers).toBeGreaterThan(200)
    expect(s.consumers).toBeLessThan(400)
    s.clock.pass(2000)
    await s.deliver(NEXT + 1)
    expect(s.missing).toEqual([NEXT])
    const { consumers } = s
    s.clock.pass(60_000)
    await s.settled()
    expect(s.consumers).toBe(consumers)
  })

  it('may come after all, and then another one has its own time', async () => {
    const s = new Stream()
    await s.deliver(NEXT + 1)
    s.clock.pass(20_000)
    await s.deliver(NEXT, NEXT + 1, NEXT + 3)
    s.clock.pass(20_000)
    await s.deliver(NEXT + 2, NEXT + 3)
    expect(s.read).toEqual([NEXT, NEXT + 1, NEXT + 2, NEXT + 3])
    expect(s.missing).toEqual([])
  })
})

describe('a log that ends before what was read', () => {
  it('is not read on: what comes next takes the places of other records', async () => {
    const s = new Stream(NEXT - 2)
    for (let ms = 0; ms < 9000; ms += 1000) {
      await s.settled()
      s.clock.pass(1000)
    }
    expect([s.consumers, s.gone]).toEqual([0, 0])
    for (let ms = 0; ms < 3000; ms += 1000) {
      await s.settled()
      s.clock.pass(1000)
    }
    await s.settled()
    expect([s.consumers, s.gone]).toEqual([0, 1])
  })

  it('is read on when it only seemed to do so', async () => {
    const s = new Stream(NEXT - 2)
    await s.settled()
    s.last = NEXT
    s.clock.pass(1000)
    await s.deliver(NEXT)
    expect([s.read, s.consumers, s.gone]).toEqual([[NEXT], 1, 0])
  })
})

describe('a log that has replaced the one that was read', () => {
  it('before the reader has begun is not read on', async () => {
    const s = new Stream(9, 'x', ['y'])
    await s.deliver(NEXT)
    expect([s.read, s.consumers, s.gone]).toEqual([[], 0, 1])
  })

  it('while its consumer was made is not read on', async () => {
    const s = new Stream(9, 'x', ['x', 'y'])
    await s.deliver(NEXT)
    expect([s.read, s.consumers, s.gone]).toEqual([[], 1, 1])
  })

  it('is only asked for, and what arrives meanwhile is read in order', async () => {
    const s = new Stream(9, 'x')
    // The consumer has not been answered yet.
    while (s.consumers === 0) await Promise.resolve()
    s.deliverNow(NEXT, NEXT + 1)
    expect(s.read).toEqual([])
    await s.deliver(NEXT + 2)
    expect([s.read, s.gone]).toEqual([[NEXT, NEXT + 1, NEXT + 2], 0])
  })
})
