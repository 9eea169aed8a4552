import type { Queue } from '../queue/queue.ts'
import type { ExchangeRouting, Matches, RoutedMessage } from './exchange.ts'

/** The default exchange: routes to the queue whose name is the routing key. It has no stored bindings. */
export class DefaultRouting implements ExchangeRouting {
  readonly byKeyOnly = true
  private readonly queues: Map<string, Queue>
  private readonly replyQueues: Map<string, Queue>

  constructor(queues: Map<string, Queue>, replyQueues: Map<string, Queue>) {
    this.queues = queues
    this.replyQueues = replyQueues
  }

  add(): void {}
  remove(): void {}

  route(message: RoutedMessage, matches: Pick<Matches, 'add'>): void {
    const q = this.queues.get(message.routingKey) ?? this.replyQueues.get(message.routingKey)
    if (q !== undefined) matches.add(q)
  }
}
