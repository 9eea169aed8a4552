import { expect, it } from 'vitest'
import { copyOctets, Octets } from '../../src/util/copy.ts'

const octets = (size: number, octet: (i: number) => number): Octets =>
  // Not at the start of its buffer, as pieces of larger memory are not.
  new Octets(new Uint8Array(new ArrayBuffer(size + 11), 11).map((_, i) => octet(i)))

it('copies exactly the octets asked for, whatever their number, value and place', () => {
  // Among them those of floating-point numbers that are none, which must not change on the way.
  const from = octets(2000, (i) => (i % 37 < 12 ? 0xff : (i * 7 + 1) & 0xff))
  for (const size of [...Array(200).keys(), 1000])
    for (const [start, at] of [
      [0, 0],
      [3, 5],
      [101, 1],
      [64, 2],
    ] as const) {
      const to = octets(1200, () => 0xee)
      const expected = Buffer.from(to.bytes)
      Buffer.from(from.bytes).copy(expected, at, start, start + size)
      copyOctets(from, start, start + size, to, at)
      expect([size, start, Buffer.from(to.bytes).equals(expected)]).toEqual([size, start, true])
    }
})

it('refuses to write outside of what it is given', () => {
  for (const size of [20, 600])
    expect(() =>
      copyOctets(
        octets(size, () => 1),
        0,
        size,
        octets(size, () => 2),
        1,
      ),
    ).toThrow(RangeError)
})
