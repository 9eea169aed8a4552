/** From where a node needs the log: what its store has refused is not on its disk. */
import { expect, it } from 'vitest'
import { MemoryEngine, MemoryEngineHub } from '../../src/cluster/memory-engine.ts'
import { MemoryReplicaStore } from '../../src/cluster/memory-store.ts'
import { encodeBeat, encodeOwn } from '../../src/cluster/record.ts'
import { storedPlace } from '../../src/cluster/replica-store.ts'
import { StorageError } from '../../src/storage/storage.ts'
import { startSession } from './memory-session.ts'
import { WorldClock } from './world-clock.ts'

it('an active node whose store refuses writes does not let the log be removed beyond what the store has', async () => {
  const clock = new WorldClock()
  const engine = new MemoryEngine(new MemoryEngineHub(clock), 'a')
  const store = new MemoryReplicaStore()
  const session = startSession(engine, clock, {}, store)
  const append = (bytes: Uint8Array): void => void engine.append(bytes).catch(() => {})
  append(encodeOwn({ epoch: 0, number: 0, node: 'a', run: 'r', by: 'a' }))
  await clock.run(10)
  const storage = await session.openStorage(1)
  const written = storage.write([{ op: 'put', key: 'k', value: Buffer.from('v') }])
  await clock.run(1000)
  await written
  const { sequence } = storedPlace(store)
  expect(session.flushed.sequence).toBe(sequence)
  for (let i = 0; i < 5; i++) append(encodeBeat(1, i))
  await clock.run(10)
  const write = store.write.bind(store)
  store.write = () => Promise.reject(new StorageError('FULL', 'no space'))
  storage.touch()
  await clock.run(1200)
  expect([storedPlace(store).sequence, session.flushed.sequence]).toEqual([sequence, sequence])
  store.write = write
  await clock.run(1200)
  expect([storedPlace(store).sequence, session.flushed.sequence]).toEqual([sequence + 5, sequence + 5])
  await session.close()
})
