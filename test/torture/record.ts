/** What a driver knows of the messages it has published to one queue, and what it may therefore expect to find there. */

/** A message by its number; numbers rise in the order of publishing. */
export interface Found {
  readonly id: number
  readonly body: Buffer
}

export class Record {
  readonly sent = new Set<number>()
  readonly confirmed = new Set<number>()
  /** The broker has said that it did not take them. */
  readonly refused = new Set<number>()
  /** Settled by a client, which the broker may or may not have heard. */
  readonly settled = new Set<number>()
  /** Not to be seen again. */
  readonly gone = new Set<number>()

  /** What a purge or deletion is about that was not answered: all of it is there, or nothing. */
  private doubtful: readonly number[] = []

  /** The queue is about to be purged or deleted; nothing is on its way to it. */
  emptying(): void {
    this.doubtful = this.expected()
  }

  /** Everything so far is gone: purged, or deleted with its queue. */
  forgetAll(): void {
    this.doubtful = []
    for (const id of this.sent) this.gone.add(id)
  }

  /** Confirmed, and taken by nobody. */
  expected(): number[] {
    return [...this.confirmed].filter((id) => !this.settled.has(id) && !this.gone.has(id))
  }

  /** In their order. */
  unanswered(): number[] {
    return [...this.sent].filter(
      (id) => !this.confirmed.has(id) && !this.refused.has(id) && !this.gone.has(id),
    )
  }

  /** What is wrong with what was found; `keeps` is false for a message that the queue may have dropped by itself. */
  check(found: readonly Found[], keeps: (id: number) => boolean = () => true): string[] {
    const problems: string[] = []
    const there = new Set<number>()
    for (const { id, body } of found) {
      if (there.has(id)) problems.push(`message ${id} is there twice`)
      there.add(id)
      if (!this.sent.has(id)) problems.push(`message ${id} was never published`)
      else if (this.gone.has(id)) problems.push(`message ${id} has come back`)
      if (this.refused.has(id)) problems.push(`message ${id} is there though it was refused`)
      if (!body.equals(bodyOf(id, body.length))) problems.push(`message ${id} has another body`)
    }
    const missing = this.doubtful.filter((id) => !there.has(id))
    const emptied = missing.length === this.doubtful.length ? new Set(missing) : new Set<number>()
    for (const id of this.expected())
      if (!there.has(id) && keeps(id) && !emptied.has(id))
        problems.push(`message ${id} was confirmed and is lost`)
    return problems
  }

  /** What was not found will not be found later. */
  settle(found: readonly Found[]): void {
    const there = new Set(found.map((f) => f.id))
    for (const id of this.sent) if (!there.has(id)) this.gone.add(id)
    for (const id of there) this.settled.delete(id)
    this.doubtful = []
  }
}

/** Is there anything out of its order? */
export function disorder(found: readonly Found[]): string[] {
  for (let i = 1; i < found.length; i++) {
    const [a, b] = [found[i - 1] as Found, found[i] as Found]
    if (a.id >= b.id) return [`message ${b.id} stands behind ${a.id}`]
  }
  return []
}

/** The number, then octets that follow from it. */
export function bodyOf(id: number, bytes: number): Buffer {
  const body = Buffer.alloc(bytes, (id * 7) & 255)
  body.writeDoubleBE(id, 0)
  return body
}
