/** A node that is deposed while its session goes on reading: what others write meanwhile is not in its store. */
import { describe, expect, it } from 'vitest'
import type { Reading } from '../../src/cluster/ledger.ts'
import { MemoryEngine, MemoryEngineHub } from '../../src/cluster/memory-engine.ts'
import { MemoryReplicaStore } from '../../src/cluster/memory-store.ts'
import { encodeBatch, encodeOwn } from '../../src/cluster/record.ts'
import { storedPlace } from '../../src/cluster/replica-store.ts'
import type { Session } from '../../src/cluster/session.ts'
import { BatchEncoder } from '../../src/storage/log/batch-codec.ts'
import { SPILL_LOGS_FROM, type StorageWrite } from '../../src/storage/storage.ts'
import { startSession } from './memory-session.ts'
import { WorldClock } from './world-clock.ts'

const batchOf = (epoch: number, number: number, key: string): Buffer => {
  const write: StorageWrite = { op: 'put', key, value: Buffer.from(key) }
  const [record] = encodeBatch(epoch, number, new BatchEncoder().encode(epoch, number, [write]))
  return record as Buffer
}

/** A broker that opens writes this although it has nothing to say: spill logs do not outlive a process. */
const dropSpill: StorageWrite[] = [{ op: 'drop-logs', from: SPILL_LOGS_FROM }]

function sessionOf(store: MemoryReplicaStore, engine: MemoryEngine, clock: WorldClock): Session {
  const listener = {
    read: (reading: Reading): void => {
      if (reading.what === 'owner' && reading.node === 'b') session.endWriting()
    },
    failed: (error: Error): void => {
      throw error
    },
  }
  const session = startSession(engine, clock, listener, store)
  return session
}

describe('a store whose node was deposed', () => {
  it.each([
    ['after its broker had opened', true],
    ['while its broker was opening', false],
  ])('%s does not count batches of the next active node as its own', async (_, opened) => {
    const clock = new WorldClock()
    const engine = new MemoryEngine(new MemoryEngineHub(clock), 'a')
    const store = new MemoryReplicaStore()
    const session = sessionOf(store, engine, clock)
    const append = (bytes: Uint8Array): void => void engine.append(bytes).catch(() => {})
    append(encodeOwn({ epoch: 0, number: 0, node: 'a', run: 'r', by: 'a' }))
    await clock.run(10)
    const opening = session.openStorage(1)
    const storage = opened ? await opening : undefined
    append(encodeOwn({ epoch: 1, number: 0, node: 'b', run: 'r', by: 'b' }))
    append(batchOf(2, 1, 'confirmed'))
    await clock.run(10)
    expect(session.ledger.number).toBe(1)
    await (storage ?? (await opening)).write(dropSpill)
    await clock.run(1000)
    await session.close()
    const { number } = storedPlace(store)
    const keys = [...store.scan('confirmed')].map(({ key }) => key)
    expect([number, keys]).toEqual([0, []])
  })
})
