/**
 * Diagnoses a queue in sentences with codes: why it grows, who holds its messages, what blocks it. Each sentence tells
 * the reader what to look at next.
 */
import type { Queue } from '../broker/queue/queue.ts'
import type { Vhost } from '../broker/vhost.ts'
import type { Channel } from '../channel/channel.ts'
import type { Client } from '../channel/client.ts'
import { ChannelConsumer } from '../channel/consumer.ts'
import type { Connection } from '../connection/connection.ts'
import { DIAGNOSIS_DELIVERIES_MAX } from '../limits.ts'
import { counted } from '../util/counted.ts'
import type { Json } from '../util/json.ts'
import type { ManagedBroker, ManagedNode } from './managed-node.ts'
import type { Statistics } from './statistics.ts'

export const severities = ['critical', 'warning', 'info', 'ok'] as const
type Severity = (typeof severities)[number]

interface Finding {
  readonly code: string
  readonly severity: Severity
  readonly sentence: string
  /** The connection concerned. */
  readonly connection?: string
  /** ms since 1970 */
  readonly since?: number
}

/** An unacknowledged delivery of this age causes a warning. */
const HELD_SECONDS = 60

/** Rates per second over the last interval. */
interface Speeds {
  readonly growth: number
  readonly publish: number
  readonly deliver: number
  readonly ack: number
  readonly redeliver: number
}

class Diagnosis {
  readonly findings: Finding[] = []
  private readonly node: ManagedNode
  private readonly active: ManagedBroker
  private readonly vhost: Vhost
  private readonly q: Queue
  private readonly speeds: Speeds
  private readonly now: number
  private readonly consumers: readonly ChannelConsumer[]

  constructor(s: Statistics, active: ManagedBroker, vhost: Vhost, q: Queue) {
    this.node = s.node
    this.active = active
    this.vhost = vhost
    this.q = q
    this.speeds = speedsOf(s, q)
    this.now = s.node.clock.now()
    this.consumers = [...q.consumerList].filter((c) => c instanceof ChannelConsumer)
  }

  private say(severity: Severity, code: string, sentence: string, more: Partial<Finding> = {}): void {
    this.findings.push({ code, severity, sentence, ...more })
  }

  all(): Finding[] {
    this.alarms()
    this.movement()
    this.whoConsumes()
    this.prefetch()
    this.slowReaders()
    this.holders()
    this.redeliveries()
    this.limits()
    this.deadLetters()
    this.parked()
    if (!this.findings.some((f) => f.severity === 'warning' || f.severity === 'critical')) this.well()
    const order = (f: Finding): number => severities.indexOf(f.severity)
    return this.findings.sort((a, b) => order(a) - order(b))
  }

  private alarms(): void {
    const { alarms } = this.node
    if (alarms.active)
      this.say(
        'critical',
        'alarm',
        `An alarm is in effect (${alarms.reason}): publishers wait until it is over, consumers go on.`,
      )
  }

  private movement(): void {
    const { growth, publish, deliver } = this.speeds
    if (growth > 0 && publish > deliver)
      this.say(
        'warning',
        'publish_rate_above_deliver_rate',
        `It grows by ${speed(growth)}: ${speed(publish)} are published and ${speed(deliver)} delivered.`,
      )
    else if (growth > 0) this.say('info', 'growing', `It grows by ${speed(growth)}.`)
    else if (growth < 0) {
      const left = (this.q.counts.ready + this.q.counts.unacked) / -growth
      this.say(
        'info',
        'shrinking',
        `It becomes shorter by ${speed(-growth)}: at this rate it is empty in ${time(left)}.`,
      )
    }
  }

  private whoConsumes(): void {
    const { q } = this
    const { ready } = q.counts
    if (q.counts.consumers === 0) {
      if (ready > 0)
        this.say(
          'warning',
          'no_consumer',
          `It has no consumer: ${counted(ready, 'message waits and nobody takes it', 'messages wait and nobody takes them')}.`,
        )
      else this.say('info', 'no_consumer', 'It has no consumer, and no ready message.')
      return
    }
    const waiting = q.counts.consumers - 1
    if (q.activeConsumer !== undefined && waiting > 0)
      this.say(
        'info',
        'single_active_consumer',
        `One consumer is served, '${q.activeConsumer.tag}'; ${counted(waiting, 'other waits', 'others wait')} for its end.`,
      )
  }

