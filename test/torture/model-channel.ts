/** One channel of the simulation's oracle, and how what it hears is written. */
import type { Mark } from './model-marks.ts'
import type { Death, Entry, OracleConsumer, OracleQueue } from './model-queue.ts'
import type { Settling, Step } from './model-steps.ts'

export type Publish = Extract<Step, { do: 'publish' }>

export interface Outstanding {
  readonly tag: number
  readonly entry: Entry
  readonly queue: OracleQueue
  readonly consumer: OracleConsumer | undefined
  /** Its settlement waits for the commit. */
  pending: boolean
}

export interface Settlement {
  readonly deliveries: readonly Outstanding[]
  readonly how: Settling
}

export class OracleChannel {
  nextTag = 1
  outstanding: Outstanding[] = []
  /** The one that was served last under a shared limit is last. */
  readonly consumers = new Map<string, OracleConsumer>()
  /** Of all consumers together; 0 = no limit. */
  sharedPrefetch = 0
  sharedUnacked = 0
  published = 0
  /** Publishes without an answer; some wait for the disk. */
  unconfirmed: { readonly number: number; readonly waits: boolean }[] = []
  publishes: { readonly step: Publish; readonly names: readonly string[]; readonly queues: OracleQueue[] }[] =
    []
  settlements: Settlement[] = []

  /** @param say what its client hears */
  consumer(
    options: Omit<OracleConsumer, 'deliver' | 'hasCredit' | 'unacked' | 'resting'>,
    say: (line: string) => void,
    note: (m: Mark) => void,
  ): OracleConsumer {
    const { tag: name, queue, noAck } = options
    const deliver = (entry: Entry): void => {
      const tag = this.nextTag++
      const what = deliveryLine(`deliver ${name}`, tag, entry.redelivered, entry.returns)
      say(contentLine(what, entry, entry.deaths))
      if (noAck) return
      this.sent(consumer)
      this.outstanding.push({ tag, entry, queue, consumer, pending: false })
    }
    const hasCredit = (): boolean => {
      const has = this.hasCredit(consumer)
      if (!has && consumer.unacked === 0) note('shared prefetch holds back')
      return has
    }
    const consumer: OracleConsumer = { ...options, deliver, hasCredit, unacked: 0, resting: false }
    return consumer
  }

  private hasCredit(c: OracleConsumer): boolean {
    if (shares(c) && this.sharedPrefetch !== 0 && this.sharedUnacked >= this.sharedPrefetch) return false
    return c.noAck || c.prefetch === 0 || c.unacked < c.prefetch
  }

  private sent(c: OracleConsumer): void {
    c.unacked++
    if (shares(c)) this.sharedUnacked++
    if (this.sharedPrefetch === 0 || !this.consumers.delete(c.tag)) return
    this.consumers.set(c.tag, c)
  }

  released(c: OracleConsumer): void {
    c.unacked--
    if (shares(c)) this.sharedUnacked--
    // They were waiting for the shared limit.
    if (this.sharedPrefetch !== 0 && this.sharedUnacked === this.sharedPrefetch - 1) this.resumeAll()
    else c.queue.resume(c)
  }

  resumeAll(): void {
    for (const c of this.consumers.values()) c.queue.resume(c)
  }

  /** The deliveries that no open transaction settles. */
  get settleable(): Outstanding[] {
    return this.outstanding.filter((o) => !o.pending)
  }
}

/** The limit of the channel is not for consumers of quorum queues. */
function shares(c: OracleConsumer): boolean {
  return c.queue.declared.quorum !== true
}

/** `again` = redelivered. Both sides write it. */
export function contentLine(
  what: string,
  m: { readonly exchange: string; readonly key: string; readonly id: number | string },
  deaths: readonly Death[],
): string {
  const died = deaths.map((d) => ` ${d.reason} in ${d.queue} x${d.count}`).join()
  return `${what} ${m.id} of '${m.exchange}' ${m.key}${died}`
}

/** @param returns how often it came back, where that is counted */
export function deliveryLine(what: string, tag: number, redelivered: boolean, returns: number): string {
  return `${what} #${tag}${redelivered ? ' again' : ''}${returns > 0 ? ` (returned ${returns})` : ''}`
}
