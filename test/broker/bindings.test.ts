/** The bindings of a vhost: found by either end, and iterated while they are removed. */
import { expect, it } from 'vitest'
import { Bindings } from '../../src/broker/exchange/bindings.ts'
import { Binding, type Destination, type Exchange } from '../../src/broker/exchange/exchange.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { randomOf } from '../torture/random.ts'

const end = <T>(name: string): T => ({ name, boundTo: undefined }) as unknown as T

function bound(bindings: Bindings, x: Exchange, count: number): Binding[] {
  return Array.from({ length: count }, (_, i) => {
    const b = new Binding(x, end<Destination>(`q${i}`), 'k', FieldTable.empty, true)
    expect(bindings.add(b)).toBe(true)
    return b
  })
}

it('are counted, and removed once', () => {
  const [bindings, x, y] = [new Bindings(), end<Exchange>('x'), end<Exchange>('y')]
  const [first, second, third] = bound(bindings, x, 3) as [Binding, Binding, Binding]
  bound(bindings, y, 1)
  expect([bindings.size, bindings.countFrom(x), [...bindings].length]).toEqual([4, 3, 4])
  expect(bindings.add(new Binding(x, second.destination, 'k', FieldTable.empty, true))).toBe(false)
  expect([bindings.remove(second), bindings.remove(second)]).toEqual([true, false])
  expect([...bindings.from(x)]).toEqual([first, third])
  for (const b of [third, first]) expect(bindings.remove(b)).toBe(true)
  expect([bindings.size, bindings.countFrom(x), [...bindings.from(x)]]).toEqual([1, 0, []])
  expect(bindings.remove(first)).toBe(false)
  expect(bindings.to(second.destination)).toEqual([])
})

it('that an iteration has not come to are left out once they are removed, and no other is', () => {
  const random = randomOf(7)
  for (let round = 0; round < 200; round++) {
    const [bindings, x] = [new Bindings(), end<Exchange>('x')]
    const all = bound(bindings, x, 12)
    const left = new Set(all)
    const seen: Binding[] = []
    for (const b of bindings.from(x)) {
      expect(left.delete(b)).toBe(true)
      seen.push(b)
      for (let i = random(4); i > 0; i--) {
        const other = all[random(all.length)] as Binding
        bindings.remove(other)
        left.delete(other)
      }
    }
    expect([...left]).toEqual([])
    expect(bindings.countFrom(x)).toBe([...bindings.from(x)].length)
    expect(seen.map((b) => all.indexOf(b))).toEqual(seen.map((b) => all.indexOf(b)).sort((a, b) => a - b))
  }
})
