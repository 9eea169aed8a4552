import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Exchange } from '../../src/broker/exchange/exchange.ts'
import { type Consumer, Consumers } from '../../src/broker/queue/consumers.ts'
import type { Queue } from '../../src/broker/queue/queue.ts'
import { ReturnedMessages } from '../../src/broker/queue/returned.ts'
import type { Route } from '../../src/broker/router.ts'
import { Confirms } from '../../src/channel/confirms.ts'
import { RouteCache } from '../../src/channel/route-cache.ts'
import { Unsettled } from '../../src/channel/unsettled.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'

describe('unsettled deliveries', () => {
  it('behave like a map from tag to number', () => {
    const op = fc.oneof(
      fc.record({ do: fc.constantFrom('add', 'skip') }),
      fc.record({ do: fc.constant('remove'), which: fc.nat() }),
    )
    fc.assert(
      fc.property(fc.array(op, { maxLength: 600 }), (ops) => {
        const u = new Unsettled()
        const model = new Map<number, number>()
        let tag = 0
        for (const o of ops) {
          if (o.do === 'add') {
            model.set(++tag, tag * 7)
            expect(u.add({} as Queue, tag * 7, undefined)).toBe(tag)
          } else if (o.do === 'skip') expect(u.skip()).toBe(++tag)
          else {
            const tags = [...model.keys()]
            const t = tags[(o as { which: number }).which % Math.max(1, tags.length)]
            if (t === undefined) continue
            expect(u.numberOf(t)).toBe(model.get(t))
            model.delete(t)
            u.remove(t)
          }
          expect(u.count).toBe(model.size)
        }
        for (let t = 0; t <= tag + 1; t++) expect(u.isOutstanding(t)).toBe(model.has(t))
        if (model.size > 0) expect(u.first).toBeLessThanOrEqual(Math.min(...model.keys()))
      }),
    )
  })
})

describe('confirms', () => {
  it('acknowledge in order, nothing before its batch, nothing refused, everything else in the end', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(fc.constant('safe'), fc.constant('durable'), fc.constant('flush'), fc.constant('refuse')),
          {
            maxLength: 200,
          },
        ),
        (ops) => {
          const c = new Confirms()
          const batchOf: number[] = [0]
          let batch = 1
          const answered = new Set<number>()
          const answer = (n: number): void => {
            expect(answered.has(n)).toBe(false)
            answered.add(n)
          }
          let last = 0
          const take = (flushed: number): void => {
            for (let again = true; again; ) {
              const { upTo, count, more } = c.take(flushed)
              again = more
              for (let n = upTo - count + 1; n <= upTo; n++) {
                expect(n).toBeGreaterThan(last)
                expect(batchOf[n]).toBeLessThanOrEqual(flushed)
                answer(n)
                last = n
              }
            }
          }
          for (const o of ops) {
            if (o === 'flush') take(batch++)
            else if (o === 'refuse') {
              answer(c.refuse())
              batchOf.push(0)
            } else {
              const wait = o === 'durable' ? batch : 0
              c.add(wait)
              batchOf.push(wait)
            }
          }
          take(batch)
          expect([answered.size, c.open, c.waits]).toEqual([batchOf.length - 1, 0, false])
        },
      ),
    )
  })
})

describe('route cache', () => {
  const names = (s: string): Uint8Array => new Uint8Array(Buffer.from(s))

  it('finds what was added, until the topology changes', () => {
    const exchange = {} as Exchange
    const cache = new RouteCache()
    const route: Route = { queues: [], effects: [], byKeyOnly: true }
    cache.add({ names: names('ab'), route, exchange }, 1)
    cache.add({ names: names('cd'), route, exchange }, 1)
    expect(cache.find(names('xxabxx'), 2, 4, 1)?.route).toBe(route)
    expect(cache.find(names('cd'), 0, 2, 1)?.names).toEqual(names('cd'))
    expect(cache.find(names('ef'), 0, 2, 1)).toBeUndefined()
    expect(cache.find(names('ab'), 0, 2, 2)).toBeUndefined()
    expect(cache.find(names('ab'), 0, 2, 1)).toBeUndefined()
  })
})

describe('returned messages', () => {
  it('come out lowest first', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.nat(1000), fc.constant(-1)), { maxLength: 300 }), (ops) => {
        const r = new ReturnedMessages(false)
        let model: number[] = []
        for (const n of ops) {
          if (n >= 0 && !model.includes(n)) {
            r.add(n)
            model = [...model, n].sort((a, b) => a - b)
          } else if (model.length > 0) {
            expect(r.first).toBe(model.shift())
            r.removeFirst()
          }
          expect(r.size).toBe(model.length)
        }
      }),
    )
  })
})

describe('consumers of a queue', () => {
  const consumer = (tag: string, credit: number, priority = 0) => {
    const c = {
      tag,
      credit,
      priority,
      noAck: false,
      exclusive: false,
      parked: false,
      unacked: 0,
      hasCredit: () => c.credit > 0,
      deliver() {},
      arguments: FieldTable.empty,
      settingsChanged() {},
      cancelled() {},
    }
    return c
  }
  const take = (list: Consumers): string | undefined => {
    const c = list.next() as (Consumer & { credit: number }) | undefined
    if (c !== undefined) c.credit--
    return c?.tag
  }

  it('are served in turn, as long as they have credit, higher priorities first', () => {
    const list = new Consumers()
    const [a, b, c] = [consumer('a', 2), consumer('b', 3), consumer('c', 1, 5)]
    for (const x of [a, b, c]) list.add(x)
    expect(Array.from({ length: 8 }, () => take(list))).toEqual([
      'c',
      'a',
      'b',
      'a',
      'b',
      'b',
      undefined,
      undefined,
    ])
    a.credit = 1
    list.resume(a)
    c.credit = 1
    list.resume(c)
    expect([take(list), take(list), take(list)]).toEqual(['c', 'a', undefined])
    list.remove(a)
    a.credit = 1
    list.resume(a)
    expect([take(list), list.size]).toEqual([undefined, 2])
  })
})
