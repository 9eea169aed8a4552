/** A store in memory of which reads can fail, as for want of memory, and brokers that are started on it. */
import { Broker } from '../../src/broker/broker.ts'
import { encodeContent } from '../../src/broker/content.ts'
import { Failures } from '../../src/broker/failures.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import { type QueueKind, queueKind } from '../../src/broker/queue/kinds/kinds.ts'
import type { Queue } from '../../src/broker/queue/queue.ts'
import type { Vhost } from '../../src/broker/vhost.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { GroupCommit } from '../../src/storage/batch.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import { ManualClock } from './manual-clock.ts'

export class FailingReads extends MemoryStorage {
  /** So many reads fail, */
  failures = 0
  /** after so many that succeed. */
  before = 0

  constructor() {
    super({ keeps: true })
  }

  override *records(log: number, segment: number): ReturnType<MemoryStorage['records']> {
    if (this.failures > 0 && this.before-- <= 0) {
      this.failures--
      throw new RangeError('Array buffer allocation failed')
    }
    yield* super.records(log, segment)
  }
}

/** A broker that keeps as few messages in memory as possible. */
export function startOn(storage: FailingReads, clock: ManualClock): { broker: Broker; vhost: Vhost } {
  const failures = new Failures(clock, () => {})
  const commit = new GroupCommit(storage, clock)
  const broker = new Broker(storage, commit, clock, { messageMemoryBytes: 1, failures })
  broker.load()
  return { broker, vhost: broker.vhosts.get('/') as Vhost }
}

/**
 * A broker with a queue of that many messages, all of them on disk alone; the first octet of each is its number. If the
 * queue has priorities, each message has a lower one than that before it.
 */
export async function restarted(
  kind: string,
  count: number,
  { args = FieldTable.empty, headers = FieldTable.empty } = {},
) {
  const clock = new ManualClock()
  const storage = new FailingReads()
  const first = startOn(storage, clock)
  const info = { name: 'q', durable: true, exclusive: false, autoDelete: false, arguments: args }
  const q = first.broker.createQueue(first.vhost, { ...info, kind: queueKind(kind) as QueueKind }, undefined)
  for (let n = 0; n < count; n++) {
    const m = new InboundMessage()
    encodeContent('', 'q', { deliveryMode: 2, headers }, Buffer.alloc(50_000, n), m)
    m.priority = count - n
    q.publish(m)
  }
  await first.broker.commit.flush()
  first.broker.stop()
  const { broker, vhost } = startOn(storage, clock)
  return { clock, storage, broker, vhost, queue: vhost.queues.get('q') as Queue }
}
