/** A node meets records of the log that it cannot read. */
import { afterEach, describe, expect, it } from 'vitest'
import { MemoryEngine, MemoryEngineHub } from '../../src/cluster/memory-engine.ts'
import { encodeBatch, encodeBeat, encodeOwn } from '../../src/cluster/record.ts'
import type { Session } from '../../src/cluster/session.ts'
import { BatchEncoder } from '../../src/storage/log/batch-codec.ts'
import { seal } from '../../src/storage/log/commit-log.ts'
import type { StorageError } from '../../src/storage/storage.ts'
import { systemClock } from '../../src/util/clock.ts'
import { startSession } from './memory-session.ts'

const SEAL_BYTES = 4
const EPOCH = 1

const batch = (): Buffer => Buffer.from(new BatchEncoder().encode(EPOCH, 1, []))

/** The same octets, with another version in the first of them. */
function versioned(bytes: Buffer, version: number): Buffer {
  bytes[0] = version
  seal(bytes)
  return bytes
}

let session: Session | undefined
afterEach(async () => {
  await session?.close()
})

/** Why a session ends that reads these records after the first takeover. */
async function failure(...records: Buffer[]): Promise<StorageError> {
  const engine = new MemoryEngine(new MemoryEngineHub(systemClock), 'a')
  await engine.append(encodeOwn({ epoch: 0, number: 0, node: 'b', run: 'r', by: 'b' }))
  for (const r of records) await engine.append(r)
  return new Promise((failed) => {
    session = startSession(engine, systemClock, { failed })
  })
}

it('a log that has replaced the one that a node joined is not read on, however late reading begins', async () => {
  const hub = new MemoryEngineHub(systemClock)
  const engine = new MemoryEngine(hub, 'a')
  hub.forget()
  await engine.append(encodeOwn({ epoch: 0, number: 0, node: 'b', run: 'r', by: 'b' }))
  const read: unknown[] = []
  await new Promise<void>((gone) => {
    session = startSession(engine, systemClock, { gone, read: (reading) => void read.push(reading) })
  })
  expect(read).toEqual([])
})

describe('a record of the log', () => {
  it('of a newer release ends the node, which is to be upgraded', async () => {
    const { code, message } = await failure(encodeBeat(EPOCH, 1), versioned(encodeBeat(EPOCH, 2), 7))
    expect(code).toBe('VERSION')
    expect(message).toMatch(/^record 3 .*of a newer release: its version is 7.*Upgrade this node$/)
  })

  it('whose batch is of a newer release ends it likewise', async () => {
    const [record] = encodeBatch(EPOCH, 1, versioned(batch(), 7)) as [Buffer]
    const { code, message } = await failure(record)
    expect(code).toBe('VERSION')
    expect(message).toMatch(/^record 2 .*of a newer release: its version is 7.*Upgrade this node$/)
  })

  it('that is damaged is called so', async () => {
    const damaged = encodeBeat(EPOCH, 1)
    damaged[damaged.length - SEAL_BYTES] = (damaged.at(-SEAL_BYTES) as number) ^ 1
    const { code, message } = await failure(damaged)
    expect(code).toBe('DAMAGED')
    expect(message).toContain('its checksum is wrong')
  })
})
