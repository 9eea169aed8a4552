/** Reads queues: checks the right to do so, and gets messages over HTTP (behaviour.md section 8). */
import type { Broker } from '../broker/broker.ts'
import { type Content, readContent } from '../broker/message.ts'
import { type Delivery, type Queue, type Settlement, waitsForDisk } from '../broker/queue/queue.ts'
import { TAKEN_BYTES_MAX, TAKEN_MESSAGES_MAX } from '../limits.ts'
import { AmqpError, ReplyCode } from '../protocol/errors.ts'
import { charged } from '../util/owner.ts'
import { type Caller, checkAccess, cleanName, describeQueue, existingQueue } from './caller.ts'

/** @throws AmqpError 403, 404, 405 */
export function readableQueue(c: Caller, name: string): Queue {
  const wanted = cleanName(name)
  checkAccess(c, 'read', 'queue', wanted)
  return existingQueue(c, wanted)
}

/** Returns the queue if its type supports basic.get. @throws AmqpError 403, 404, 405, 540 */
export function gettableQueue(c: Caller, name: string): Queue {
  const q = readableQueue(c, name)
  const what = describeQueue(c, q.name)
  if (!q.kind.takesOut)
    throw new AmqpError(ReplyCode.NotImplemented, `basic.get not supported by stream queues ${what}`)
  if (!q.kind.getBesideSingleActive && q.settings.singleActiveConsumer)
    throw new AmqpError(
      ReplyCode.ResourceLocked,
      `cannot obtain access to locked ${what}. basic.get operations are not supported by quorum queues with single active consumer`,
    )
  return q
}

export interface Taken {
  readonly content: Content
  readonly redelivered: boolean
  /** Number of ready messages left in the queue after it. */
  readonly left: number
}

/** Whether `takeMessages` must wait for the disk, since messages may be dead-lettered. @throws as `gettableQueue` */
export function takingWaits(broker: Pick<Broker, 'turn'>, c: Caller, name: string, how: Settlement): boolean {
  return waitsForDisk(broker.turn, gettableQueue(c, name), how)
}

/**
 * Gets messages as a client with basic.get would, and settles them once all have been read.
 * @param most maximum; fewer if the queue has no more, or a bound is reached. @throws as `gettableQueue`
 */
export function takeMessages(c: Caller, name: string, most: number, how: Settlement): Taken[] {
  const q = gettableQueue(c, name)
  const numbers: number[] = []
  // If one cannot be read for want of memory, nobody gets those before it.
  let then: Settlement = 'return'
  try {
    const out = takeSome(q, Math.min(most, TAKEN_MESSAGES_MAX), numbers)
    then = how
    return out
  } finally {
    for (const sequence of numbers) charged(q, () => q.settle(sequence, then))
  }
}

/** @param numbers the sequence numbers of messages that were taken are added, also if this throws */
function takeSome(q: Queue, most: number, numbers: number[]): Taken[] {
  const out: Taken[] = []
  let octets = 0
  while (out.length < most && octets < TAKEN_BYTES_MAX) {
    const found = q.get()
    if (found === undefined) break
    const { segment, index, sequence } = found
    let content: Content
    try {
      content = contentOf(q, found)
    } catch (error) {
      q.setAside(sequence, 'get', error)
      continue
    }
    octets += content.body.length + weightOfHeaders(content)
    out.push({
      content,
      redelivered: segment.wasDelivered(index),
      left: q.counts.ready - 1,
    })
    q.takeGot(false)
    numbers.push(sequence)
  }
  return out
}

/** Octets of properties that every message may have. */
const USUAL_PROPERTY_BYTES = 256

/** Octets of a body that take as long to show as the message's headers, which are decoded and described one by one. */
export function weightOfHeaders({ propertyBytes }: Content): number {
  return Math.max(0, propertyBytes.length - USUAL_PROPERTY_BYTES) * 64
}

/** The content as it is sent, copied to memory of its own. */
function contentOf(q: Queue, d: Delivery): Content {
  const m = q.rewritesOnDelivery ? q.asDelivered(d) : undefined
  const content =
    m === undefined
      ? d.segment.content(d.index)
      : readContent(m.source, m.namesStart, m.contentStart, m.contentEnd)
  return { ...content, body: Buffer.from(content.body) }
}

/**
 * Makes set-aside messages ready again, for example after an update; returns their number. @throws AmqpError 403, 404,
 * 405
 */
export function releaseParked(c: Caller, name: string, only?: number): number {
  return readableQueue(c, name).releaseParked(only)
}

/** Drops a set-aside message. False if there is none with that number. @throws AmqpError 403, 404, 405, 540 */
export function dropParked(c: Caller, name: string, number: number): boolean {
  const q = readableQueue(c, name)
  if (!q.kind.takesOut)
    throw new AmqpError(
      ReplyCode.NotImplemented,
      `deleting a message not supported by stream queues ${describeQueue(c, q.name)}`,
    )
  if (q.releaseParked(number) === 0) return false
  // The message is ready now, but cannot be delivered before this turn ends.
  q.removeReady(number)
  return true
}
