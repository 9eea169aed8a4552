/**
 * Moves the messages of a classic or quorum queue: runs shovels, each for the messages present, until the queue is
 * empty.
 */
import { carrierName, removeExchange, replaceCarrier, startCarrier, stopShovel } from './carrier.ts'
import { type Move, readyIn } from './ends.ts'
import { Failures, type Job, type JobState, type View } from './job.ts'
import type { QueueRow, ShovelRow } from './rows.ts'

/** Maximum rounds, for a queue that is written to continuously. */
const ROUNDS_MAX = 1000
/** Maximum consecutive rounds that do not shorten the queue. */
const FUTILE_MAX = 5
/** ms without progress after which the queue length is checked again. */
const LOOK_AGAIN_MS = 3000
const STUCK_MS = 60_000

export class QueueJob implements Job {
  readonly queue: QueueRow
  note: string | undefined
  waits: string | undefined
  private readonly move: Move
  private readonly failures = new Failures()
  /** The temporary exchange at the target. */
  private exchange: string
  /** Messages moved by shovels that have ended. */
  private before = 0
  /** Number of messages for the current shovel, and how many of them are left. */
  private whole = 0
  private left = 0
  private rounds = 0
  private futile = 0
  private readyBefore = 0
  private running = false
  private forwarded = 0
  private lastMoved = 0
  private lastLook = 0
  /** Whether the queue was empty when its length was checked without progress since. */
  private wasEmpty = false

  constructor(move: Move, queue: QueueRow) {
    this.move = move
    this.queue = queue
    this.exchange = carrierName(queue)
    this.whole = queue.messages_ready ?? 0
    this.left = this.whole
  }

  get moved(): number {
    return this.before + this.whole - this.left
  }

  get total(): number {
    return this.before + this.whole
  }

  async step(view: View): Promise<JobState> {
    const shovel = view.shovels.get(carrierName(this.queue))
    if (shovel === undefined) return await this.next(view)
    // The shovel of an earlier run continues.
    if (!this.running) this.begun(view, this.left)
    return await this.watch(shovel, view)
  }

  private begun({ at }: View, count: number): void {
    this.running = true
    this.whole = count
    this.left = count
    this.forwarded = 0
    this.lastMoved = at
    this.lastLook = at
  }

  /** Called when no shovel is running: the job is done, or starts another round. */
  private async next(view: View): Promise<JobState> {
    if (this.running) {
      this.before += this.whole
      this.whole = 0
      this.left = 0
      this.running = false
    }
    const ready = await readyIn(this.move, this.queue)
    if (ready === undefined) return await this.fail('it is not there any more')
    if (ready === 0) {
      this.whole = 0
      this.left = 0
      if (this.rounds > 0) await removeExchange(this.move, this.queue, this.exchange)
      return 'done'
    }
    this.futile = this.rounds > 0 && ready >= this.readyBefore ? this.futile + 1 : 0
    this.readyBefore = ready
    // Rounds are limited: each attempt counts as a delivery, for which quorum queues have a limit.
    if (++this.rounds > ROUNDS_MAX || this.futile >= FUTILE_MAX)
      return await this.fail(
        'the queue does not get shorter: the target refuses its messages, or publishers are faster than the shovel',
      )
    await startCarrier(this.move, this.queue, this.exchange)
    this.begun(view, ready)
    return 'moving'
  }

  private async watch(shovel: ShovelRow, view: View): Promise<JobState> {
    const reason = await this.failures.of(shovel, async () => {
      this.exchange = await replaceCarrier(this.move, this.queue, this.exchange)
    })
    if (reason !== undefined) return await this.fail(reason)
    const { forwarded = 0, remaining, blocked_status } = shovel
    this.waits =
      shovel.state === 'terminated'
        ? shovel.reason
        : blocked_status === 'blocked'
          ? 'the target, which is blocked by an alarm'
          : undefined
    if (typeof remaining === 'number') {
      // A shovel that has reconnected starts counting again.
      if (remaining > this.left) this.whole += remaining - this.left
      this.left = remaining
    }
    if (forwarded !== this.forwarded || shovel.state !== 'running' || blocked_status === 'blocked') {
      this.forwarded = forwarded
      this.lastMoved = view.at
      this.lastLook = view.at
      this.wasEmpty = false
    } else if (view.at - this.lastLook > LOOK_AGAIN_MS) return await this.look(view)
    return 'moving'
  }

  /** Checks the queue length: another consumer may have taken the messages that the shovel is waiting for. */
  private async look(view: View): Promise<JobState> {
    this.lastLook = view.at
    const ready = await readyIn(this.move, this.queue)
    // Not at the first look: what the shovel reports may be older than this, and would not be counted.
    const isTaken = ready === 0 && this.wasEmpty
    this.wasEmpty = ready === 0
    if (isTaken) {
      await stopShovel(this.move, this.queue)
      this.whole -= this.left
      this.left = 0
    } else if (ready !== 0 && view.at - this.lastMoved > STUCK_MS)
      return await this.fail('no messages are delivered: another consumer has exclusive access')
    return 'moving'
  }

  private async fail(why: string): Promise<JobState> {
    this.note = why
    await this.stop()
    await removeExchange(this.move, this.queue, this.exchange)
    return 'failed'
  }

  async stop(): Promise<void> {
    if (this.running || this.rounds > 0) await stopShovel(this.move, this.queue)
  }
}
