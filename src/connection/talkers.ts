/** Whether few clients are talking just now, so that a moment's wait for the disk holds up hardly anybody else. */

/** ms for which a client counts after it has sent something. */
const RECENT_MS = 100

export class Talkers {
  private one: object | undefined
  private other: object | undefined
  private oneAt = Number.NEGATIVE_INFINITY
  private otherAt = Number.NEGATIVE_INFINITY
  /** When a third one was heard last. */
  private manyAt = Number.NEGATIVE_INFINITY

  /** @param now ms of the clock's `elapsed` */
  heard(client: object, now: number): void {
    if (client === this.one) this.oneAt = now
    else if (client === this.other) this.otherAt = now
    else this.heardAnother(client, now)
  }

  /** Takes the place of the one that has been silent for longer. */
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

  /** No more than two have been heard lately. */
  areFew(now: number): boolean {
    return now - this.manyAt >= RECENT_MS
  }

  /** Nothing of it is kept once it has gone. */
  gone(client: object): void {
    if (client === this.one) this.one = undefined
    if (client === this.other) this.other = undefined
  }
}
