/** Observers of the messages that pass through a vhost: the firehose, and tails. */
import type { InboundMessage } from './message.ts'
import type { Segment } from './messages/segment.ts'
import type { ConsumedQueue } from './queue/queue.ts'
import type { Route } from './router.ts'

/** The channel of the publisher or consumer. */
export interface TraceOrigin {
  readonly number: number
  readonly connectionName: string
  readonly userName: string
}

/** An observer. Neither method may throw or change its arguments. */
export interface Tracer {
  published(origin: TraceOrigin, m: InboundMessage, route: Route): void
  delivered(origin: TraceOrigin, queue: ConsumedQueue, segment: Segment, index: number): void
}

class Several implements Tracer {
  private readonly list: readonly Tracer[]

  constructor(list: readonly Tracer[]) {
    this.list = list
  }

  published(origin: TraceOrigin, m: InboundMessage, route: Route): void {
    for (const t of this.list) t.published(origin, m, route)
  }

  delivered(origin: TraceOrigin, queue: ConsumedQueue, segment: Segment, index: number): void {
    for (const t of this.list) t.delivered(origin, queue, segment, index)
  }
}

export class Tracers {
  /** All observers as one; undefined if there are none, which is all that the hot path checks. */
  all: Tracer | undefined
  private firehose: Tracer | undefined
  private readonly watching = new Set<Tracer>()

  get hasFirehose(): boolean {
    return this.firehose !== undefined
  }

  setFirehose(firehose: Tracer | undefined): void {
    this.firehose = firehose
    this.update()
  }

  watch(t: Tracer): void {
    this.watching.add(t)
    this.update()
  }

  unwatch(t: Tracer): void {
    this.watching.delete(t)
    this.update()
  }

  private update(): void {
    const list = [...(this.firehose === undefined ? [] : [this.firehose]), ...this.watching]
    this.all = list.length > 1 ? new Several(list) : list[0]
  }
}