  private prefetch(): void {
    const { ready } = this.q.counts
    const { activeConsumer } = this.q
    const served = this.consumers.filter((c) => activeConsumer === undefined || c === activeConsumer)
    if (ready === 0 || served.length === 0) return
    const full = served.filter(atLimit)
    if (full.length === 0) return
    const held = full.reduce((n, c) => n + c.unacked, 0)
    if (full.length === served.length)
      this.say(
        'warning',
        'consumers_at_prefetch_limit',
        `${served.length === 1 ? 'Its consumer is at its' : `All ${served.length} consumers are at their`} prefetch limit: ` +
          `${counted(held, 'message is', 'messages are')} unacknowledged, and no more are delivered until some are acknowledged.`,
      )
    else
      this.say(
        'info',
        'some_consumers_at_prefetch_limit',
        `${full.length} of ${served.length} consumers are at their prefetch limit with ${counted(held, 'message')}.`,
      )
  }

  private slowReaders(): void {
    for (const [c, caller] of new Map(this.consumers.map(({ channel }) => [channel.client, channel.caller])))
      if (c.output.congested)
        this.say(
          'warning',
          'connection_does_not_read',
          `Connection ${describe(c, caller.user)} does not read what is sent to it: it gets no more until it does.`,
          { connection: c.name },
        )
  }

  /** Reports who holds the unacknowledged messages, and since when. */
  private holders(): void {
    const { unacked } = this.q.counts
    if (unacked === 0) return
    const held = this.held()
    const [most] = [...held.values()].sort((a, b) => b.count - a.count)
    if (most === undefined) return
    const { connection, count, oldest } = most
    const long = oldest > 0 && this.now - oldest * 1000 > HELD_SECONDS * 1000
    const since = oldest > 0 ? `, the first since ${clockTime(oldest * 1000, this.now)}` : ''
    const others = held.size > 1 ? ` (${held.size} connections hold messages; this one has the most)` : ''
    this.say(
      long ? 'warning' : 'info',
      'unacked_held_by_connection',
      `${count === unacked ? (count === 1 ? 'The' : `All ${number(count)}`) : number(count)} unacknowledged ` +
        `${count === 1 ? 'message is' : 'messages are'} held by connection ${describe(connection, connection.caller?.user ?? '')}${since}${others}.`,
      { connection: connection.name, ...(oldest > 0 ? { since: oldest * 1000 } : {}) },
    )
  }

  private held(): Map<Connection, { connection: Connection; count: number; oldest: number }> {
    const out = new Map<Connection, { connection: Connection; count: number; oldest: number }>()
    let looked = 0
    for (const connection of this.active.server.connections)
      for (const ch of connection.channels) {
        if (ch.unsettled.count === 0 || looked >= DIAGNOSIS_DELIVERIES_MAX) continue
        const { count, oldest, steps } = heldBy(ch, this.q, DIAGNOSIS_DELIVERIES_MAX - looked)
        looked += steps
        if (count === 0) continue
        const before = out.get(connection)
        out.set(connection, {
          connection,
          count: count + (before?.count ?? 0),
          oldest: Math.min(oldest, before?.oldest ?? oldest),
        })
      }
    return out
  }

  private redeliveries(): void {
    const { redeliver, ack } = this.speeds
    if (redeliver > 0 && redeliver > ack)
      this.say(
        'warning',
        'messages_come_back',
        `Messages come back again and again: ${speed(redeliver)} are redelivered and ${speed(ack)} acknowledged. ` +
          'A consumer may be rejecting the same ones, or failing.',
      )
  }

