import { expect, it } from 'vitest'
import { copyBytes } from '../../src/util/copy.ts'

it('copies exactly the octets asked for, whatever their number and place', () => {
  const from = Uint8Array.from({ length: 300 }, (_, i) => (i * 7 + 1) & 0xff)
  for (let size = 0; size <= 200; size++)
    for (const [start, at] of [
      [0, 0],
      [3, 5],
      [100, 1],
    ] as const) {
      const to = new Uint8Array(300).fill(0xee)
      const expected = Buffer.from(to)
      Buffer.from(from.buffer, start, size).copy(expected, at)
      copyBytes(from, start, start + size, to, at)
      expect([size, Buffer.from(to).equals(expected)]).toEqual([size, true])
    }
})
