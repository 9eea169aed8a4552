import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { crc32c, crc32cOfText } from '../../src/util/crc32c.ts'
import { anyText } from '../support/texts.ts'

/** Bit by bit, as the polynomial defines it. */
function plainly(octets: Uint8Array, before = 0): number {
  let c = ~before
  for (const o of octets) {
    c ^= o
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1
  }
  return ~c >>> 0
}

const all = Uint8Array.from({ length: 600 }, (_, i) => (i * 167 + (i >> 3)) & 255)

describe('CRC-32C', () => {
  it('is that of RFC 3720', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283)
    expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa)
    expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43)
    expect(crc32c(Buffer.from(Array.from({ length: 32 }, (_, i) => i)))).toBe(0x46dd794e)
  })

  it('is the same for every length, wherever the range begins', () => {
    for (let start = 0; start < 5; start++)
      for (let end = start; end <= all.length; end += end < 80 || end > 500 ? 1 : 17)
        expect(crc32c(all, start, end), `${start} to ${end}`).toBe(plainly(all.subarray(start, end)))
  })

  it('goes on behind what precedes', () => {
    for (const cut of [1, 16, 33, 550])
      expect(crc32c(all, cut, all.length, crc32c(all, 0, cut))).toBe(plainly(all))
  })

  it('is that of the octets of a text', () => {
    const texts = fc.oneof(fc.string(), anyText())
    fc.assert(fc.property(texts, (s) => crc32cOfText(s) === plainly(Buffer.from(s))))
  })
})
