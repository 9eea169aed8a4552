/** Describes, in sentences, what will be different after a migration. */
import { counted } from '../../util/counted.ts'
import type { Json } from '../../util/json.ts'
import { where } from './definitions.ts'
import type { Move } from './ends.ts'
import type { Definitions, QueueRow } from './rows.ts'

/** Arguments and policy keys that RabbitMQ does not have: the rows marked `extension` in the table of arguments. */
export const LEVERETS = [
  'delayed-retry-type',
  'delayed-retry-min',
  'delayed-retry-max',
  'expire-anywhere',
  'message-deduplication',
  'cache-size',
  'cache-ttl',
]
/** Policy keys that have no effect in Leveret. */
const MIRRORS = /^(ha-.*|federation-upstream.*)$/

const named = (rows: readonly string[]): string =>
  rows.length > 5 ? `${rows.slice(0, 5).join(', ')} and ${rows.length - 5} more` : rows.join(', ')

function some(rows: readonly Json[] | readonly QueueRow[], text: string, out: string[]): void {
  if (rows.length > 0) out.push(`${named(rows.map((r) => `'${String((r as Json)['name'])}'`))}: ${text}`)
}

const argumentsOf = (o: Json): Json => (o['arguments'] ?? {}) as Json

export function differences(move: Move, d: Definitions, queues: readonly QueueRow[]): string[] {
  const out: string[] = []
  const withMessages = queues.filter((q) => (q.messages ?? 0) > 0)
  some(
    queues.filter((q) => q.exclusive === true),
    'exclusive queues belong to their connections and are omitted',
    out,
  )
  some(
    queues.filter((q) => (q.consumers ?? 0) > 0 && q.type !== 'stream'),
    'these queues have consumers, which will receive messages during the migration',
    out,
  )
  some(
    queues.filter((q) => (q.messages_unacknowledged ?? 0) > 0 && q.type !== 'stream'),
    'unacknowledged messages stay until they are requeued; run the command again then',
    out,
  )
  const streams = withMessages.filter((q) => q.type === 'stream')
  some(
    streams,
    'streams are copied and remain at the source; offsets start at 0, and timestamps are those of the copy',
    out,
  )
  if (withMessages.some((q) => q.type !== 'stream'))
    out.push(
      'consumers see leveret.migrate.* as the exchange of moved messages; routing key, properties and headers are kept',
    )
  some(
    d.queues.filter((q) => Object.hasOwn(argumentsOf(q), 'x-message-ttl')),
    'the x-message-ttl of moved messages starts again',
    out,
  )
  some(
    d.queues.filter((q) => Object.hasOwn(argumentsOf(q), 'x-expires')),
    'x-expires: the queue is deleted if it is unused for that time at the target',
    out,
  )
  return [...out, ...(move.out ? toRabbit(d) : toLeveret(d))]
}

function toLeveret(d: Definitions): string[] {
  const out: string[] = []
  for (const p of d.parameters)
    if (!['shovel', 'operator_policy', 'vhost-limits'].includes(String(p['component'])))
      out.push(`${where(`parameter ${String(p['component'])}`, p)} is kept, but has no effect`)
  for (const p of d.policies) {
    const keys = Object.keys((p['definition'] ?? {}) as Json).filter((k) => MIRRORS.test(k))
    if (keys.length > 0) out.push(`${where('policy', p)}: without effect: ${keys.join(', ')}`)
  }
  const quorum = d.queues.filter((q) => argumentsOf(q)['x-queue-type'] === 'quorum').length
  if (quorum > 0)
    out.push(
      `${counted(quorum, 'quorum queue')}: a single Leveret keeps one copy; for several copies, set up a cluster`,
    )
  return out
}

function toRabbit(d: Definitions): string[] {
  const out: string[] = []
  for (const q of [...d.queues, ...d.exchanges]) {
    const keys = Object.keys(argumentsOf(q)).filter((k) => LEVERETS.includes(k.replace(/^x-/, '')))
    if (keys.length > 0) out.push(`${where('', q).trim()}: without effect in RabbitMQ: ${keys.join(', ')}`)
  }
  for (const p of d.policies) {
    const keys = Object.keys((p['definition'] ?? {}) as Json).filter((k) => LEVERETS.includes(k))
    if (keys.length > 0)
      out.push(`${where('policy', p)}: refused by RabbitMQ, so to be removed first: ${keys.join(', ')}`)
  }
  return out
}
