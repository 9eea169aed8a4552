/** A broker that listens, on the store that a test gives it. */
import { onTestFinished } from 'vitest'
import { Broker } from '../../src/broker/broker.ts'
import type { Server } from '../../src/connection/server.ts'
import { GroupCommit } from '../../src/storage/batch.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import { systemClock } from '../../src/util/clock.ts'
import { serverOf } from './server.ts'

export interface ServedBroker {
  readonly broker: Broker
  readonly commit: GroupCommit
  readonly server: Server
  readonly url: string
}

/** Ends with the test. */
export async function servedBroker(
  storage = new MemoryStorage({ keeps: true }),
  messageMemoryBytes = 2 ** 24,
): Promise<ServedBroker> {
  const commit = new GroupCommit(storage, systemClock)
  const broker = new Broker(storage, commit, systemClock, { messageMemoryBytes })
  const { server, listeners } = serverOf(broker)
  broker.load()
  await commit.flush()
  const url = `amqp://guest:guest@127.0.0.1:${await listeners.listen(0, '127.0.0.1')}`
  onTestFinished(async () => {
    const closed = listeners.close()
    await server.close()
    await closed
  })
  return { broker, commit, server, url }
}
