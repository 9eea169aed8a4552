/** One run of a broker on a store after the other, without clients, for dead letters. */
import { Broker } from '../../src/broker/broker.ts'
import { encodeContent } from '../../src/broker/content.ts'
import type { Failures } from '../../src/broker/failures.ts'
import { publishToAll } from '../../src/broker/fan-out.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import { classic } from '../../src/broker/queue/kinds/kinds.ts'
import type { Queue } from '../../src/broker/queue/queue.ts'
import { PlainMessage } from '../../src/broker/router.ts'
import type { Vhost } from '../../src/broker/vhost.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { GroupCommit } from '../../src/storage/batch.ts'
import type { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import type { ManualClock } from './manual-clock.ts'
import type { Plain } from './timed-broker.ts'

const durable = { durable: true, exclusive: false, autoDelete: false, internal: false }
/** Each is read before the next one, whose segment may take its place in memory. */
export const bodies = (q: Queue): string[] =>
  Array.from(q.browse(), ({ segment, index }) => String(segment.content(index).body.subarray(0, 4)))

/** One run of the broker: the next one has what was on disk when it ended. */
export function run(storage: MemoryStorage, clock: ManualClock, inAlarm = false, failures?: Failures) {
  const commit = new GroupCommit(storage, clock)
  const broker = new Broker(storage, commit, clock, { messageMemoryBytes: 2 ** 26, failures })
  broker.load()
  const state = { inAlarm }
  broker.inAlarm = () => state.inAlarm
  const vhost = broker.vhosts.get('/') as Vhost
  const exchange = (name: string, type = 'fanout', args: Plain = {}) =>
    broker.createExchange(vhost, { ...durable, name, type, arguments: FieldTable.from(args) })
  const queue = (name: string, from: string, args: Plain = {}, isDurable = true): Queue => {
    const info = { ...durable, durable: isDurable, name, kind: classic, arguments: FieldTable.from(args) }
    const q = broker.createQueue(vhost, info, undefined)
    const x = vhost.exchanges.get(from)
    if (x !== undefined) vhost.bind(x, q, '', FieldTable.empty)
    return q
  }
  const publish = (to: string, body: string, headers: Plain = {}, size = body.length): void => {
    const properties = { deliveryMode: 2, headers: FieldTable.from(headers) }
    const m = new InboundMessage()
    encodeContent(to, '', properties, Buffer.from(body.padEnd(size, '.')), m)
    m.persistent = true
    const x = vhost.exchanges.get(to)
    if (x !== undefined) publishToAll(vhost.route(x, [new PlainMessage('', properties)]), m)
  }
  const ready = (...names: string[]): string[][] => names.map((n) => bodies(vhost.queues.get(n) as Queue))
  /** Lets time pass, and what is due be written; a piece at a time, as batches are written in between. */
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 250) {
      clock.pass(Math.min(left, 250))
      await commit.flush()
    }
  }
  return { broker, commit, vhost, state, exchange, queue, publish, ready, pass }
}
