// hot: per message
/**
 * Publisher confirms of one channel. Publishes are counted from 1; those that wait for the disk are kept as runs
 * (last sequence number, batch number), and everything that is safe is acknowledged with one basic.ack.
 */
export class Confirms {
  /** Publishes since confirm.select. */
  published = 0
  /** All publishes up to this one are acknowledged or refused. */
  private acknowledged = 0
  /** All publishes up to this one are safe. */
  private safe = 0
  private lastOfRun: number[] = []
  private batchOfRun: number[] = []
  private head = 0
  /** Refused publishes that have had their basic.nack and stand behind some that wait; in order. */
  private nacked: number[] = []
  private nackedHead = 0

  /** Publishes without an answer. */
  get open(): number {
    return this.published - this.acknowledged
  }

  get waits(): boolean {
    return this.head < this.lastOfRun.length
  }

  /** One more publish, safe once that batch is on disk; 0 = safe now. */
  add(batch: number): void {
    const n = ++this.published
    const last = this.lastOfRun.length - 1
    if (last < this.head) {
      if (batch === 0) this.safe = n
      else this.push(n, batch)
      return
    }
    // Behind one that waits, a publish waits for the same batch: answers stay in order.
    if (batch === 0 || batch === this.batchOfRun[last]) this.lastOfRun[last] = n
    else this.push(n, batch)
  }

  private push(n: number, batch: number): void {
    this.lastOfRun.push(n)
    this.batchOfRun.push(batch)
  }

  /** One more publish, which the caller refuses with a basic.nack; returns its number. */
  refuse(): number {
    this.add(0)
    this.nacked.push(this.published)
    return this.published
  }

  /**
   * Acknowledges up to `upTo` what has not been answered yet, `count` publishes; 0 = nothing. `more` where a refused
   * publish stands behind it, so that no acknowledgement covers one that was refused: call again.
   */
  take(durable: number): { upTo: number; count: number; more: boolean } {
    while (this.head < this.lastOfRun.length && (this.batchOfRun[this.head] as number) <= durable) {
      this.safe = this.lastOfRun[this.head] as number
      this.head++
    }
    if (this.head > 0 && this.head === this.lastOfRun.length) {
      this.lastOfRun.length = 0
      this.batchOfRun.length = 0
      this.head = 0
    }
    const { safe, acknowledged } = this
    const refused = this.nacked[this.nackedHead]
    if (refused === undefined || refused > safe) {
      this.acknowledged = safe
      return { upTo: safe, count: safe - acknowledged, more: false }
    }
    this.acknowledged = refused
    if (++this.nackedHead === this.nacked.length) this.nackedHead = this.nacked.length = 0
    return { upTo: refused - 1, count: refused - 1 - acknowledged, more: true }
  }
}
