/** A session of a node whose store and log are in memory. */
import type { MemoryEngine } from '../../src/cluster/memory-engine.ts'
import { MemoryReplicaStore } from '../../src/cluster/memory-store.ts'
import { startOfStore } from '../../src/cluster/replica-store.ts'
import { Session } from '../../src/cluster/session.ts'
import type { Clock } from '../../src/util/clock.ts'

type Listener = ConstructorParameters<typeof Session>[0]['listener']

export function startSession(
  engine: MemoryEngine,
  clock: Clock,
  listener: Partial<Listener> = {},
  store = new MemoryReplicaStore(),
): Session {
  const session = new Session({
    store,
    engine,
    clock,
    place: startOfStore,
    log: 'memory-1',
    renewed: () => {},
    listener: { read: () => {}, gone: () => {}, failed: () => {}, ...listener },
  })
  session.start()
  return session
}
