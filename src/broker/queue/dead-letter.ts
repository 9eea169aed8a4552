/** Dead lettering (behaviour.md section 12): the x-death header, and the targets that a message may reach. */
import { DEATHS_BYTES_MAX, DEATHS_MAX } from '../../limits.ts'
import {
  type FieldEntry,
  FieldTable,
  type FieldValue,
  fieldEntry,
  integerOf,
  toField,
} from '../../protocol/field-table.ts'
import type { Properties } from '../../protocol/generated/properties.ts'
import { carbonCopyKeys } from '../carbon-copies.ts'
import { encodeContent } from '../content.ts'
import type { Effect } from '../exchange/exchange.ts'
import { isSmallEnough, tooWide } from '../fan-out.ts'
import { headersNamed } from '../headers-named.ts'
import { type Content, InboundMessage } from '../message.ts'
import { copiesOf, type HasPassed, isUnroutable, PlainMessage, type Routing } from '../router.ts'
import { type DeathReason, PUBLISH_REFUSED, type Queue, type RoutedQueue } from './queue.ts'

const COUNT_MAX = Number.MAX_SAFE_INTEGER

/** A queue, or the keeper of an exchange's effect. */
export type Recipient = RoutedQueue | Effect['keeper']

/** Whether there are targets and all have the message; `later` if memory and disk cannot take its copies now. */
export type Passed = boolean | 'later'

/**
 * Publishes a message that `queue` drops or rejects to its dead-letter exchange.
 * @param waits whether memory or disk is low, or much data waits for the disk: a message with several copies must wait
 * @param done targets that have received the message, and exchanges that keep it; new ones are added
 * @returns whether there are targets and all of them have it, or `later` if it must wait
 * @throws Error if the copies together are too large
 */
export function deadLetter(
  routing: Routing,
  queue: Queue,
  content: Content,
  reason: DeathReason,
  nowMs: number,
  waits: boolean,
  done?: Set<Recipient>,
): Passed {
  const exchange = routing.findExchange(queue.settings.deadLetterExchange as string)
  if (exchange === undefined) return false
  const fixedKey = queue.settings.deadLetterRoutingKey
  const carbonCopies = carbonCopyKeys(content.properties.headers, 'CC')
  const keys = fixedKey === undefined ? [content.routingKey, ...carbonCopies] : [fixedKey]
  const history = withDeath(content, queue.name, reason, nowMs, carbonCopies)
  // A fixed routing key replaces the CC keys, for later dead letterings too.
  const headers = fixedKey === undefined ? history : history.without('CC')
  const properties: Properties = { ...content.properties, headers, expiration: undefined }
  const messages = keys.map((k) => new PlainMessage(k, properties))
  const deaths = deathsOf(headers)
  // It may go again where it was published before it died, and is no duplicate of itself there.
  const hasPassed: HasPassed = ({ name }) =>
    name === content.exchange || deaths.some((d) => d.text('exchange') === name)
  const route = routing.routeOwn(exchange, messages, hasPassed)
  const { queues, effects } = route
  // No publisher can be blocked for dead-lettered messages: passed from queue to queue, one may become a million.
  if (waits && copiesOf(route) > 1) return 'later'
  const tooMany = deaths.length > DEATHS_MAX
  const cycles = cyclesOf(deaths)
  const m = new InboundMessage()
  if (queues.length + effects.length > 0) {
    encodeContent(exchange.name, keys[0] as string, properties, content.body, m)
    m.died = true
    m.adoptable = queues.length === 1 && effects.length === 0
    if (!isSmallEnough(route, m)) throw tooWide(route)
  }
  let complete = !isUnroutable(route)
  let taken = effects.some((e) => e.takes)
  for (const target of queues) {
    if (reason !== 'rejected' && (tooMany || cycles.has(target.name))) continue
    if (done?.has(target)) taken = true
    else if (target.publish(m) === PUBLISH_REFUSED) complete = false
    else {
      taken = true
      done?.add(target)
    }
  }
  // A retry must not find itself remembered, and does not keep the message a second time.
  for (const effect of effects) {
    if (effect.remembers ? !complete || !taken : done?.has(effect.keeper)) continue
    effect.published(m)
    done?.add(effect.keeper)
  }
  return complete
}

