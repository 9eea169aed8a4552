/** One channel of the simulation's oracle, and how what it hears is written. */
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
  readonly consumers = new Map<string, OracleConsumer>()
  published = 0
  /** Publishes without an answer. */
  unconfirmed: number[] = []
  publishes: { readonly step: Publish; readonly names: readonly string[]; readonly queues: OracleQueue[] }[] =
    []
  settlements: Settlement[] = []

  /** The deliveries that no open transaction settles. */
  get settleable(): Outstanding[] {
    return this.outstanding.filter((o) => !o.pending)
  }
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

export function deliveryLine(consumer: string, tag: number, redelivered: boolean): string {
  return `deliver ${consumer} #${tag}${redelivered ? ' again' : ''}`
}
