/** A copy of a store whose other side has stopped, but keeps its connection, as a process after SIGSTOP does. */
import { Duplex } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { MemoryReplicaStore } from '../../src/cluster/memory-store.ts'
import { fetchContents, receiveContents, SILENCE_MS_MAX, sendContents } from '../../src/cluster/snapshot.ts'
import { WorldClock } from './world-clock.ts'

/** A connection of which one side does nothing. */
function connection(): Duplex {
  return new Duplex({ read: () => {}, write: () => {} })
}

/** The error of the copy, as far as it has one. */
function errorOf(copy: Promise<unknown>): () => string | undefined {
  let text: string | undefined
  copy.catch((error: Error) => {
    text = error.message
  })
  return () => text
}

describe('a copy', () => {
  it('fails when nothing has arrived for a while, also in the middle of a batch', async () => {
    const clock = new WorldClock()
    const from = connection()
    const error = errorOf(receiveContents(from, new MemoryReplicaStore(), clock))
    await clock.run(SILENCE_MS_MAX - 1)
    from.push(Buffer.from([9, 0, 0, 0, 1]))
    // The octets have been read before more time passes.
    clock.after(0, () => {})
    await clock.run(SILENCE_MS_MAX - 1)
    expect(error()).toBeUndefined()
    await clock.run(SILENCE_MS_MAX)
    expect(error()).toBe('the other node has stopped')
  })

  it('lets the store go when the other side takes nothing any more', async () => {
    const clock = new WorldClock()
    const store = new MemoryReplicaStore()
    await store.write([{ op: 'put', key: 'm:1', value: Buffer.alloc(5_000_000) }])
    let released = 0
    const contents = store.contents()
    store.contents = () => Object.assign(contents, { return: () => ({ done: true, value: ++released }) })
    const error = errorOf(sendContents(store, connection(), clock))
    await clock.run(SILENCE_MS_MAX - 1)
    expect([error(), released]).toEqual([undefined, 0])
    await clock.run(SILENCE_MS_MAX)
    expect(error()).toBe('the other node has stopped')
    expect(released).toBeGreaterThan(0)
  })

  it('ends when the node is stopped, even while it was connecting', async () => {
    const clock = new WorldClock()
    const abort = new AbortController()
    const from = connection()
    let connected: (from: Duplex) => void = () => {}
    const connecting = new Promise<Duplex>((resolve) => {
      connected = resolve
    })
    const error = errorOf(fetchContents(connecting, new MemoryReplicaStore(), clock, abort.signal))
    abort.abort()
    connected(from)
    clock.after(1, () => {})
    await clock.run(1)
    expect([error(), from.destroyed]).toEqual(['the connection has ended early', true])
  })
})
