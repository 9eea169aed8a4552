/** Ready messages and consumers of each queue, by passive declarations: on whichever connection may see it. */
import { MethodId } from '../../../src/protocol/generated/constants.ts'
import type { Wire } from '../../support/wire.ts'

/** Beside the channels of clients: one for each queue, as an answer may close it. */
const FIRST_CHANNEL = 100

type Seen = 'missing' | 'locked' | string

export class Counts {
  private readonly queues: readonly string[]
  private readonly connections: () => readonly Wire[]
  private readonly opened = new WeakMap<Wire, Set<number>>()
  private readonly missing = new Set<string>()

  /** @param queues full names; @param connections that may ask, those that own exclusive queues last */
  constructor(queues: readonly string[], connections: () => readonly Wire[]) {
    this.queues = queues
    this.connections = connections
  }

  /** The queue may be there from now on. */
  mayBe(queue: string): void {
    this.missing.delete(queue)
  }

  /** Of those that there are. */
  async look(): Promise<Map<string, string>> {
    const found = new Map<string, string>()
    let open = this.queues.filter((q) => !this.missing.has(q))
    for (const w of this.connections()) {
      const asked = await Promise.all(open.map(async (q) => [q, await this.ask(w, q)] as const))
      for (const [q, seen] of asked)
        if (seen === 'missing') this.missing.add(q)
        else if (seen !== 'locked') found.set(q, seen)
      open = asked.filter(([, seen]) => seen === 'locked').map(([q]) => q)
    }
    for (const q of open) found.set(q, 'locked')
    return found
  }

  private async ask(w: Wire, queue: string): Promise<Seen> {
    const channel = FIRST_CHANNEL + this.queues.indexOf(queue)
    const opened = this.opened.get(w) ?? new Set<number>()
    this.opened.set(w, opened)
    if (!opened.has(channel)) await w.channel(channel)
    opened.add(channel)
    w.send(channel, MethodId.QueueDeclare, { queue, passive: true })
    const { method: m } = await w.next(channel)
    if (m.id === MethodId.QueueDeclareOk) return `ready=${m.messageCount} consumers=${m.consumerCount}`
    if (m.id !== MethodId.ChannelClose) throw new Error(`unexpected ${JSON.stringify(m)}`)
    w.send(channel, MethodId.ChannelCloseOk)
    opened.delete(channel)
    if (m.replyCode === 405) return 'locked'
    if (m.replyCode === 404) return 'missing'
    throw new Error(m.replyText)
  }
}
