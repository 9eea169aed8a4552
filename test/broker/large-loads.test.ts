/** Messages that fill a segment each and wait on disk: whoever goes through them looks at the time behind each. */
import { describe, expect, it } from 'vitest'
import { Broker } from '../../src/broker/broker.ts'
import { encodeContent } from '../../src/broker/content.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import type { Consumer } from '../../src/broker/queue/consumers.ts'
import { classic } from '../../src/broker/queue/kinds/kinds.ts'
import type { Vhost } from '../../src/broker/vhost.ts'
import { QUEUES_SERVED_MS_MORE, TURN_MS } from '../../src/limits.ts'
import { setPolicy } from '../../src/operations/policies.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { GroupCommit } from '../../src/storage/batch.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import { ManualClock } from '../support/manual-clock.ts'

const COUNT = 300
/** A tenth of a turn. */
const LOAD_MS = TURN_MS / 10
const LOADS_PER_TURN = (TURN_MS + QUEUES_SERVED_MS_MORE) / LOAD_MS + 3

/** Turns of the event loop, one by one. */
class TurnClock extends ManualClock {
  spent = 0
  private next: (() => void)[] = []

  override elapsed(): number {
    return super.elapsed() + this.spent
  }

  override defer(action: () => void): void {
    this.next.push(action)
  }

  override runDeferred(): void {}

  /** False where there is nothing to do. */
  turn(): boolean {
    const actions = this.next
    this.next = []
    for (const action of actions) action()
    return actions.length > 0
  }
}

/** A queue with messages on disk, each of which takes a while to read; and how many are read in each turn. */
async function paged(ttl?: number) {
  const clock = new TurnClock()
  const storage = new MemoryStorage({ keeps: true })
  const commit = new GroupCommit(storage, clock)
  const broker = new Broker(storage, commit, clock, { messageMemoryBytes: 1 })
  broker.load()
  const vhost = broker.vhosts.get('/') as Vhost
  const info = { name: 'q', durable: true, exclusive: false, autoDelete: false, kind: classic }
  const queue = broker.createQueue(vhost, { ...info, arguments: FieldTable.from({}) }, undefined)
  for (let i = 0; i < COUNT; i++) {
    const m = new InboundMessage()
    const expiration = ttl === undefined ? {} : { expiration: String(ttl) }
    encodeContent('', 'q', { deliveryMode: 2, ...expiration }, Buffer.alloc(300_000), m)
    if (ttl !== undefined) m.ttl = ttl
    queue.publish(m)
  }
  for (let i = 0; i < 4; i++) {
    while (clock.turn());
    await commit.flush()
  }
  let loads = 0
  const records = storage.records.bind(storage)
  storage.records = (log, segment) => {
    loads++
    clock.spent += LOAD_MS
    return records(log, segment)
  }
  const loadsOfTurns = async (): Promise<number[]> => {
    const all: number[] = []
    for (let more = true; more || loads > 0; ) {
      more = clock.turn()
      all.push(loads)
      loads = 0
      await commit.flush()
    }
    return all
  }
  return { clock, broker, vhost, queue, loadsOfTurns }
}

function sum(all: readonly number[]): number {
  return all.reduce((n, one) => n + one, 0)
}

/** As hundreds of them are that do not take more than one message at a time. */
function taker(got: { count: number }): Consumer {
  return {
    tag: 't',
    noAck: true,
    exclusive: false,
    priority: 0,
    arguments: FieldTable.from({}),
    resting: false,
    unacked: 0,
    hasCredit: () => true,
    deliver: () => void got.count++,
    settingsChanged: () => {},
    cancelled: () => {},
  }
}

describe('large messages on disk', () => {
  it('are dropped in several turns where a policy sets a shorter length', async () => {
    const { broker, vhost, queue, loadsOfTurns } = await paged()
    void setPolicy(broker, vhost, { name: 'p', pattern: '', definition: { 'max-length': 1 } }, false)
    const loads = await loadsOfTurns()
    expect(queue.counts.ready).toBe(1)
    expect(sum(loads)).toBeGreaterThan(COUNT / 2)
    expect(Math.max(...loads)).toBeLessThanOrEqual(LOADS_PER_TURN)
  })

  it('are dropped in several turns where they expire', async () => {
    const { clock, queue, loadsOfTurns } = await paged(1000)
    clock.pass(2000)
    const loads = await loadsOfTurns()
    expect(queue.counts.ready).toBe(0)
    expect(sum(loads)).toBeGreaterThan(COUNT / 2)
    expect(Math.max(...loads)).toBeLessThanOrEqual(LOADS_PER_TURN)
  })

  it('go to consumers in several turns', async () => {
    const { queue, loadsOfTurns } = await paged()
    const got = { count: 0 }
    queue.consume(taker(got))
    const loads = await loadsOfTurns()
    expect(got.count).toBe(COUNT)
    expect(sum(loads)).toBeGreaterThan(COUNT / 2)
    expect(Math.max(...loads)).toBeLessThanOrEqual(LOADS_PER_TURN)
  })
})
