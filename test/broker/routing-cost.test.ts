import { describe, expect, it } from 'vitest'
import { encodeContent } from '../../src/broker/content.ts'
import { Deduplication } from '../../src/broker/deduplication.ts'
import { ConsistentHashRouting } from '../../src/broker/exchange/consistent-hash.ts'
import { Binding, type Destination, Exchange, type Matches } from '../../src/broker/exchange/exchange.ts'
import { HeadersRouting } from '../../src/broker/exchange/headers.ts'
import { ModulusHashRouting } from '../../src/broker/exchange/random.ts'
import { RecentHistoryRouting } from '../../src/broker/exchange/recent-history.ts'
import { TopicRouting } from '../../src/broker/exchange/topic.ts'
import { atOnce } from '../../src/broker/jobs.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import { nowhere, PlainMessage, route } from '../../src/broker/router.ts'
import { HASHED_PER_STEP, HISTORY_BYTES_MAX, ROUTING_STEPS_MAX } from '../../src/limits.ts'
import { type FieldEntry, FieldTable, fieldEntry, toField } from '../../src/protocol/field-table.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { bindQueue, CH, counts, declareExchange, declareQueue, refused, session } from '../support/session.ts'
import { useTarget } from '../support/target.ts'
import { table } from '../support/wire.ts'

const t = useTarget()

function binding(name: string, routingKey: string, args: FieldTable = FieldTable.empty): Binding {
  const destination = { name } as Destination
  return new Binding({} as Exchange, destination, routingKey, args, false)
}

class Counting implements Matches {
  readonly keys = []
  readonly found: string[] = []
  taken = 0
  add(d: Destination): void {
    this.found.push(d.name)
  }
  effect(): void {}
  steps(count: number): void {
    this.taken += count
  }
}

describe('x-consistent-hash', () => {
  const keys = Array.from({ length: 40_000 }, (_, i) => `order-${i}`)
  const weights: Record<string, string> = { a: '1', b: '3', c: '10000', d: '6000', e: '4000' }
  const bindings = Object.entries(weights).map(([name, weight]) => binding(name, weight))
  const routed = (list: readonly Binding[]): { to: string[]; steps: number } => {
    const routing = new ConsistentHashRouting(FieldTable.empty)
    for (const b of list) routing.add(b)
    const matches = new Counting()
    for (const k of keys) routing.route(new PlainMessage(k, {}), matches)
    return { to: matches.found, steps: matches.taken }
  }

  it('takes as many steps as there are destinations, whatever their weights, and shares by weight', () => {
    const { to, steps } = routed(bindings)
    const hashed = keys.reduce((sum, k) => sum + Math.floor(k.length / HASHED_PER_STEP), 0)
    expect(steps).toBe(keys.length * bindings.length + hashed)
    expect(to.length).toBe(keys.length)
    for (const [name, weight] of Object.entries(weights)) {
      const expected = (keys.length * Number(weight)) / 20_004
      // Five times the standard deviation; the keys are always the same.
      expect(Math.abs(to.filter((t) => t === name).length - expected)).toBeLessThan(
        5 * Math.sqrt(expected) + 2,
      )
    }
  })

  it('moves only what a destination loses or gains, and does not mind the order of the bindings', () => {
    const { to } = routed(bindings)
    expect(routed([...bindings].reverse()).to).toEqual(to)
    const without = routed(bindings.filter((b) => b.destination.name !== 'd')).to
    for (const [i, before] of to.entries()) if (before !== 'd' && without[i] !== before) expect(i).toBe(-1)
    expect(without).not.toContain('d')
  })
})

describe('headers', () => {
  it('are looked through once for all bindings', () => {
    let looks = 0
    const entry = (name: string): FieldEntry => {
      const e = fieldEntry(name, toField(name))
      return {
        ...e,
        get name() {
          looks++
          return name
        },
      }
    }
    const names = Array.from({ length: 4000 }, (_, i) => `header-${i}`)
    const headers = FieldTable.of(names.map(entry))
    const routing = new HeadersRouting()
    for (let i = 0; i < 5; i++)
      routing.add(binding(`q${i}`, '', FieldTable.from(Object.fromEntries(names.map((n) => [n, n])))))
    const matches = new Counting()
    looks = 0
    routing.route(new PlainMessage('', { headers }), matches)
    expect(matches.found).toEqual(['q0', 'q1', 'q2', 'q3', 'q4'])
    expect(looks).toBeLessThanOrEqual(2 * names.length)
    expect(matches.taken).toBe(5 * names.length)
  })

  it('give the first field of a name, and say what is not there, in large tables too', () => {
    const many = Array.from({ length: 40 }, (_, i) => fieldEntry(`f${i}`, toField(i)))
    const t = FieldTable.of([...many, fieldEntry('f7', toField('again'))])
    expect([t.get('f7'), t.get('f40'), t.get('constructor')]).toEqual([toField(7), undefined, undefined])
  })
})

