/** The exchange types by name. A new type is one file and one line here. */
import { DirectRouting } from './direct.ts'
import type { ExchangeRouting } from './exchange.ts'
import { FanoutRouting } from './fanout.ts'
import { HeadersRouting } from './headers.ts'
import { TopicRouting } from './topic.ts'

const types: Record<string, () => ExchangeRouting> = {
  direct: () => new DirectRouting(),
  fanout: () => new FanoutRouting(),
  topic: () => new TopicRouting(),
  headers: () => new HeadersRouting(),
}

/** undefined for a type that does not exist. */
export function exchangeRouting(type: string): ExchangeRouting | undefined {
  return Object.hasOwn(types, type) ? types[type]?.() : undefined
}

/** Present in every vhost, durable (behaviour.md section 5). The default exchange is made apart. */
export const predeclared = [
  { name: 'amq.direct', type: 'direct', internal: false },
  { name: 'amq.fanout', type: 'fanout', internal: false },
  { name: 'amq.headers', type: 'headers', internal: false },
  { name: 'amq.match', type: 'headers', internal: false },
  { name: 'amq.rabbitmq.trace', type: 'topic', internal: true },
  { name: 'amq.topic', type: 'topic', internal: false },
] as const
