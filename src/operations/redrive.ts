/**
 * Redrive: moves the messages of a dead-letter queue back to the queues that x-death says they came from, under the
 * exchange and key that they had there. A message enters one queue and leaves the other in the same batch on disk, so a
 * broker that dies half-way has it in exactly one of them.
 */
import type { Clock } from '../broker/clock.ts'
import { encodeContent } from '../broker/content.ts'
import { type Content, Incoming } from '../broker/message.ts'
import { deathsOf } from '../broker/queue/dead-letter.ts'
import { PUBLISH_REFUSED, type Queue } from '../broker/queue/queue.ts'
import type { Vhost } from '../broker/vhost.ts'
import type { FieldTable } from '../protocol/field-table.ts'

export interface RedriveOptions {
  /** Messages a second, at most. Default: as fast as it goes. */
  readonly rate?: number | undefined
  /** Messages in all, at most. */
  readonly limit?: number | undefined
  /** Only those that came from this queue. */
  readonly from?: string | undefined
  /** Only those that died for this reason. */
  readonly reason?: string | undefined
}

export interface RedriveResult {
  readonly moved: number
  /** Left where they are: another origin or reason, no x-death, an origin that is gone or refuses. */
  readonly skipped: number
}

/** Messages looked at in one step; then others have their turn. */
const STEP_MESSAGES = 500
const STEP_MS = 100

export class Redrive {
  private readonly vhost: Vhost
  private readonly queue: Queue
  private readonly clock: Clock
  private readonly options: RedriveOptions
  private readonly resolve: (result: RedriveResult) => void
  /** Resolves when the queue has been gone through, or the limit is reached. */
  readonly done: Promise<RedriveResult>
  private after = -1
  private moved = 0
  private skipped = 0
  private cancelled = false
  private readonly began: number

  constructor(vhost: Vhost, queue: Queue, clock: Clock, options: RedriveOptions) {
    this.vhost = vhost
    this.queue = queue
    this.clock = clock
    this.options = options
    this.began = clock.now()
    let resolve: (result: RedriveResult) => void = () => {}
    this.done = new Promise((r) => {
      resolve = r
    })
    this.resolve = resolve
    this.step()
  }

  /** Ends it after the step that is under way. */
  cancel(): void {
    this.cancelled = true
  }

  private step(): void {
    const { rate, limit = Number.POSITIVE_INFINITY } = this.options
    const seconds = (this.clock.now() - this.began) / 1000
    const due = rate === undefined ? STEP_MESSAGES : Math.floor(rate * seconds) + 1 - this.moved
    const most = Math.min(due, limit - this.moved, STEP_MESSAGES)
    const finished = most > 0 ? this.moveSome(most) : false
    if (finished || this.moved >= limit || this.cancelled || this.queue.deleted)
      this.resolve({ moved: this.moved, skipped: this.skipped })
    else this.clock.after(rate === undefined ? 0 : STEP_MS, () => this.step())
  }

  /** True where the end of the queue was reached. */
  private moveSome(most: number): boolean {
    const found: { number: number; target: Queue; death: FieldTable; content: Content }[] = []
    let looked = 0
    let atEnd = true
    for (const { segment, index, number, unacked } of this.queue.browse(this.after)) {
      if (found.length === most || looked === STEP_MESSAGES) {
        atEnd = false
        break
      }
      looked++
      this.after = number
      if (unacked) continue
      const content = segment.content(index)
      const target = this.originOf(content)
      if (target === undefined) this.skipped++
      // The segment may leave memory before the message is published.
      else found.push({ number, ...target, content: { ...content, body: Buffer.from(content.body) } })
    }
    for (const f of found) this.move(f)
    return atEnd
  }

  private originOf({ properties }: Content): { target: Queue; death: FieldTable } | undefined {
    const death = deathsOf(properties.headers)[0]
    const name = death?.text('queue')
    const { from, reason } = this.options
    if (death === undefined || name === undefined) return undefined
    if ((from !== undefined && from !== name) || (reason !== undefined && reason !== death.text('reason')))
      return undefined
    const target = this.vhost.queues.get(name)
    return target === undefined || target === this.queue ? undefined : { target, death }
  }

  private move(f: { number: number; target: Queue; death: FieldTable; content: Content }): void {
    const keys = f.death.get('routing-keys')
    const key = keys?.type === 'A' && keys.value[0]?.type === 'S' ? keys.value[0].value.toString() : ''
    const m = new Incoming()
    encodeContent(f.death.text('exchange') ?? '', key, f.content.properties, f.content.body, m)
    if (f.target.publish(m) === PUBLISH_REFUSED) {
      this.skipped++
      return
    }
    this.queue.removeReady(f.number)
    this.moved++
  }
}
