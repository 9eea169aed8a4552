/**
 * The firehose (behaviour.md section 18): while a vhost is traced, a copy of every message published or delivered in it
 * goes to amq.rabbitmq.trace. The setting is not stored: a restart turns tracing off.
 */
import { TABLE_DEPTH_INSIDE_MAX } from '../limits.ts'
import { FieldTable, type PlainValue } from '../protocol/field-table.ts'
import type { Properties } from '../protocol/generated/properties.ts'
import { cutToOctets, SHORT_STRING_BYTES_MAX } from '../util/octet-text.ts'
import { charged, type Owner } from '../util/owner.ts'
import { carbonCopyKeys } from './carbon-copies.ts'
import { type Content, type InboundMessage, readContent } from './message.ts'
import type { Segment } from './messages/segment.ts'
import { publishContent } from './publish-content.ts'
import type { ConsumedQueue } from './queue/queue.ts'
import type { Route, Routing } from './router.ts'
import type { TraceOrigin, Tracer } from './tracer.ts'
import type { Turn } from './turn.ts'

const TRACE_EXCHANGE = 'amq.rabbitmq.trace'

export interface TracedVhost extends Routing {
  readonly name: string
}

export class Firehose implements Tracer {
  private readonly vhost: TracedVhost
  private readonly node: string
  private readonly owner: Owner
  private readonly turn: Pick<Turn, 'pumpsNone'>

  /** @param owner is charged with failures to make a copy, which do not affect the original message */
  constructor(vhost: TracedVhost, node: string, owner: Owner, turn: Pick<Turn, 'pumpsNone'>) {
    this.vhost = vhost
    this.turn = turn
    this.owner = owner
    this.node = node
  }

  published(origin: TraceOrigin, m: InboundMessage, { queues }: Route): void {
    charged(this.owner, () => {
      const content = readContent(m.source, m.namesStart, m.contentStart, m.contentEnd)
      this.trace(origin, content, `publish.${content.exchange}`, { routed_queues: queues.map((q) => q.name) })
    })
  }

  delivered(origin: TraceOrigin, queue: ConsumedQueue, segment: Segment, index: number): void {
    const redelivered = segment.wasDelivered(index) ? 1 : 0
    // Tracing has to read the whole message, even if its headers are large.
    queue.looks = true
    // The queue may get its own traces, and if it is full, it delivers before it refuses one.
    this.turn.pumpsNone = true
    try {
      charged(this.owner, () =>
        this.trace(origin, segment.content(index), `deliver.${queue.name}`, { redelivered }),
      )
    } finally {
      this.turn.pumpsNone = false
    }
  }

  private trace(
    { number, connectionName, userName }: TraceOrigin,
    content: Content,
    key: string,
    more: { [name: string]: PlainValue },
  ): void {
    const exchange = this.vhost.findExchange(TRACE_EXCHANGE)
    if (exchange === undefined || content.exchange === TRACE_EXCHANGE) return
    const { properties } = content
    const { headers } = properties
    // Trace messages with deeper nested headers could not be decoded again: their headers are left out.
    const fits = headers === undefined || headers.depth + 2 <= TABLE_DEPTH_INSIDE_MAX
    const description = {
      exchange_name: content.exchange,
      routing_keys: [content.routingKey, ...carbonCopyKeys(headers, 'CC')],
      properties: propertiesTable(fits ? properties : { ...properties, headers: undefined }),
      node: this.node,
      vhost: this.vhost.name,
      connection: connectionName,
      channel: number,
      user: userName,
      ...more,
    }
    // A queue's name alone may fill a short string.
    const routingKey = cutToOctets(key, SHORT_STRING_BYTES_MAX)
    publishContent(this.vhost, exchange, [routingKey], {
      exchange: TRACE_EXCHANGE,
      routingKey,
      properties: { headers: FieldTable.from(description) },
      body: content.body,
    })
  }
}

function propertiesTable(p: Properties): { [name: string]: PlainValue } {
  const all = {
    content_type: p.contentType,
    content_encoding: p.contentEncoding,
    headers: p.headers,
    delivery_mode: p.deliveryMode,
    priority: p.priority,
    correlation_id: p.correlationId,
    reply_to: p.replyTo,
    expiration: p.expiration,
    message_id: p.messageId,
    timestamp: p.timestamp,
    type: p.type,
    user_id: p.userId,
    app_id: p.appId,
    cluster_id: p.clusterId,
  }
  return Object.fromEntries(Object.entries(all).filter(([, v]) => v !== undefined)) as {
    [name: string]: PlainValue
  }
}