describe('what a message takes to route', () => {
  const exchange = (name: string, routing: Exchange['routing']): Exchange =>
    new Exchange(
      {
        name,
        type: 'topic',
        durable: false,
        autoDelete: false,
        internal: false,
        arguments: FieldTable.empty,
      },
      { routing },
    )
  const context = { findExchange: () => undefined, now: () => 0 }

  it('has a bound', () => {
    const routing = new TopicRouting()
    // Each of the patterns may go on at each word of the key, and so may what is behind it.
    for (let i = 0; i < 400; i++) routing.add(binding(`q${i}`, `#.${i}.${'#.*.'.repeat(60)}z`))
    for (let i = 0; i < 400; i++) routing.add(binding(`q${i}`, `#.*.${'#.*.'.repeat(50)}${i}.#`))
    const x = exchange('x', routing)
    const keys = Array.from({ length: 500 }, (_, i) => new PlainMessage(`${i % 400}${'.a'.repeat(120)}`, {}))
    expect(() => route(x, keys, context)).toThrow(
      `message takes more than ${ROUTING_STEPS_MAX} steps to route`,
    )
    expect(route(x, keys.slice(0, 1), context).queues).toEqual([])
  })

  it('grows with the length of what is hashed, and with the words of keys', () => {
    const text = 'a.'.repeat(120)
    const headers = FieldTable.from({ h: text.repeat(100) })
    const steps = (routing: Exchange['routing'], key: string): number => {
      const matches = new Counting()
      routing.route(new PlainMessage(key, { headers }), matches)
      return matches.taken
    }
    const hashing = new ConsistentHashRouting(FieldTable.empty)
    const header = new ConsistentHashRouting(FieldTable.from({ 'hash-header': 'h' }))
    const modulus = new ModulusHashRouting()
    const topic = new TopicRouting()
    topic.add(binding('q', `a.${'*.'.repeat(120)}z`))
    for (const [routing, octets] of [
      [hashing, text.length],
      [modulus, text.length],
      [header, 100 * text.length],
    ] as const)
      expect(steps(routing, text)).toBeGreaterThanOrEqual(octets / HASHED_PER_STEP)
    // Taken apart, and compared with the binding that goes on alone.
    expect(steps(topic, text)).toBeGreaterThanOrEqual(2 * 120)
    expect(steps(topic, 'b')).toBeLessThan(5)
  })

  it('a long value of deduplication is hashed once, however many exchanges remember it', () => {
    let looks = 0
    const value = Buffer.from('x'.repeat(1000))
    const toText = value.toString.bind(value)
    value.toString = (encoding?: BufferEncoding) => {
      looks++
      return toText(encoding)
    }
    const headers = FieldTable.of([fieldEntry('x-deduplication-header', { type: 'S', value })])
    const caches = [1, 2, 3].map(() => new Deduplication(FieldTable.empty, undefined))
    for (const d of caches) {
      expect(d.isDuplicate(headers, 0)).toBe(false)
      d.admit(headers, 0)
      expect(d.isDuplicate(headers, 0)).toBe(true)
    }
    expect(looks).toBeLessThanOrEqual(1)
  })

  it('is asked once of exchanges for which the key does not matter', () => {
    let asked = 0
    const routing = { byKeyOnly: true, keyless: true, add() {}, remove() {}, route: () => void asked++ }
    const keys = Array.from({ length: 1000 }, (_, i) => new PlainMessage(`k${i}`, {}))
    route(exchange('x', routing), keys, context)
    expect(asked).toBe(1)
  })

  it('closes the channel where it is too much, and nothing is published', async () => {
    const w = await session(t)
    const x = await declareExchange(w, 'topic', { autoDelete: false })
    const queue = await declareQueue(w)
    for (let i = 0; i < 30; i++) await bindQueue(w, queue, x, `#.${i}.${'#.*.'.repeat(60)}z`)
    await bindQueue(w, queue, x, '#')
    const CC = Array.from({ length: 900 }, (_, i) => `${i % 30}${'.a'.repeat(60)}.${i}`)
    w.publish(CH, { exchange: x, routingKey: 'k', properties: { headers: table({ CC }) } })
    expect(await refused(w)).toEqual([406, expect.stringContaining('steps to route')])
    expect((await counts(w, queue)).messages).toBe(0)
    w.publish(CH, { exchange: x, routingKey: 'k' })
    await w.call(CH, MethodId.ConfirmSelect, {}, MethodId.ConfirmSelectOk)
    expect((await counts(w, queue)).messages).toBe(1)
  })
})

describe('x-recent-history', () => {
  it('keeps so many octets, whatever the number of messages', () => {
    const routing = new RecentHistoryRouting(table({ 'x-recent-history-length': 10_000 }))
    const size = HISTORY_BYTES_MAX / 16
    const m = new InboundMessage()
    encodeContent('', 'k', {}, Buffer.alloc(size - 1000), m)
    for (let i = 0; i < 100; i++) routing.published(m)
    let bound = 0
    const destination = { publish: () => bound++ } as unknown as Destination
    const nobody = { findExchange: () => undefined, routeOwn: () => nowhere }
    const b = { ...binding('q', ''), destination }
    routing.add(b)
    atOnce(routing.bound(b, nobody))
    expect(bound).toBe(16)
  })
})
