/**
 * A tx channel's open transaction: publishes already routed, and settlements already checked. Committing applies all
 * of them in one turn, so they reach the disk in one batch, all or none, across queues.
 */
import { Incoming } from '../broker/message.ts'
import type { WorkQueue } from '../broker/queue/work-queue.ts'
import { preconditionFailed } from '../protocol/errors.ts'
import type { Channel } from './channel.ts'

export interface PendingPublish {
  readonly message: Incoming
  readonly queues: readonly WorkQueue[]
  /** mandatory, and no queue to go to: returned at commit */
  readonly returned: boolean
}

export interface PendingSettle {
  readonly tag: number
  readonly how: 'ack' | 'requeue' | 'reject'
}

export class Transaction {
  publishes: PendingPublish[] = []
  settles: PendingSettle[] = []
  /** Tags in `settles`: settled as far as this channel's client is concerned. */
  readonly settled = new Set<number>()

  addPublish(m: Incoming, queues: readonly WorkQueue[], returned: boolean): void {
    this.publishes.push({ message: keep(m), queues, returned })
  }

  /** Checks the tags now, settles them at commit. @throws AmqpError 406, nothing changed */
  addSettle(ch: Channel, tag: number, multiple: boolean, how: PendingSettle['how']): void {
    const u = ch.unsettled
    const outstanding = (t: number): boolean => u.isOutstanding(t) && !this.settled.has(t)
    const all = multiple && tag === 0
    if (!all && !outstanding(tag)) throw preconditionFailed(`unknown delivery tag ${tag}`)
    const last = all ? u.nextTag - 1 : tag
    for (let t = multiple ? u.first : tag; t <= last; t++) {
      if (!outstanding(t)) continue
      this.settled.add(t)
      this.settles.push({ tag: t, how })
    }
  }

  clear(): void {
    this.publishes = []
    this.settles = []
    this.settled.clear()
  }
}

/** A copy with memory of its own. */
function keep(m: Incoming): Incoming {
  const copy = new Incoming()
  const namesBytes = m.namesEnd - m.namesStart
  const bytes = new Uint8Array(namesBytes + m.contentEnd - m.contentStart)
  bytes.set(m.source.subarray(m.namesStart, m.namesEnd), 0)
  bytes.set(m.source.subarray(m.contentStart, m.contentEnd), namesBytes)
  copy.source = bytes
  copy.namesEnd = namesBytes
  copy.contentStart = namesBytes
  copy.contentEnd = bytes.length
  copy.bodySize = m.bodySize
  copy.persistent = m.persistent
  copy.priority = m.priority
  copy.ttl = m.ttl
  return copy
}
