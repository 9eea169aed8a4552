// hot: per message
/**
 * Publisher confirms of one channel. Publishes are numbered from 1. Publishes that wait for the disk are kept as runs
 * (last number, batch); all that are safe are confirmed with one basic.ack.
 */
export class Confirms {
  /** Number of publishes since confirm.select. */
  published = 0
  /** Number of the last publish that is acked or nacked, as are all before it. */
  private acknowledged = 0
  /** Number of the last publish that is safe, as are all before it. */
  private safe = 0
  private lastOfRun: number[] = []
  private batchOfRun: number[] = []
  private head = 0
  /** Numbers of publishes already nacked behind unconfirmed ones, in ascending order. */
  private nacked: number[] = []
  private nackedHead = 0

  /** Number of publishes that are neither acked nor nacked. */
  get open(): number {
    return this.published - this.acknowledged
  }

  get waits(): boolean {
    return this.head < this.lastOfRun.length
  }

  /** Adds a publish that is safe once `batch` is on disk; 0 = safe now. */
  add(batch: number): void {
    const n = ++this.published
    const last = this.lastOfRun.length - 1
    if (last < this.head) {
      if (batch === 0) this.safe = n
      else this.push(n, batch)
      return
    }
    // A publish behind one that waits for a batch waits for it too, so that confirms stay in order.
    if (batch === 0 || batch === this.batchOfRun[last]) this.lastOfRun[last] = n
    else this.push(n, batch)
  }

  private push(n: number, batch: number): void {
    this.lastOfRun.push(n)
    this.batchOfRun.push(batch)
  }

  /** Adds a publish that the caller rejects with a basic.nack; returns its number. */
  refuse(): number {
    this.add(0)
    this.nacked.push(this.published)
    return this.published
  }

  /**
   * Returns what can be confirmed now: `count` publishes up to number `upTo`; 0 = none. `more` is true if a nacked
   * publish follows, which no basic.ack may cover: call again.
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
