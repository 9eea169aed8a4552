import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import type { Exchange } from '../../src/broker/exchange/exchange.ts'
import { newRequeued } from '../../src/broker/messages/requeued.ts'
import { type Consumer, Consumers } from '../../src/broker/queue/consumers.ts'
import type { Queue } from '../../src/broker/queue/queue.ts'
import { SingleActiveConsumer } from '../../src/broker/queue/single-active-consumer.ts'
import type { Route } from '../../src/broker/router.ts'
import { Confirms } from '../../src/channel/confirms.ts'
import { RouteCache } from '../../src/channel/route-cache.ts'
import { Unsettled } from '../../src/channel/unsettled.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { same, sameDeep } from '../support/same.ts'

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
            same(u.add({} as Queue, tag * 7, undefined), tag)
          } else if (o.do === 'skip') same(u.skip(), ++tag)
          else {
            const tags = [...model.keys()]
            const t = tags[(o as { which: number }).which % Math.max(1, tags.length)]
            if (t === undefined) continue
            same(u.numberOf(t), model.get(t))
            model.delete(t)
            u.remove(t)
          }
          same(u.count, model.size)
        }
        for (let t = 0; t <= tag + 1; t++) same(u.isOutstanding(t), model.has(t))
        same(u.first, model.size === 0 ? tag + 1 : Math.min(...model.keys()))
        const walked: number[] = []
        for (let t = u.nextFrom(0, tag); t <= tag; t = u.nextFrom(t + 1, tag)) walked.push(t)
        sameDeep(walked, [...model.keys()])
        for (const [t, number] of model) same(u.numberOf(t), number)
        const middle = Math.floor(tag / 2)
        const before = walked.find((t) => t >= middle && t <= middle + 3)
        same(u.nextFrom(middle, middle + 3), before ?? Infinity)
      }),
    )
  })

  it('tell the queues of a range of them, without those of which no delivery is meant', () => {
    const u = new Unsettled()
    const [a, b, c] = [{}, {}, {}] as [Queue, Queue, Queue]
    for (const queue of [a, b, b, a, c]) u.add(queue, 0, undefined)
    u.remove(1)
    expect(u.queuesFrom(1, 4)).toEqual([b, a])
    expect(u.queuesFrom(1, 5, (tag) => tag !== 3 && tag !== 5)).toEqual([b, c])
    // Found by the second of its deliveries, too.
    expect(u.queuesFrom(2, 3, (tag) => tag === 2)[0]).toBe(b)
    expect(u.queuesFrom(1, 5, (tag) => tag === 4 || tag === 5)[0]).toBe(b)
    expect(u.queuesFrom(1, 5, () => true)).toEqual([])
  })

  it('take no more room than what is outstanding, however long one of them stays', () => {
    for (const others of ['without acknowledgement', 'acknowledged']) {
      const u = new Unsettled()
      u.add({} as Queue, 0, undefined)
      for (let i = 1; i < 100_000; i++) {
        if (others === 'acknowledged') u.remove(u.add({} as Queue, i, undefined))
        else u.skip()
      }
      expect(u.capacity).toBe(64)
      expect([u.first, u.count, u.nextTag]).toEqual([1, 1, 100_001])
      u.remove(1)
      expect(u.add({} as Queue, 5, undefined)).toBe(100_001)
      expect(u.numberOf(100_001)).toBe(5)
    }
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
        const r = newRequeued(false)
        let model: number[] = []
        for (const n of ops) {
          if (n >= 0 && !model.includes(n)) {
            r.add(n, false)
            model = [...model, n].sort((a, b) => a - b)
          } else if (model.length > 0) {
            same(r.first, model.shift())
            r.removeFirst()
          }
          same(r.size, model.length)
        }
      }),
    )
  })

  it.each([true, false])('can be taken out of their turn (in the order of their return: %s)', (inOrder) => {
    const op = fc.record({ do: fc.constantFrom('add', 'first', 'take'), n: fc.nat(40) })
    fc.assert(
      fc.property(fc.array(op, { maxLength: 200 }), (ops) => {
        const r = newRequeued(inOrder)
        let model: number[] = []
        for (const { do: what, n } of ops) {
          if (what === 'add' && !model.includes(n)) {
            r.add(n, n % 2 === 0)
            model.push(n)
            if (!inOrder) model.sort((a, b) => a - b)
          } else if (what === 'first' && model.length > 0) {
            r.removeFirst()
            model.shift()
          } else if (what === 'take') {
            r.remove(n, n % 2 === 1 && model.includes(n))
            model = model.filter((m) => m !== n)
          }
          sameDeep([r.size, r.size > 0 ? r.first : -1], [model.length, model[0] ?? -1])
        }
      }),
    )
  })

  it.each([true, false])(
    'leave nothing behind that would have to be passed over at length (in the order of their return: %s)',
    (inOrder) => {
      const r = newRequeued(inOrder)
      const count = 300_000
      for (let n = 0; n < count; n++) r.add(n, false)
      // From within, and not at all for most of them: a map would be asked for each.
      const calls = vi.spyOn(Map.prototype, 'get')
      for (let n = 1; n < count - 1; n++) r.remove(n, true)
      r.removeFirst()
      const asked = calls.mock.calls.length
      calls.mockRestore()
      expect([r.first, r.size]).toEqual([count - 1, 1])
      expect(asked).toBeLessThan(count / 100)
    },
  )

  it('come back in any order at the same cost', () => {
    const r = newRequeued(false)
    const count = 400_000
    for (const odd of [1, 0]) for (let n = odd; n < count; n += 2) r.add(n, false)
    for (let n = 0; n < count; n++) {
      if (r.first !== n) expect(r.first).toBe(n)
      r.removeFirst()
    }
    expect(r.size).toBe(0)
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
      resting: false,
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

  it('keep their round whoever comes, goes, or runs out of credit', () => {
    const op = fc.record({ do: fc.constantFrom('add', 'remove', 'resume', 'next'), n: fc.nat(14) })
    fc.assert(
      fc.property(fc.array(op, { maxLength: 200 }), (ops) => {
        const list = new Consumers()
        const all = Array.from({ length: 15 }, (_, i) => consumer(String(i), 1 + (i % 2), i % 12))
        const there = new Set<(typeof all)[number]>()
        /** For each priority those that are not put aside, next first. */
        const rounds = Array.from({ length: 12 }, (): typeof all => [])
        for (const { do: what, n } of ops) {
          const c = all[n] as (typeof all)[number]
          const round = rounds[c.priority] as typeof all
          if (what === 'add' && !there.has(c)) {
            list.add(c)
            there.add(c)
            round.push(c)
          } else if (what === 'remove' && there.delete(c)) {
            list.remove(c)
            rounds[c.priority] = round.filter((o) => o !== c)
          } else if (what === 'resume' && there.has(c)) {
            c.credit = 2
            if (c.resting) round.push(c)
            list.resume(c)
          } else if (what === 'next') {
            let expected: string | undefined
            for (let p = 11; p >= 0 && expected === undefined; p--) {
              const r = rounds[p] as typeof all
              while (r.length > 0 && expected === undefined) {
                const first = r.shift() as (typeof all)[number]
                if (first.credit === 0) continue
                expected = first.tag
                r.push(first)
              }
            }
            expect(take(list)).toBe(expected)
          }
          expect(list.size).toBe(there.size)
        }
      }),
    )
  })

  it('of very many priorities are passed over and come back quickly', () => {
    const list = new Consumers()
    const count = 100_000
    const all = Array.from({ length: count }, (_, i) => consumer(String(i), 0, -i))
    for (const c of all) list.add(c)
    const before = process.cpuUsage()
    expect(list.next()).toBeUndefined()
    for (const c of all) {
      c.credit = 1
      list.resume(c)
    }
    expect(Array.from({ length: count }, () => take(list))).toEqual(all.map((c) => c.tag))
    expect(list.next()).toBeUndefined()
    // Several seconds where each moves those behind it.
    expect(process.cpuUsage(before).user / 1e6).toBeLessThan(1.5)
  })

  it.each([
    ['in turn', () => new Consumers()],
    ['one at a time', () => new SingleActiveConsumer(false)],
  ])('go as quickly as they come, served %s', (_, make) => {
    for (const priorities of [1, 20_000]) {
      const list = make()
      const all = Array.from({ length: 20_000 }, (_, i) => consumer(String(i), 1, i % priorities))
      for (const c of all) list.add(c)
      expect(list.next()?.tag).toBe(priorities === 1 || list instanceof SingleActiveConsumer ? '0' : '19999')
      for (const c of all) list.remove(c)
      expect([list.size, list.next()]).toEqual([0, undefined])
    }
  })
})
