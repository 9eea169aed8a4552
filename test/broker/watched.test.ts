/** Whoever watches messages, and the firehose, take no more than a share of a turn, whatever passes. */
import { describe, expect, it } from 'vitest'
import { encodeContent } from '../../src/broker/content.ts'
import { Firehose } from '../../src/broker/firehose.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import type { Consumer } from '../../src/broker/queue/consumers.ts'
import { type QueueKind, queueKind } from '../../src/broker/queue/kinds/kinds.ts'
import { nowhere } from '../../src/broker/router.ts'
import { TURN_MS } from '../../src/limits.ts'
import { watchExchange, watchQueue } from '../../src/operations/tail.ts'
import {
  TAIL_COMPARISONS_MAX,
  TAIL_PROPERTIES_PER_ROUND_MAX,
  TAILS_MAX,
} from '../../src/operations/tail-limits.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { fullAccess } from '../../src/security/access.ts'
import { timedBroker } from '../support/timed-broker.ts'

const origin = { number: 1, connectionName: 'c', userName: 'u' }

function message(headerOctets: number): InboundMessage {
  const m = new InboundMessage()
  const headers = FieldTable.from({ text: 'x'.repeat(headerOctets) })
  encodeContent('amq.fanout', 'q', { headers }, Buffer.from('x'), m)
  return m
}

function start(kind = 'classic') {
  const { clock, broker, vhost } = timedBroker()
  const of = queueKind(kind) as QueueKind
  const info = { name: 'q', durable: kind !== 'classic', exclusive: false, autoDelete: false }
  const queue = broker.createQueue(vhost, { ...info, kind: of, arguments: FieldTable.empty }, undefined)
  const owner = { failed: (error: unknown) => expect(error).toBeUndefined() }
  return { clock, broker, vhost, queue, owner }
}

describe('those who watch messages', () => {
  it('see as many together as may be shown in a round of the event loop, and are told how many they have missed', () => {
    const { clock, vhost, owner } = start()
    const c = { user: 'u', tags: [], access: fullAccess, vhost, owner }
    const [seen, missed] = [[] as string[], [] as number[]]
    const tails = Array.from({ length: TAILS_MAX }, () =>
      watchExchange(
        c,
        'amq.fanout',
        '#',
        clock,
        { see: ({ event }) => seen.push(event) > 0, ended: (_, count) => void missed.push(count) },
        { limit: 1000, seconds: 10 },
        owner,
      ),
    )
    const publish = (octets: number): void => vhost.tracer?.published(origin, message(octets), nowhere)
    publish(TAIL_PROPERTIES_PER_ROUND_MAX / 3)
    expect(seen.length).toBe(2)
    clock.pass(1)
    publish(2 * TAIL_PROPERTIES_PER_ROUND_MAX)
    expect(seen.length).toBe(3)
    clock.pass(1)
    for (let i = 0; i < 100; i++) publish(10)
    expect(seen.length).toBe(3 + 100 * TAILS_MAX)
    for (const t of tails) t.end('time')
    expect(missed.reduce((a, b) => a + b)).toBe(2 * TAILS_MAX - 3)
  })
})

describe('a message that the default exchange sends to very many queues', () => {
  it('is shown only if few comparisons tell whether the watcher may see it', () => {
    const { clock, vhost, queue, owner } = start()
    let compared = 0
    const access = {
      rulesCount: 1000,
      allows: () => ++compared > 0,
      restrictsTopic: () => false,
      allowsTopic: () => true,
    }
    const c = { user: 'u', tags: [], access, vhost, owner }
    const seen: string[] = []
    const watcher = { see: ({ event }: { event: string }) => seen.push(event) > 0, ended: () => {} }
    watchExchange(c, '', '#', clock, watcher, { limit: 1000, seconds: 10 }, owner)
    const publish = (count: number): void => {
      const m = new InboundMessage()
      encodeContent('', 'q', { headers: FieldTable.empty }, Buffer.from('x'), m)
      vhost.tracer?.published(origin, m, { ...nowhere, queues: Array(count).fill(queue) })
    }
    publish(TAIL_COMPARISONS_MAX / access.rulesCount)
    expect(seen).toEqual(['published'])
    compared = 0
    publish(TAIL_COMPARISONS_MAX / access.rulesCount + 1)
    expect([seen.length, compared]).toEqual([1, 0])
  })
})

describe.each(['classic', 'quorum', 'stream'])('a delivery that is watched: %s', (kind) => {
  it.each(['tail', 'firehose'])('lets the queue look at the time: %s', (what) => {
    const { clock, broker, vhost, queue, owner } = start(kind)
    const c = { user: 'u', tags: [], access: fullAccess, vhost, owner }
    for (let i = 0; i < 200; i++) queue.publish(message(10))
    clock.pass(1)
    const watcher = { see: () => true, ended: () => {} }
    if (what === 'firehose') vhost.tracers.setFirehose(new Firehose(vhost, 'node', owner, broker.turn))
    else watchQueue(c, 'q', clock, watcher, { limit: 1000, seconds: 10 }, owner)
    let now = 0
    clock.elapsed = () => now
    let got = 0
    const consumer: Consumer = {
      tag: 't',
      noAck: kind !== 'stream',
      exclusive: false,
      priority: 0,
      arguments: FieldTable.from({ 'x-stream-offset': 'first' }),
      resting: false,
      unacked: 0,
      hasCredit: () => true,
      deliver: (of, segment, index) => {
        got++
        now += TURN_MS / 4
        vhost.tracer?.delivered(origin, of, segment, index)
      },
      settingsChanged: () => {},
      cancelled: () => {},
    }
    queue.consume(consumer)
    broker.turn.pumpNow()
    expect(got).toBeGreaterThan(0)
    expect(got).toBeLessThan(20)
  })
})
