/** Tracks which clients have been active lately: if they are few, a short synchronous write delays hardly anyone. */

/** ms for which a client counts as active after sending something. */
const RECENT_MS = 100

export class Talkers {
  private one: object | undefined
  private other: object | undefined
  private oneAt = Number.NEGATIVE_INFINITY
  private otherAt = Number.NEGATIVE_INFINITY
  /** When a third client was last active. */
  private manyAt = Number.NEGATIVE_INFINITY

  /** @param now ms of the clock's `elapsed` */
  heard(client: object, now: number): void {
    if (client === this.one) this.oneAt = now
    else if (client === this.other) this.otherAt = now
    else this.heardAnother(client, now)
  }

  /** Replaces the client that has been silent longer. */
  private heardAnother(client: object, now: number): void {
    if (now - Math.min(this.oneAt, this.otherAt) < RECENT_MS) this.manyAt = now
    if (this.oneAt <= this.otherAt) {
      this.one = client
      this.oneAt = now
    } else {
      this.other = client
      this.otherAt = now
    }
  }

  /** Whether at most two clients have been active lately. */
  areFew(now: number): boolean {
    return now - this.manyAt >= RECENT_MS
  }

  /** Forgets a closed connection. */
  gone(client: object): void {
    if (client === this.one) this.one = undefined
    if (client === this.other) this.other = undefined
  }
}