  private limits(): void {
    const { limit } = this.q.settings
    if (limit === undefined || !limit.isFull(this.q.counts.ready, this.q.bytes.ready)) return
    const what = `It is full (${limit.describe()})`
    if (limit.overflow === 'drop-head')
      this.say('warning', 'length_limit', `${what}: for each new message the oldest one ${this.leaves()}.`)
    else this.say('warning', 'length_limit', `${what}: publishes to it are refused.`)
  }

  private leaves(): string {
    return this.q.settings.deadLetterExchange === undefined ? 'is dropped' : 'is dead-lettered'
  }

  private deadLetters(): void {
    const { deadLetterExchange: name } = this.q.settings
    if (name === undefined || this.vhost.exchanges.has(name)) return
    this.say(
      'warning',
      'dead_letter_exchange_missing',
      `Its dead-letter exchange '${name}' does not exist: what is rejected or expires is lost.`,
    )
  }

  private parked(): void {
    const { size } = this.q.aside
    if (size > 0)
      this.say(
        'warning',
        'messages_set_aside',
        `${counted(size, 'message')} cannot be handled and ${size === 1 ? 'is' : 'are'} set aside: see the log, and leveret list_parked_messages.`,
      )
  }

  private well(): void {
    const { ready } = this.q.counts
    const { publish, deliver } = this.speeds
    const waits = ready === 0 ? 'nothing waits' : `${counted(ready, 'message')} ready`
    this.say('ok', 'ok', `Nothing is in the way: ${speed(publish)} in, ${speed(deliver)} out, ${waits}.`)
  }
}

function speedsOf(s: Statistics, q: Queue): Speeds {
  const all = { ...s.lengths(q), ...s.ofQueue(q) } as { [name: string]: { rate: number } }
  const of = (name: string): number => all[`${name}_details`]?.rate ?? 0
  return {
    growth: of('messages'),
    publish: of('publish'),
    deliver: of('deliver_get'),
    ack: of('ack'),
    redeliver: of('redeliver'),
  }
}

/**
 * Whether the consumer gets no deliveries until it acknowledges some, because of its own prefetch limit or the
 * channel's.
 */
function atLimit(c: ChannelConsumer): boolean {
  if (c.atSharedLimit) return true
  return !c.noAck && c.prefetch !== 0 && c.unacked >= c.prefetch
}

/**
 * Counts the deliveries from the queue that a channel holds.
 * @param most maximum number of deliveries to examine
 * @returns `oldest` in seconds since 1970; 0 = unknown
 */
function heldBy(ch: Channel, q: Queue, most: number): { count: number; oldest: number; steps: number } {
  const { unsettled } = ch
  const last = unsettled.nextTag - 1
  let [count, oldest, steps] = [0, 0, 0]
  for (let tag = unsettled.first; tag <= last && steps < most; tag = unsettled.nextFrom(tag + 1, last)) {
    steps++
    if (unsettled.queueOf(tag) !== q) continue
    if (count++ === 0) oldest = unsettled.sent.at(tag)
  }
  return { count, oldest, steps }
}

function describe(c: Client, user: string): string {
  return `'${c.name}' (user '${user}')`
}

function number(n: number): string {
  return Math.round(n).toLocaleString('en-GB')
}

function speed(n: number): string {
  return `${n < 10 ? n.toFixed(1).replace(/\.0$/, '') : number(n)}/s`
}

function time(seconds: number): string {
  if (seconds < 90) return counted(Math.max(1, seconds), 'second')
  return seconds < 5400 ? counted(seconds / 60, 'minute') : counted(seconds / 3600, 'hour')
}

/**
 * Shows the time, with the date if it is more than a day ago; the broker and its operators may be in different time
 * zones.
 */
function clockTime(at: number, now: number): string {
  const text = new Date(at).toISOString()
  const short = `${text.slice(11, 19)} UTC`
  return now - at < 86_400_000 ? short : `${text.slice(0, 10)} ${short}`
}

export function diagnose(s: Statistics, active: ManagedBroker, vhost: Vhost, q: Queue): Json {
  return { vhost: vhost.name, queue: q.name, findings: new Diagnosis(s, active, vhost, q).all() }
}