/** The entries of the x-death header, newest first. */
export function deathsOf(headers: FieldTable | undefined): FieldTable[] {
  const v = headers?.get('x-death')
  return v?.type === 'A' ? v.value.flatMap((d) => (d.type === 'F' ? [d.value] : [])) : []
}

/** Whether the message is a dead letter that was in the queue before. */
export function hasDiedIn(m: InboundMessage, queue: string): boolean {
  return m.died && deathsOf(headersNamed(m, 'x-death')).some((d) => d.text('queue') === queue)
}

/** The queues that the message has passed since a client last rejected it. */
function cyclesOf(deaths: FieldTable[]): Set<string> {
  const queues = new Set<string>()
  for (const d of deaths) {
    if (d.text('reason') === 'rejected') break
    const queue = d.text('queue')
    if (queue !== undefined) queues.add(queue)
  }
  return queues
}

function withDeath(
  content: Content,
  queue: string,
  reason: DeathReason,
  nowMs: number,
  carbonCopies: string[],
): FieldTable {
  const old = content.properties.headers ?? FieldTable.empty
  const deaths = deathsOf(old)
  const known = deaths.find((d) => d.text('queue') === queue && d.text('reason') === reason)
  const death = known ? counted(known) : firstDeath(content, queue, reason, nowMs, carbonCopies)
  const history: FieldValue = {
    type: 'A',
    value: bounded([death, ...deaths.filter((d) => d !== known)]).map((value) => ({ type: 'F', value })),
  }
  const last: Record<string, string> = { reason, queue, exchange: content.exchange }
  const entries: FieldEntry[] = old.entries.filter(
    (e) => e.name !== 'x-death' && !e.name.startsWith('x-last-death-'),
  )
  entries.push(fieldEntry('x-death', history))
  for (const [what, value] of Object.entries(last)) {
    if (old.get(`x-first-death-${what}`) === undefined)
      entries.push(fieldEntry(`x-first-death-${what}`, toField(value)))
    entries.push(fieldEntry(`x-last-death-${what}`, toField(value)))
  }
  return FieldTable.of(entries)
}

/**
 * The newest entries, one more than the limit at most, which shows that there are too many. The oldest are shortened if
 * all together are too large.
 */
function bounded(deaths: FieldTable[]): FieldTable[] {
  let bytes = 0
  return deaths.slice(0, DEATHS_MAX + 1).map((d) => {
    bytes += d.bytes.length
    return bytes <= DEATHS_BYTES_MAX ? d : d.without('routing-keys', 'time', 'original-expiration')
  })
}

function counted(death: FieldTable): FieldTable {
  const before = death.get('count')
  // The count may have been set by a client.
  const count = BigInt(Math.min((before && integerOf(before)) ?? 0, COUNT_MAX)) + 1n
  const entry = fieldEntry('count', { type: 'l', value: count })
  if (before === undefined) return FieldTable.of([entry, ...death.entries])
  return FieldTable.of(death.entries.map((e) => (e.name === 'count' ? entry : e)))
}

function firstDeath(
  content: Content,
  queue: string,
  reason: DeathReason,
  nowMs: number,
  carbonCopies: string[],
): FieldTable {
  const { expiration } = content.properties
  const keys = [content.routingKey, ...carbonCopies]
  return FieldTable.of([
    ...(expiration === undefined ? [] : [fieldEntry('original-expiration', toField(expiration))]),
    fieldEntry('count', { type: 'l', value: 1n }),
    fieldEntry('reason', toField(reason)),
    fieldEntry('queue', toField(queue)),
    fieldEntry('time', { type: 'T', value: BigInt(Math.floor(nowMs / 1000)) }),
    fieldEntry('exchange', toField(content.exchange)),
    fieldEntry('routing-keys', toField(keys)),
  ])
}
