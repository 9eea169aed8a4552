/**
 * Copies a stream. The shovel always reads from the beginning, so an interrupted copy is deleted at the target and
 * started again.
 */
import type { Json } from '../../util/json.ts'
import { carrierName, removeExchange, startCarrier, stopShovel } from './carrier.ts'
import { type Move, queuePath } from './ends.ts'
import { Failures, type Job, type JobState, type View } from './job.ts'
import type { Ledger } from './ledger.ts'
import { type QueueRow, type ShovelRow, shovelShape } from './rows.ts'

/** ms without new messages, in addition to the age of the source's numbers, after which the copy is complete. */
const SETTLE_MS = 1500
/** ms to wait for the source's message count; RabbitMQ without statistics never reports it. */
const KNOWN_MS = 30_000
/** ms for the target's count to reach the number sent; retention may keep it lower. */
const AGREE_MS = 15_000
/** Tolerance in ms for clocks and timestamps. */
const START_MS = 2000

/** A queue and its bindings, in the format of definitions. */
export interface StreamDefinition {
  readonly queues: readonly Json[]
  readonly bindings: readonly Json[]
}

export class StreamJob implements Job {
  readonly queue: QueueRow
  note: string | undefined
  waits: string | undefined
  private readonly move: Move
  private readonly ledger: Ledger
  private readonly definition: StreamDefinition
  private readonly failures = new Failures()
  private source: number
  private forwarded = 0
  private running = false
  private since = 0
  private changedAt = 0
  private lookedAt: number | undefined

  constructor(move: Move, queue: QueueRow, ledger: Ledger, definition: StreamDefinition) {
    this.move = move
    this.queue = queue
    this.ledger = ledger
    this.definition = definition
    this.source = queue.messages ?? 0
  }

  get moved(): number {
    return this.forwarded
  }

  get total(): number {
    return Math.max(this.source, this.forwarded)
  }

  async step(view: View): Promise<JobState> {
    const known = await this.messagesIn(this.move.from)
    this.source = known ?? this.source
    // Read before the shovel's state, so that the shovel's count cannot be lower.
    const copied = (await this.messagesIn(this.move.to)) ?? 0
    if (!this.running) return await this.begin(view, copied, known)
    const shovel = await this.shovel()
    if (shovel === undefined || Math.abs(view.leveretSince - this.since) > START_MS)
      return await this.anew(view)
    const reason = await this.failures.of(shovel)
    if (reason !== undefined) return await this.fail(reason)
    if (shovel.state === 'terminated') {
      this.waits = shovel.reason
      return await this.anew(view)
    }
    return await this.watch(shovel, copied, view)
  }

  private async messagesIn(end: Move['from']): Promise<number | undefined> {
    const path = `${queuePath(this.queue)}?columns=messages`
    return (await end.find<{ messages?: number }>(path, { messages: 'number?' }))?.messages
  }

  private async shovel(): Promise<ShovelRow | undefined> {
    const { vhost } = this.queue
    return await this.move.leveret.find<ShovelRow>(
      `shovels/vhost/${encodeURIComponent(vhost)}/${carrierName(this.queue)}`,
      shovelShape,
    )
  }

  private async begin(view: View, copied: number, known: number | undefined): Promise<JobState> {
    this.lookedAt ??= view.at
    const looked = view.at - this.lookedAt
    if (known === undefined && looked > KNOWN_MS)
      return await this.fail('the number of its messages is unknown')
    // The number is outdated or not yet available.
    if (!known && looked < (known === 0 ? this.move.lagMs : KNOWN_MS)) return 'moving'
    const entry = this.ledger.of(this.queue)
    if (entry?.state === 'copying') return await this.anew(view)
    if (entry?.state === 'copied' && copied > 0) return this.asCopied(entry.count ?? copied)
    if (this.source === 0) return 'done'
    if (copied > 0)
      return await this.fail(
        `a stream of that name with ${copied} messages already exists at ${this.move.to.name}`,
      )
    await this.start(view)
    return 'moving'
  }

  private asCopied(count: number): JobState {
    this.forwarded = count
    const more = this.source - count
    if (more > 0)
      this.note = `copied before; ${more} messages have arrived since. To copy it again, delete the copy first`
    this.source = count
    return 'done'
  }

  private async start({ at, leveretSince }: View): Promise<void> {
    await this.ledger.set(this.queue, { state: 'copying' })
    await startCarrier(this.move, this.queue)
    this.running = true
    this.forwarded = 0
    this.since = leveretSince
    this.changedAt = at
  }

  private async anew(view: View): Promise<JobState> {
    await stopShovel(this.move, this.queue)
    await this.move.to.delete(queuePath(this.queue))
    await this.move.to.call('POST', 'definitions', this.definition)
    await this.start(view)
    return 'moving'
  }

  private async watch(shovel: ShovelRow, copied: number, view: View): Promise<JobState> {
    const { forwarded = 0, pending = 0, blocked_status } = shovel
    this.waits = blocked_status === 'blocked' ? 'the target, which is blocked by an alarm' : undefined
    if (copied > forwarded || forwarded < this.forwarded) return await this.anew(view)
    if (forwarded !== this.forwarded || pending > 0 || forwarded < this.source) {
      if (forwarded !== this.forwarded) this.changedAt = view.at
      this.forwarded = forwarded
      return 'moving'
    }
    const quiet = view.at - this.changedAt
    const settled = quiet > SETTLE_MS + this.move.lagMs
    if (!settled || (copied < forwarded && quiet < AGREE_MS)) return 'moving'
    await stopShovel(this.move, this.queue)
    await this.ledger.set(this.queue, { state: 'copied', count: forwarded })
    await removeExchange(this.move, this.queue)
    return 'done'
  }

  private async fail(why: string): Promise<JobState> {
    this.note = why
    await this.stop()
    if (this.running) await removeExchange(this.move, this.queue)
    return 'failed'
  }

  async stop(): Promise<void> {
    if (this.running) await stopShovel(this.move, this.queue)
  }
}
