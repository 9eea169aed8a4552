/** One message for very many exchanges that keep messages: each of them has a copy, as queues have. */
import { describe, expect, it } from 'vitest'
import { encodeContent } from '../../src/broker/content.ts'
import type { Exchange } from '../../src/broker/exchange/exchange.ts'
import { fanningOut, isSmallEnough, isWide } from '../../src/broker/fan-out.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import { PlainMessage, type Route } from '../../src/broker/router.ts'
import { FAN_OUT_BYTES, FAN_OUT_OWN_BYTES_MAX, JOB_WAIT_MS } from '../../src/limits.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { timedBroker } from '../support/timed-broker.ts'

const EXCHANGES = 1000
const kinds = {
  'x-recent-history': {},
  'x-delayed-message': { 'x-delayed-type': 'fanout' },
  fanout: { 'x-message-deduplication': true },
} as const

function message(body: string | Buffer): InboundMessage {
  const m = new InboundMessage()
  encodeContent('', 'q', {}, Buffer.from(body), m)
  return m
}

/** A message that goes to that many exchanges of the type. */
function start(type: keyof typeof kinds) {
  const { clock, broker, vhost } = timedBroker()
  const source = vhost.exchanges.get('amq.fanout') as Exchange
  const info = { type, durable: false, autoDelete: false, internal: false }
  for (let i = 0; i < EXCHANGES; i++) {
    const x = broker.createExchange(vhost, {
      ...info,
      name: `x${i}`,
      arguments: FieldTable.from(kinds[type]),
    })
    vhost.bind(source, x, '', FieldTable.empty)
  }
  const headers = FieldTable.from({ 'x-delay': 3_600_000, 'x-deduplication-header': 'once' })
  const keys = ['a', 'b', 'c'].map((key) => new PlainMessage(key, { headers }))
  return { clock, broker, route: vhost.route(source, keys) }
}

describe.each(['x-recent-history', 'x-delayed-message'] as const)('very many exchanges: %s', (type) => {
  it('have their copies in several turns, and wait while memory or disk cannot take them', () => {
    const { clock, broker, route } = start(type)
    let given = 0
    const counted: Route = {
      ...route,
      queues: [],
      effects: route.effects.map((e) => ({
        takes: e.takes,
        copies: e.copies,
        keeper: e.keeper,
        published: (m: InboundMessage) => {
          given++
          return e.published(m)
        },
      })),
    }
    expect(counted.effects.length).toBe(EXCHANGES)
    let full = false
    broker.inAlarm = () => full
    const outcomes: unknown[] = []
    const steps = fanningOut(counted, message('x'), broker.turn, broker.commit)
    // Looking at the time takes it.
    let now = 0
    clock.elapsed = () => now++
    broker.turn.jobs.begin(steps, { failed: () => {} }, (outcome) => outcomes.push(outcome))
    const held = given
    expect(held).toBeGreaterThan(0)
    expect(held).toBeLessThan(EXCHANGES)
    full = true
    clock.pass(10 * JOB_WAIT_MS)
    expect([given - held < 2, outcomes]).toEqual([true, []])
    full = false
    clock.pass(JOB_WAIT_MS)
    expect([given, outcomes]).toMatchObject([EXCHANGES, [{ durable: false, refused: false }]])
  })

  it('are waited for by who publishes a large message, and refuse one of the broker itself', () => {
    const { route } = start(type)
    expect(isWide(route, message('x'))).toBe(false)
    const part = message(Buffer.alloc(FAN_OUT_BYTES / EXCHANGES))
    expect(isWide(route, part)).toBe(true)
    expect(isSmallEnough(route, part)).toBe(true)
    expect(isSmallEnough(route, message(Buffer.alloc(FAN_OUT_OWN_BYTES_MAX / EXCHANGES)))).toBe(false)
  })
})

it('exchanges that only remember that a message was there have no copy of it', () => {
  const { route } = start('fanout')
  expect(route.effects.length).toBe(EXCHANGES)
  expect(isWide(route, message(Buffer.alloc(FAN_OUT_BYTES)))).toBe(false)
})
